"""A machine on which nothing more can be started."""

from __future__ import annotations

import threading


def no_thread(_: threading.Thread) -> None:
    """What `Thread.start` does where the system has as many threads as it may."""
    raise RuntimeError("can't start new thread")
