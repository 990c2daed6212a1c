"""What costs something to find out is found out once for all who want to know it within a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Begun(Generic[T]):
    """What is being found out, or was: what came of it, an exception too, is the same for all who share it."""

    at: float
    found: Future[T]


class Shared(Generic[T]):
    """Finds out one thing, by one thread of its own and so once at a time. Threads may share it."""

    def __init__(
        self, find_out: Callable[[], T], *, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """What was found out is good for `seconds`, from when it was begun."""
        self._find_out = find_out
        self._seconds = seconds
        self._clock = clock
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="finding-out")
        self._last: Begun[T] | None = None
        self._lock = threading.Lock()

    def begun(self) -> Begun[T]:
        """What is being found out, or was no longer ago than that; otherwise it is begun now. Waits for nothing."""
        with self._lock:
            now = self._clock()
            last = self._last
            if last is None or (now - last.at >= self._seconds and last.found.done()):
                last = self._last = Begun(now, self._pool.submit(self._find_out))
            return last
