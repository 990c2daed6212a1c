"""An end to one value that takes a pattern too long.

A backtracking pattern can need longer than the age of the world for forty characters. `re` cannot be given a time
limit, but it looks for signals while it matches, so a timer whose handler raises does end it.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class TooSlow(Exception):  # noqa: N818 - a fact about a pattern and a value; callers give it a place
    """One value took too long. `position` is which."""

    def __init__(self, position: int) -> None:
        """`position` is the number that the worker had last set."""
        super().__init__(f"value {position} took too long")
        self.position = position


class Patience:
    """A context in which no single position may last longer than about `seconds` (at most twice as long).

    The worker sets `position` as it moves on. Time is the process's CPU time, so a busy machine does no harm.
    Works in the main thread only, where Python delivers signals; elsewhere it does nothing, and the CPU limit of the
    process is what remains.
    """

    def __init__(self, seconds: float) -> None:
        """`seconds` of CPU time for one position."""
        self.position = 0
        self._seconds = seconds
        self._last = -1
        self._former: Any = None
        self._armed = False

    def __enter__(self) -> Patience:
        if threading.current_thread() is threading.main_thread():
            self._former = signal.signal(signal.SIGPROF, self._tick)
            self._armed = True
            signal.setitimer(signal.ITIMER_PROF, self._seconds, self._seconds)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._armed:
            self._armed = False
            signal.setitimer(signal.ITIMER_PROF, 0)
            # A last tick may still wait for another thread; ignoring it drops it, where the default would end us.
            signal.signal(signal.SIGPROF, signal.SIG_IGN)
            signal.signal(signal.SIGPROF, self._former if self._former is not None else signal.SIG_DFL)

    def _tick(self, _signal: int, _frame: FrameType | None) -> None:
        if self._armed and self.position == self._last:
            raise TooSlow(self.position)
        self._last = self.position
