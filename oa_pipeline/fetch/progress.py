"""Tells how far a download is, often enough for a person and seldom enough for a log."""

from __future__ import annotations

from collections.abc import Callable

from .model import OnProgress, Progress

INTERVAL = 0.5


class Reporter:
    """Passes on at most two reports a second, and always the last one."""

    def __init__(self, on_progress: OnProgress | None, clock: Callable[[], float]) -> None:
        """Without `on_progress` it says nothing."""
        self._tell = on_progress
        self._clock = clock
        self._last = float("-inf")

    def at(self, done: int, total: int | None, *, end: bool = False) -> None:
        """`done` of `total` bytes are there."""
        if self._tell is None or (not end and self._clock() - self._last < INTERVAL):
            return
        self._last = self._clock()
        self._tell(Progress(done, total, "bytes"))
