"""Stands between `oa up` and one of its services, so that nothing below outlives either.

Run as a program: `python warden.py GRACE FIRST PROGRAM ARGUMENT...`. It adopts every orphan of the service. Told to end
(also by the kernel, when `oa up` itself was killed), or when the service ends by itself, it asks all that run below it
to end (FIRST is `alone`: the service first, and the others once it has ended), waits GRACE seconds, and kills what is
left. It imports nothing but the standard library, to be small.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
ASKED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
TICK = 0.05


class Asked(BaseException):
    """We are to end."""


def main(arguments: list[str]) -> int:
    """Runs the service and gives its exit status, or 128 and the number of the signal that ended it."""
    until_all = float(arguments[0])
    alone = arguments[1] == "alone"
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    status = 0
    service: subprocess.Popen[bytes] | None = None
    try:
        for number in ASKED:
            signal.signal(number, _ask)
        service = subprocess.Popen(arguments[2:], stdin=subprocess.DEVNULL)
        status = _wait_for(service.pid)
    except Asked:
        pass
    for number in ASKED:
        signal.signal(number, signal.SIG_IGN)
    until = time.monotonic() + until_all
    if alone and service is not None:
        _end_service(service, until)
    _end_all(until)
    return status


def _ask(_number: int, _frame: object) -> None:
    raise Asked


def _wait_for(pid: int) -> int:
    """Waits for one child and collects adopted ones on the way."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _end_service(service: subprocess.Popen[bytes], until: float) -> None:
    """Asks it alone, and waits until it has ended or its time is over."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(service.pid, signal.SIGTERM)
    while service.pid in descendants(os.getpid()) and time.monotonic() < until:
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(service.pid, os.WNOHANG)[0]:
                return
        time.sleep(TICK)


def _end_all(until: float) -> None:
    _tell(signal.SIGTERM)
    while _collect():
        time.sleep(TICK)
        if time.monotonic() > until:
            _tell(signal.SIGKILL)


def _tell(number: signal.Signals) -> None:
    for pid in descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _collect() -> bool:
    """Collects all that have ended; whether any are left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def descendants(pid: int) -> list[int]:
    """All processes below `pid`, parents first."""
    children: dict[int, list[int]] = {}
    for child, parent in _processes():
        children.setdefault(parent, []).append(child)
    found: list[int] = []
    new = children.get(pid, [])
    while new:
        found += new
        new = [child for parent in new for child in children.get(parent, [])]
    return found


def _processes() -> Iterable[tuple[int, int]]:
    """Every process and its parent."""
    if not Path("/proc/self/stat").exists():
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False).stdout
        for line in listed.splitlines():
            child, parent = line.split()
            yield int(child), int(parent)
        return
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                # "pid (name) state ppid ...", and the name may hold anything.
                fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                yield int(folder.name), int(fields[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
