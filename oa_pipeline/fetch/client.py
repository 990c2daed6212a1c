"""One question to a publisher's web server: connect under guard, follow redirects, hand out the open answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse, HTTPHeaderDict, PoolManager, Timeout
from urllib3.exceptions import HTTPError

from ..errors import FetchError, Refused
from .answer import Answer
from .connections import pools
from .cookies import Cookies
from .guard import Guard, Target
from .hosts import Hosts
from .meter import Meter
from .redact import place
from .statuses import retry_after
from .troubles import no_answer

REDIRECTS = frozenset({301, 302, 303, 307, 308})


def user_agent() -> str:
    """Who we say we are."""
    try:
        ours = version("oa_pipeline")
    except PackageNotFoundError:
        ours = "0"
    return f"openaddresses-pipeline/{ours} (+https://openaddresses.io)"


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
        first = target = self._web(url)
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

    def _web(self, url: str) -> Target:
        target = self.guard.target(url)
        if target.scheme == "ftp":
            raise Refused("this is no web address", place=place(url), cure="use http or https here")
        return target

    def _next(self, target: Target, location: str) -> Target:
        # Header bytes arrive as Latin-1; nearly all servers mean UTF-8.
        text = location.encode("latin-1", "replace").decode("utf-8", "replace")
        found = self._web(urljoin(target.url, text))
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
