"""Times a command as a whole: wall-clock seconds, CPU seconds of it and all its children, peak resident memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

_HZ = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Seconds and bytes. `peak` is of the process tree, sampled."""

    wall: float
    cpu: float
    peak: int


def run(command: list[str]) -> Cost:
    """Runs the command; raises with what it said when it fails."""
    before = os.times()
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watcher = _Peak(process.pid)
    said, _ = process.communicate()
    wall = time.perf_counter() - started
    peak = watcher.stop()
    after = os.times()
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{said}")
    cpu = (after.children_user - before.children_user) + (after.children_system - before.children_system)
    return Cost(wall, cpu, peak)


class _Peak:
    """The largest resident size of any one process below `pid`, looked at twenty times a second."""

    def __init__(self, pid: int) -> None:
        self._pid, self._most, self._done = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            for pid in _tree(self._pid):
                self._most = max(self._most, _resident(pid))

    def stop(self) -> int:
        self._done.set()
        self._thread.join()
        return self._most


def _tree(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        except OSError:
            continue
        found += [int(child) for child in children.split()]
    return found


def _resident(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
