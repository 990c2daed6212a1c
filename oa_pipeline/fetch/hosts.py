"""Politeness: how many requests one process has open at a host, and hosts that asked to be left alone."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import FetchError

# Esri's own hosting takes more than a county's server room does.
_LARGE = re.compile(r"services\d*\.arcgis\.com")


class Hosts:
    """Shared by all transports of a process; safe to use from threads."""

    def __init__(self, limit: int = 2, large_limit: int = 4, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`limit` requests at a time for each host, `large_limit` for ArcGIS Online's."""
        self._limit = limit
        self._large_limit = large_limit
        self._clock = clock
        self._open: Counter[str] = Counter()
        self._rest_until: dict[str, float] = {}
        self._changed = threading.Condition()

    def limit(self, host: str) -> int:
        """How many requests `host` gets at a time."""
        return self._large_limit if _LARGE.fullmatch(host) else self._limit

    @contextmanager
    def slot(self, host: str, wait: float) -> Iterator[None]:
        """Holds one of the host's places; raises a transient FetchError when none is free for `wait` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._open[host] < self.limit(host), timeout=max(wait, 0.0)):
                raise FetchError(
                    f"{host} had no free place for {wait:.0f} seconds: other downloads from it are under way",
                    cure="try again later",
                    transient=True,
                )
            self._open[host] += 1
        try:
            yield
        finally:
            with self._changed:
                self._open[host] -= 1
                if not self._open[host]:
                    del self._open[host]
                self._changed.notify_all()

    def rest(self, host: str, seconds: float) -> None:
        """`host` asked for a pause; other hosts are not concerned."""
        with self._changed:
            until = self._clock() + seconds
            self._rest_until[host] = max(until, self._rest_until.get(host, until))

    def resting(self, host: str) -> float:
        """Seconds until `host` wants to be asked again; 0 when it may be asked now."""
        with self._changed:
            left = self._rest_until.get(host, 0.0) - self._clock()
            if left <= 0:
                self._rest_until.pop(host, None)
            return max(left, 0.0)
