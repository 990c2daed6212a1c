"""One question to a publisher's web server: connect under guard, follow redirects, hand out the open answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse, HTTPHeaderDict, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from ..errors import FetchError, OAError, Oversized, Truncated
from .connections import pools
from .cookies import Cookies
from .decoding import Decoder
from .guard import Guard, Target
from .hosts import Hosts
from .meter import Meter, Pace
from .redact import place
from .statuses import failure, retry_after
from .troubles import broken_answer, no_answer

REDIRECTS = frozenset({301, 302, 303, 307, 308})
READ = 256 * 1024


def user_agent() -> str:
    """Who we say we are."""
    try:
        ours = version("oa_pipeline")
    except PackageNotFoundError:
        ours = "0"
    return f"openaddresses-pipeline/{ours} (+https://openaddresses.io)"


class Answer:
    """An answer whose status and headers have come and whose body is still to be read. Close it."""

    def __init__(self, method: str, raw: BaseHTTPResponse, target: Target, meter: Meter, held: ExitStack) -> None:
        """`held` is what has to be given back at the end."""
        self.method = method
        self.status = raw.status
        self.headers: Mapping[str, str] = raw.headers
        self.target = target
        self._raw = raw
        self._meter = meter
        self._held = held

    @property
    def length(self) -> int | None:
        """How many decoded bytes are announced; None where that is not known."""
        text = self.headers.get("content-length", "").strip()
        coded = self.headers.get("content-encoding", "").strip().lower() not in {"", "identity"}
        return None if coded or not (text.isascii() and text.isdigit()) else int(text[:18])

    @property
    def _framed(self) -> bool:
        """Whether the end of the body is marked by something else than the end of the connection."""
        return self.method == "HEAD" or "content-length" in self.headers or "transfer-encoding" in self.headers

    @property
    def failure(self) -> FetchError:
        """The error that this answer is."""
        wait = retry_after(self.headers.get("retry-after"))
        return failure(self.status, self.target.url, wait)

    def pieces(self) -> Iterator[bytes]:
        """The decoded body, counted against the budget; raises Truncated when it breaks off."""
        decoder = Decoder(self.headers.get("content-encoding", ""))
        pace = Pace(self._meter)
        total = 0
        try:
            while data := self._read():
                total += len(data)
                came = 0
                for piece in decoder.feed(data):
                    self._meter.take(len(piece))
                    came += len(piece)
                    yield piece
                pace.take(came)
                self._meter.seconds_left()
            decoder.finish()
            if not total and not self._framed:
                # A connection that ended in the headers looks exactly like this.
                raise Truncated("the server hung up before it sent anything", transient=True)
        except OAError as error:
            error.place = error.place or place(self.target.url)
            raise

    def _read(self) -> bytes:
        try:
            return self._raw.read1(READ, decode_content=False) or b""
        except (HTTPError, OSError) as error:
            raise broken_answer(error) from error

    def body(self, most: int) -> bytes:
        """The whole decoded body; raises Oversized beyond `most` bytes."""
        held = bytearray()
        for piece in self.pieces():
            held += piece
            if len(held) > most:
                raise Oversized(
                    f"one answer is larger than {most:,} bytes",
                    place=place(self.target.url),
                    cure="ask for less at a time",
                )
        return bytes(held)

    def close(self) -> None:
        """Gives the connection back when the body was read to its end, else ends it."""
        self._held.close()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Client:
    """Everything one transport's requests share: connections, cookies, places at hosts. Safe to use from threads."""

    def __init__(
        self, guard: Guard, meter: Meter, hosts: Hosts, notes: list[str], sleep: Callable[[float], None]
    ) -> None:
        """`notes` receives what a person should know, each thing once."""
        self.guard = guard
        self.meter = meter
        self.hosts = hosts
        self.notes = notes
        self._sleep = sleep
        self._cookies = Cookies()
        self._pools: dict[bool, PoolManager] = {}
        self._lock = threading.Lock()

    def note(self, text: str) -> None:
        """Adds `text` to the notes unless it is there."""
        with self._lock:
            if text not in self.notes:
                self.notes.append(text)

    def open(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        private: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer at the end of all redirects. `private` headers go to the first host only.

        Raises FetchError where there is none, Refused where a redirect leads to a place we do not go to.
        """
        first = target = self.guard.target(url)
        own = dict(private or {})
        if first.authorization:
            own["Authorization"] = first.authorization
        seen: set[tuple[str, str, str]] = set()
        for _ in range(self.meter.budget.redirects + 1):
            here = (method, target.url, self._cookies.header(target.origin))
            if here in seen:
                raise FetchError("the server redirects in a circle", place=place(url), cure="tell the publisher")
            seen.add(here)
            answer = self._ask(method, target, body, {**(headers or {}), **(own if _same_site(first, target) else {})})
            location = answer.headers.get("location") if answer.status in REDIRECTS else None
            if not location:
                return answer
            answer.close()
            target = self._next(target, location)
            if answer.status == 303 and method != "HEAD":
                method, body = "GET", None
        raise FetchError(
            f"the server redirects more than {self.meter.budget.redirects} times",
            place=place(url),
            cure="use the address at the end of them",
        )

    def _next(self, target: Target, location: str) -> Target:
        # Header bytes arrive as Latin-1; nearly all servers mean UTF-8.
        text = location.encode("latin-1", "replace").decode("utf-8", "replace")
        found = self.guard.target(urljoin(target.url, text))
        if target.scheme != "ftp" and found.scheme == "ftp":
            raise FetchError("the server redirects to ftp", place=place(target.url), cure=f"use {place(found.url)}")
        if target.scheme == "https" and found.scheme == "http":
            self.note(f"https: redirected to plain http ({found.host})")
        return found

    def _ask(self, method: str, target: Target, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        sent = HTTPHeaderDict({"User-Agent": user_agent(), "Accept": "*/*", "Accept-Encoding": "gzip"})
        for name, value in headers.items():
            sent[name] = value
        if cookie := self._cookies.header(target.origin):
            sent["Cookie"] = cookie
        if target.authorization:
            sent["Authorization"] = target.authorization
        held = ExitStack()
        try:
            self.wait_for(target.host, held)
            self.meter.count_request()
            raw = self._send(method, target, body, sent)
            held.callback(_end, raw)
        except BaseException:
            held.close()
            raise
        self._cookies.take(target.origin, raw.headers.getlist("set-cookie"))
        answer = Answer(method, raw, target, self.meter, held)
        if answer.status in {429, 503} and (wait := retry_after(answer.headers.get("retry-after"))):
            self.hosts.rest(target.host, min(wait, self.meter.budget.seconds))
        return answer

    def wait_for(self, host: str, held: ExitStack) -> None:
        """Takes one of the places at `host`, which `held` gives back, and lets it rest as long as it asked for."""
        before = self.meter.clock()
        held.enter_context(self.hosts.slot(host, self.meter.seconds_left()))
        self.meter.excuse(self.meter.clock() - before)
        resting = self.hosts.resting(host)
        if resting >= self.meter.seconds_left():
            raise FetchError(f"{host} asked for a pause of {resting:,.0f} seconds", transient=True, retry_after=resting)
        if resting:
            self._sleep(resting)

    def _send(self, method: str, target: Target, body: bytes | None, headers: HTTPHeaderDict) -> BaseHTTPResponse:
        timeout = Timeout(connect=self.meter.budget.connect_seconds, read=self.meter.patience())
        try:
            return self._pool(target).urlopen(
                method,
                target.url,
                body=body,
                headers=headers,
                timeout=timeout,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except (HTTPError, OSError, ValueError) as error:
            # Without its cause: that may quote the address, and with it a token.
            raise no_answer(error, target.url) from None

    def _pool(self, target: Target) -> PoolManager:
        verified = target.scheme != "https" or self.guard.verifies_tls(target.host)
        if not verified:
            self.note(f"tls: unverified ({target.host})")
        with self._lock:
            if verified not in self._pools:
                self._pools[verified] = pools(self.guard, verified=verified)
            return self._pools[verified]

    def close(self) -> None:
        """Ends every connection."""
        with self._lock:
            for manager in self._pools.values():
                manager.clear()
            self._pools.clear()


def _end(raw: Any) -> None:
    # A body that was not read to its end would be taken for the next answer.
    raw.close()
    raw.release_conn()


def _same_site(first: Target, target: Target) -> bool:
    """Whether `target` may see what was meant for `first`: the same origin, or the same host made secure."""
    if first.origin == target.origin:
        return True
    return first.host == target.host and (first.scheme, target.scheme) == ("http", "https") and target.port == 443
