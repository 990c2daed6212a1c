"""The one way to the outside over http and https."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from .guard import Guard
from .hosts import Hosts
from .model import Budget, OnProgress, Validators
from .reply import Download, Reply, Spent

MIB = 1024 * 1024


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
        """`headers` are the source's own and go only to the host that was asked first."""
        self.budget = budget
        self.notes: list[str] = []

    @property
    def spent(self) -> Spent:
        """Bytes, requests and seconds used so far."""
        raise NotImplementedError

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 64 * MIB,
        attempts: int | None = None,
    ) -> Reply:
        """The whole answer, 2xx only; else FetchError. `attempts=1` leaves retrying to the caller."""
        raise NotImplementedError

    def download(
        self,
        url: str,
        to: Path,
        *,
        validators: Validators | None = None,
        on_progress: OnProgress | None = None,
    ) -> Download:
        """The answer streamed to `to`, complete or not there at all."""
        raise NotImplementedError

    def close(self) -> None:
        """Closes every connection."""

    def __enter__(self) -> Transport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
