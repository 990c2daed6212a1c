"""Recorded deliveries, and how they are sent again."""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...errors import OAError, SettingsError
from ...text import one_line
from .signatures import signature

SECONDS = 30


@dataclass(frozen=True, slots=True)
class Recorded:
    """One delivery."""

    event: str
    guid: str
    body: bytes


def read(path: Path) -> Iterator[Recorded]:
    """The deliveries of a file. Raises OAError that names the file or the line."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OAError(f"cannot be read: {error}", place=str(path), cure="a file of JSON in UTF-8") from None
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if isinstance(whole, dict):
        yield _recorded(whole, str(path))
        return
    for number, line in enumerate(text.split("\n"), 1):  # not at what else divides lines: texts may hold that
        if line.strip():
            place = f"{path}:{number}"
            try:
                yield _recorded(json.loads(line), place)
            except ValueError as error:
                raise OAError(f"no JSON: {error}", place=place, cure="one object in the file, or one a line") from None


def _recorded(found: Any, place: str) -> Recorded:
    if not isinstance(found, dict) or not isinstance(found.get("event"), str) or "payload" not in found:
        raise OAError(
            "no recorded delivery", place=place, cure='an object {"event": ..., "delivery": ..., "payload": {...}}'
        )
    payload = found["payload"]
    body = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
    guid = found.get("delivery") or str(uuid.uuid5(uuid.NAMESPACE_OID, f"{found['event']}\n{body!r}"))
    recorded = Recorded(found["event"], str(guid), body)
    for name in (recorded.event, recorded.guid):
        if not (name.isascii() and name.isprintable()):
            raise OAError(f"{name!r} fits into no header", place=place, cure="event and delivery as GitHub sent them")
    return recorded


def send(url: str, recorded: Recorded, secret: str) -> tuple[int, str]:
    """Sends one delivery. Returns the status and what was said. Raises OAError where nobody answers.

    SettingsError where that is no address.
    """
    connection, path = _connection(url)
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": recorded.event,
        "X-GitHub-Delivery": recorded.guid,
    }
    if secret:
        headers["X-Hub-Signature-256"] = signature(secret, recorded.body)
    try:
        connection.request("POST", path, recorded.body, headers)
        answer = connection.getresponse()
        return answer.status, one_line(answer.read(2000).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException) as error:
        where = f"{connection.host}:{connection.port}"
        raise OAError(f"{where} does not answer: {error}", cure="is `oa web` running?") from error
    finally:
        connection.close()


def _connection(url: str) -> tuple[http.client.HTTPConnection, str]:
    """A connection that is not open yet, and the path to ask for."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in {"http", "https"}:
        raise SettingsError(f"{url!r} is no address of a webhook", cure="http://host:port/hook")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(host, port, timeout=SECONDS), parts.path or "/"
