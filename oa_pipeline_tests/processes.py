"""Processes that tests have started, or that those have left behind."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import psutil


def alive(pid: int) -> bool:
    """Whether it runs: one that has ended does not, whether or not anybody has waited for it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def numbered(pids: Iterable[int]) -> list[psutil.Process]:
    """The processes with these numbers, but for those that have ended."""
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found


def left(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that still run. One whose number was given to another does not."""
    return [process for process in processes if process.is_running() and alive(process.pid)]


def signalled(processes: Iterable[psutil.Process], number: signal.Signals) -> list[psutil.Process]:
    """Sends a signal to each; those that it reached, for some may have ended since they were listed."""
    reached = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
            reached.append(process)
    return reached


def until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    """Waits for it, longer than a machine with much to do takes."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
