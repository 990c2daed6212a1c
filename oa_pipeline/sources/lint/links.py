"""Addresses in a source: where the data is, and where people are sent."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from ...fetch.ports import DEFAULT_PORTS, port_allowed
from ..model import Protocol
from ..values import kind
from .findings import Finding, Subject, shown, text_of

_control = re.compile("[\x00-\x1f\x7f]").search
_scheme = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):").match
_WEB = ("http", "https")
_SCRIPTS = ("data", "javascript", "vbscript")  # what a browser would run


def links(subject: Subject) -> Iterator[Finding]:
    """What is wrong with the protocol and the addresses of a data source."""
    yield from _protocol(subject)
    data = subject.held.get("data")
    if isinstance(data, list):
        data = next(iter(data), None)
    if isinstance(data, str):
        yield from _data(subject, data)
    yield from _website(subject)


def _protocol(subject: Subject) -> Iterator[Finding]:
    protocol = subject.held.get("protocol")
    known = [*(word for word in Protocol if word is not Protocol.ESRI), "ESRI"]
    if protocol is None or protocol in known:
        return
    if not isinstance(protocol, str):
        message = f"unknown protocol {kind(protocol)}"
        yield subject.site.error("unknown-protocol", subject.at("protocol"), message, f"known are {', '.join(known)}")
        return
    same = [word for word in known if word.lower() == protocol.lower()]
    if same:
        cure = f"write '{same[0]}'"
        yield subject.site.warning("protocol-case", subject.at("protocol"), f"odd case of {shown(protocol)}", cure)
    else:
        message = f"unknown protocol {shown(protocol)}"
        yield subject.site.error("unknown-protocol", subject.at("protocol"), message, f"known are {', '.join(known)}")


def _data(subject: Subject, data: str) -> Iterator[Finding]:
    where, site = subject.at("data"), subject.site
    address = data.strip()
    if address != data:
        yield site.warning("blank-address", where, "blanks around the address", "remove them")
    fault = _fault(address, site.allow_local)
    if fault:
        yield site.error("bad-address", where, fault, "give an address that starts with https://, http:// or ftp://")
        return
    parts = urlsplit(address)
    scheme = parts.scheme.lower()
    if scheme == "file":
        return
    if parts.username or parts.password:
        cure = "ask the publisher for a public address; whoever reads this file can use the account"
        yield site.warning("address-with-account", where, "a user name or password is part of the address", cure)
    yield from _port(subject, parts, scheme)
    yield from _suits(subject, scheme)


def _fault(address: str, allow_local: bool) -> str:
    """Why nobody will go to `address`; empty where they may."""
    if not address:
        return "the address is empty"
    if _control(address):
        return "the address holds a control character or a line break"
    found = _scheme(address)
    if not found:
        return "the address does not start with a scheme and a host"  # not shown: it may hold a password
    scheme = found.group(1).lower()
    if scheme == "file":
        return "" if allow_local else "local files are not read"
    if scheme not in DEFAULT_PORTS:
        return f"addresses that start with {shown(scheme + ':')} are not fetched"
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "the host or the port of the address cannot be read"
    if not host:
        return "the address names no host"
    if not allow_local and _private(host):
        return f"{shown(host)} is not a public host"
    return ""


def _private(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(host.partition("%")[0]).is_global
    except ValueError:
        return False


def _port(subject: Subject, parts: SplitResult, scheme: str) -> Iterator[Finding]:
    port = DEFAULT_PORTS[scheme] if parts.port is None else parts.port
    if not port_allowed(scheme, port) and not subject.site.allow_local:
        cure = "ask the publisher for port 80 or 443" if scheme in _WEB else "ftp is fetched from port 21"
        yield subject.site.error("bad-port", subject.at("data"), f"port {port} is not fetched from with {scheme}", cure)


def _suits(subject: Subject, scheme: str) -> Iterator[Finding]:
    protocol = text_of(subject.held, "protocol").lower()
    if protocol == Protocol.ESRI and scheme not in _WEB:
        message = f"an ArcGIS layer cannot be reached with {scheme}"
        yield subject.site.error("protocol-mismatch", subject.at("data"), message, "use its https address")
    elif (protocol == Protocol.FTP) != (scheme == "ftp") and protocol in tuple(Protocol):
        message = f"the protocol is '{protocol}' and the address starts with {scheme}"
        cure = "write 'ftp'" if scheme == "ftp" else "write 'http'"
        yield subject.site.warning("protocol-mismatch", subject.at("protocol"), message, cure)


def _website(subject: Subject) -> Iterator[Finding]:
    website = text_of(subject.held, "website").strip()
    found = _scheme(website)
    if found and found.group(1).lower() not in DEFAULT_PORTS:
        report = subject.site.error if found.group(1).lower() in _SCRIPTS else subject.site.warning
        message = f"a website cannot start with {shown(found.group())}"
        yield report("bad-website", subject.at("website"), message, "give its https address")
