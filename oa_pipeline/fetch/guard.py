"""Where a fetch may go. Names prove nothing, so the address that is really connected to decides."""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from ..errors import FetchError, Refused
from .addresses import is_public
from .ports import port_allowed
from .redact import place

DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21}
LONGEST_URL = 16_384
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\\]")
Resolve = Callable[..., list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart. `url` carries no credentials; `user` and `password` are what it had."""

    scheme: str
    host: str
    port: int
    url: str
    user: str = ""
    password: str = ""

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what cookies and our own headers belong to."""
        return self.scheme, self.host, self.port

    @property
    def authorization(self) -> str:
        """The value of a basic `Authorization` header, or nothing."""
        if not (self.user or self.password):
            return ""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Guard:
    """The rule for one process. The defaults are production's: public addresses only, TLS always verified.

    `allow_local` lets everything on this machine and its network be reached. `allowed_peers` names single (ip, port)
    pairs that are reached although they are not public; it exists for tests. `resolve` is the resolver.
    """

    allow_local: bool = False
    unverified_tls_hosts: frozenset[str] = frozenset()
    allowed_peers: frozenset[tuple[str, int]] = frozenset()
    resolve: Resolve = socket.getaddrinfo

    def target(self, url: str) -> Target:
        """`url` taken apart; raises Refused for what is not a fetchable http, https or ftp address."""
        text = url.strip()
        if not text:
            raise Refused("there is no address", cure="give `data` an http, https or ftp address")
        if len(text) > LONGEST_URL:
            raise Refused(f"the address is longer than {LONGEST_URL} characters", place=place(url))
        if _UNPRINTABLE.search(text):
            raise Refused("the address holds a backslash or a control character", place=place(url))
        scheme = text.partition(":")[0].lower() if ":" in text else ""
        if scheme not in DEFAULT_PORTS:
            raise Refused(
                "the address does not begin with http://, https:// or ftp://",
                place=place(url),
                cure="only these are fetched; local files need OA_ALLOW_LOCAL_SOURCES=1",
            )
        target = self._split(text, scheme)
        self.check_port(target.scheme, target.host, target.port)
        return target

    def _split(self, text: str, scheme: str) -> Target:
        try:
            if scheme == "ftp":
                split = urlsplit(text)
                host, port, auth = (split.hostname or ""), split.port, split.netloc.rpartition("@")[0]
                clean = split._replace(netloc=split.netloc.rpartition("@")[2]).geturl()
            else:
                parsed = parse_url(text)
                host, port, auth = (parsed.host or "").strip("[]"), parsed.port, parsed.auth or ""
                clean = parsed._replace(auth=None, fragment=None).url
        except (LocationParseError, ValueError):
            # Without its cause: that quotes the address, and with it a password.
            raise Refused("the address cannot be read", place=place(text)) from None
        if not host:
            raise Refused("the address names no host", place=place(text))
        user, _, password = auth.partition(":")
        if port is None:
            port = DEFAULT_PORTS[scheme]
        return Target(scheme, host.lower(), port, clean, unquote(user), unquote(password))

    def check_port(self, scheme: str, host: str, port: int) -> None:
        """Raises Refused where `scheme` is not spoken at `port`."""
        if self.allow_local or (host, port) in self.allowed_peers or port_allowed(scheme, port):
            return
        raise Refused(
            f"{scheme} is not fetched from port {port}",
            place=f"{scheme}://{host}:{port}",
            cure="ports 80, 443 and most from 1024 up are; ftp at 21 only",
        )

    def allows(self, address: str, port: int) -> bool:
        """Whether a socket may be connected to `address` and `port`."""
        return self.allow_local or (address, port) in self.allowed_peers or is_public(address)

    def check_peer(self, sock: socket.socket, host: str) -> None:
        """Raises Refused where the socket's other end is not where we may go. `host` is for the message."""
        address, port = sock.getpeername()[:2]
        if not self.allows(address, port):
            raise _refused_peer(host, address)

    def connect(self, host: str, port: int, timeout: float | None, options: Any = ()) -> socket.socket:
        """A connected, checked socket. One address of `host` that is not public refuses all of them.

        Raises FetchError for names that do not exist, OSError where nobody answers.
        """
        last: OSError | None = None
        for family, address in self._resolved(host, port):
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                for option in options:
                    sock.setsockopt(*option)
                sock.settimeout(timeout)
                sock.connect(address)
                self.check_peer(sock, host)
            except OSError as error:
                sock.close()
                last = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise last or OSError("the name has no addresses")

    def _resolved(self, host: str, port: int) -> list[tuple[socket.AddressFamily, Any]]:
        try:
            answers = self.resolve(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise FetchError(
                f"the name {host} cannot be resolved",
                cure="check the address; the publisher may have moved",
                transient=error.errno == socket.EAI_AGAIN,
            ) from error
        except UnicodeError as error:
            raise Refused(f"{host[:80]!r} is not a host name") from error
        found = [(family, address) for family, _, _, _, address in answers]
        for _, address in found:
            if not self.allows(address[0], address[1]):
                raise _refused_peer(host, address[0])
        return found

    def verifies_tls(self, host: str) -> bool:
        """Whether the certificate of `host` must be valid."""
        return host.lower() not in self.unverified_tls_hosts


def _refused_peer(host: str, address: str) -> Refused:
    shown = host if host == address else f"{host} ({address})"
    return Refused(
        f"{shown} is not a public address",
        cure="publish the data on the public internet; on a machine of your own set OA_ALLOW_LOCAL_SOURCES=1",
    )
