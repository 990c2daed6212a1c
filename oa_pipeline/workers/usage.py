"""What a run's process uses, with all that it started."""

from __future__ import annotations

import contextlib
from typing import Any

import psutil  # type: ignore[import-untyped]


def used(pid: int) -> dict[str, Any]:
    """Resident bytes and CPU seconds of a process and those below it; only its number where it has just ended."""
    memory, seconds = 0, 0.0
    with contextlib.suppress(psutil.Error):
        top = psutil.Process(pid)
        for process in [top, *top.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                memory += process.memory_info().rss
                times = process.cpu_times()
                seconds += times.user + times.system
    return {"pid": pid, "memory": memory, "cpu_seconds": round(seconds, 2)} if memory else {"pid": pid}
