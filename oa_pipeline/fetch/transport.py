"""The one way to the outside over http and https."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from urllib.parse import urlencode

from ..errors import FetchError, SourceError
from .client import Client
from .download import Wish, download
from .guard import Guard
from .hosts import Hosts
from .meter import Meter
from .model import Budget, OnProgress, Validators
from .reply import Download, Reply, Spent
from .retry import Patience

MIB = 1024 * 1024
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# A source may say who it is and where it comes from; how bytes travel is ours.
_OURS = frozenset(
    {"accept-encoding", "connection", "content-encoding", "content-length", "expect", "host", "keep-alive"}
    | {"if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"}
    | {"proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")


class Transport:
    """Requests of one data source: guarded, counted against one budget, polite to hosts. Safe to use from threads."""

    def __init__(
        self,
        guard: Guard,
        budget: Budget,
        *,
        hosts: Hosts | None = None,
        headers: Sequence[tuple[str, str]] = (),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`headers` are the source's own and go only to the host that was asked first.

        Raises SourceError for a header that cannot be sent.
        """
        self.guard = guard
        self.budget = budget
        self.hosts = hosts or Hosts()
        self.notes: list[str] = []
        self.meter = Meter(budget, clock)
        self._sleep = sleep
        self.private = _checked(headers)
        self.client = Client(guard, self.meter, self.hosts, self.notes, sleep)

    @property
    def spent(self) -> Spent:
        """Bytes, requests and seconds used so far."""
        return self.meter.spent

    def patience(self, attempts: int | None = None) -> Patience:
        """Fresh tries for one request."""
        return Patience(self.meter, attempts or self.budget.attempts, self._sleep)

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 64 * MIB,
        attempts: int | None = None,
    ) -> Reply:
        """The whole answer, 2xx only; else FetchError, Oversized beyond `max_bytes`.

        `attempts=1` leaves retrying to the caller. `params` are added to the address's own.
        """
        asked = _with(url, params)
        sent = {**(FORM if isinstance(data, Mapping) else {}), **(headers or {})}
        body = urlencode(data).encode() if isinstance(data, Mapping) else data
        patience = self.patience(attempts)
        while True:
            try:
                return self._once(method, asked, body, sent, max_bytes)
            except FetchError as error:
                patience.again(error)

    def _once(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], max_bytes: int) -> Reply:
        began = self.meter.clock()
        with self.client.open(method, url, body=body, headers=headers, private=self.private) as answer:
            if not 200 <= answer.status < 300 or answer.status in {204, 205, 206}:
                raise answer.failure
            held = answer.body(max_bytes)
            return Reply(answer.status, answer.headers, held, answer.target.url, self.meter.clock() - began)

    def download(
        self,
        url: str,
        to: Path,
        *,
        validators: Validators | None = None,
        on_progress: OnProgress | None = None,
    ) -> Download:
        """The answer streamed to `to`, complete or not there at all.

        With `validators` the publisher may answer "unchanged": then nothing is written and `not_modified` is true.
        """
        return download(self.client, self.patience(), Wish(url, to, self.private, validators, on_progress))

    def ask(self, url: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str]]:
        """Status and headers of a GET whose body is not read: 200 or 304, else FetchError."""
        patience = self.patience()
        while True:
            try:
                with self.client.open("GET", url, headers=headers, private=self.private) as answer:
                    if answer.status not in {200, 304}:
                        raise answer.failure
                    return answer.status, answer.headers
            except FetchError as error:
                patience.again(error)

    def close(self) -> None:
        """Closes every connection."""
        self.client.close()

    def __enter__(self) -> Transport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _checked(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    for name, value in headers:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise SourceError(
                f"the request header {name[:60]!r} cannot be sent",
                place="request.headers",
                cure="use one line of Latin letters",
            )
        if name.lower() in _OURS:
            raise SourceError(
                f"the request header {name!r} is not the source's to set", place="request.headers", cure="remove it"
            )
    return dict(headers)


def _with(url: str, params: Mapping[str, object] | None) -> str:
    if not params:
        return url
    address, mark, fragment = url.partition("#")
    joint = "" if address.endswith(("?", "&")) else "&" if "?" in address else "?"
    return f"{address}{joint}{urlencode(params)}{mark}{fragment}"
