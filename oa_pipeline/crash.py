"""Named points at which a process can be made to die by SIGKILL, to see that what it leaves is put right.

`OA_CRASH_AT` is for tests alone and needs `OA_DEV=1`. Either it names a point, and whoever reaches that for the N-th
time dies: `publish.done`, `fetch.first-byte:2`. Or it names a file, as `@/path`: nothing happens while there is no such
file; the process that reaches the point that stands in it removes the file and dies, so that the next try goes through.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

POINTS = (
    "worker.taken",  # the worker itself: a run is its own and no child has been asked for
    "run.opened",
    "fetch.first-byte",
    "fetch.done",
    "convert.started",
    "convert.done",
    "publish.first-object",
    "publish.before-index",
    "publish.done",
    "ledger.before-end",
    "ledger.after-end",
    "dagster.before-materialization",
    "dagster.after-materialization",
)
VARIABLE = "OA_CRASH_AT"
_reached: Counter[str] = Counter()


def point(name: str) -> None:
    """Ends this process without a word if it was asked to die here. Nothing is looked at where nobody asked."""
    asked = os.environ.get(VARIABLE)
    if asked:
        _at(name, asked)


def checked(asked: str) -> str:
    """What was asked for, if that can be done; raises ValueError."""
    if not asked or asked.startswith("@"):
        return asked
    name, _, times = asked.partition(":")
    if name not in POINTS:
        raise ValueError(f"there is no point {name!r}; there are {', '.join(POINTS)}")
    if times and not (times.isdecimal() and int(times)):
        raise ValueError("say how often after the colon, from 1")
    return asked


def _at(name: str, asked: str) -> None:
    from .settings import Settings

    Settings.from_env()  # refuses it where it must not be
    file = Path(asked[1:]) if asked.startswith("@") else None
    if file is not None:
        try:
            asked = checked(file.read_text(encoding="utf-8").strip())
        except FileNotFoundError:
            return
    wanted, _, times = asked.partition(":")
    if wanted != name:
        return
    _reached[name] += 1
    if _reached[name] == int(times or 1):
        if file is not None:
            file.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
