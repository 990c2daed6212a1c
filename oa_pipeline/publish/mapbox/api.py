"""The three questions of Mapbox's uploads: where to put the file, what shall be made of it, and how far that is.

The token travels in the address, so that this speaks HTTP itself: nothing here logs or tells an address.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import certifi

from ...text import clean_text
from .account import Account, MapboxError

LARGEST = 1 << 20  # bytes of an answer
LONGEST_MESSAGE = 300
LONGEST_PAUSE = 120.0  # seconds, whatever Mapbox asks for
_REFUSED = (401, 403, 404)
_LATER = 429


@dataclass(frozen=True, slots=True)
class Staging:
    """Where the file goes, and what opens that place for a while. `url` is how Mapbox calls it."""

    bucket: str
    key: str
    url: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class State:
    """How an upload stands. `error` is Mapbox's own word on why it failed."""

    complete: bool
    error: str
    share: float


@dataclass(frozen=True)
class Api:
    """Asks for one account. `tries` questions at most, each pause twice as long as the one before."""

    account: Account
    tries: int = 6
    pause: float = 2.0
    timeout: float = 60.0
    sleep: Callable[[float], None] = time.sleep

    def credentials(self) -> Staging:
        """A place for a file. Raises MapboxError, as all of these do."""
        said = self._ask("GET", "credentials")
        names = ("bucket", "key", "url", "accessKeyId", "secretAccessKey", "sessionToken")
        return Staging(*(self._text(said, name) for name in names))

    def begin(self, url: str) -> str:
        """The number of a new upload of what lies there. Asked twice, the same tileset is made twice of the same."""
        return self._text(self._ask("POST", "", {"tileset": self.account.tileset, "url": url}), "id")

    def state(self, upload: str) -> State:
        """How it stands."""
        said = self._ask("GET", upload)
        share, error = said.get("progress"), said.get("error")
        return State(
            said.get("complete") is True,
            self._tidy(str(error)) if error is not None else "",
            float(share) if isinstance(share, int | float) else 0.0,
        )

    def _ask(self, method: str, what: str, body: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        trouble = ""
        for again in range(self.tries):
            wait = self.pause * 2**again
            try:
                status, headers, data = self._once(method, what, body)
            except (OSError, http.client.HTTPException) as error:
                # Its text may hold the address: only the kind is told.
                trouble = f"did not answer: {type(error).__name__}"
            else:
                if 200 <= status < 300:
                    return self._object(data)
                trouble = f"answered {status}{self._message(data)}"
                if status != _LATER and status < 500:
                    raise self._refused(trouble, status)
                wait = max(wait, _seconds(headers.get("Retry-After")))
            if again < self.tries - 1:
                self.sleep(min(wait, LONGEST_PAUSE))
        raise MapboxError(f"Mapbox {trouble}, {self.tries} times", cure="the next run uploads it again")

    def _once(
        self, method: str, what: str, body: Mapping[str, str] | None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        where = urlsplit(self.account.api)
        host = where.hostname or ""
        connection = (
            http.client.HTTPSConnection(
                host, where.port, timeout=self.timeout, context=ssl.create_default_context(cafile=certifi.where())
            )
            if where.scheme == "https"
            else http.client.HTTPConnection(host, where.port, timeout=self.timeout)
        )
        parts = [quote(part, safe="") for part in (self.account.user, what) if part]
        path = (
            f"{where.path.rstrip('/')}/uploads/v1/{'/'.join(parts)}?{urlencode({'access_token': self.account.token})}"
        )
        headers = {"Accept": "application/json", "User-Agent": "oa_pipeline"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            data = answer.read(LARGEST)
            if answer.length and len(data) < LARGEST:
                raise http.client.IncompleteRead(data)
            return answer.status, answer.headers, data
        finally:
            connection.close()

    def _object(self, data: bytes) -> Mapping[str, Any]:
        try:
            said = json.loads(data)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise MapboxError("Mapbox answered with something that is no JSON object")
        return said

    def _text(self, said: Mapping[str, Any], name: str) -> str:
        value = said.get(name)
        if not isinstance(value, str) or not value:
            raise MapboxError(f"Mapbox's answer has no {name}")
        return value

    def _message(self, data: bytes) -> str:
        try:
            said = json.loads(data)
        except ValueError:
            return ""
        message = said.get("message") if isinstance(said, dict) else None
        return f": {self._tidy(message)}" if isinstance(message, str) and message else ""

    def _tidy(self, text: str) -> str:
        return " ".join(clean_text(self.account.masked(text))[0].split())[:LONGEST_MESSAGE]

    def _refused(self, trouble: str, status: int) -> MapboxError:
        cure = (
            "OA_MAPBOX_TOKEN must be a secret token of OA_MAPBOX_USER with the scopes uploads:read and uploads:write"
            if status in _REFUSED
            else "see OA_MAPBOX_USER and OA_MAPBOX_TILESET"
        )
        return MapboxError(f"Mapbox {trouble}", cure=cure)


def _seconds(text: str | None) -> float:
    """What Retry-After asks for; nothing where it names a date."""
    return float(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 6 else 0.0
