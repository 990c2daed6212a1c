"""Watches over a run from a second thread: it beats, and stops the run when its time or its right has ended."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from ..errors import PublishError


class Stopped(BaseException):
    """The run must end now. Not an Exception, so that nothing on its way up takes it for a failure of its own."""


class PastDeadline(Stopped):
    """The run took longer than a run may."""


class Superseded(Stopped):
    """The run has been ended by others, or a newer run of the same data source has taken its place."""


class Watch:
    """What is known of a run's end: `check` raises it, and so does a signal where the run is the main thread."""

    def __init__(self) -> None:
        self.reason: type[Stopped] | None = None

    def check(self) -> None:
        """Raises Stopped if the run must end."""
        if self.reason is not None:
            raise self.reason


@contextlib.contextmanager
def watched(
    beat: Callable[[], bool],
    *,
    every: float,
    deadline: float,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Watch]:
    """Calls `beat` every so many seconds. Raises Superseded in the run once it says False, PastDeadline when due.

    A ledger that cannot be reached stops nobody: the work goes on, and its end is what must be written.
    """
    watch, over = Watch(), threading.Event()
    until = clock() + deadline
    main = threading.current_thread() is threading.main_thread()

    def look() -> None:
        while not over.wait(max(0.05, min(every, until - clock()))):
            reason: type[Stopped] | None = None
            if clock() >= until:
                reason = PastDeadline
            else:
                with contextlib.suppress(PublishError):
                    reason = None if beat() else Superseded
            if reason is not None:
                watch.reason = reason
                if main and not over.is_set():
                    os.kill(os.getpid(), signal.SIGALRM)  # wakes whatever the main thread waits in
                return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if not over.is_set():
            watch.check()

    former = signal.signal(signal.SIGALRM, interrupt) if main else None
    thread = threading.Thread(target=look, name="watch", daemon=True)
    try:
        try:
            thread.start()  # it may already be time
            yield watch
        finally:
            over.set()
    finally:  # also where the signal came in before that
        if thread.is_alive():
            thread.join()
        if main:
            signal.signal(signal.SIGALRM, former)
