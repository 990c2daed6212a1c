"""What runs inside a converter: reads its task, does it, and writes its answer. No network, no secrets."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import OAError, Problem
from .pipeline import Tell, convert, try_tests
from .task import Outcome, Task


def _maps(task: Task, work: Path, tell: Tell) -> Outcome:
    from ..maps.walled import make

    return make(task, work, tell)


_BODIES = {"convert": convert, "tests": try_tests, "maps": _maps}


def body(work: Path, events: int, walls: dict[str, str]) -> None:
    """Does the task in `work`; `events` is a pipe for lines of JSON that say how far it is."""
    task = Task.from_json(json.loads((work / "task.json").read_text()))

    def tell(event: dict[str, Any]) -> None:
        os.write(events, (json.dumps(event) + "\n").encode())

    started = time.monotonic()
    try:
        outcome = _BODIES[task.what](task, work, tell)
    except OAError as error:
        outcome = Outcome(error.problem, error.detail, error.cure)
    except MemoryError:
        limit = task.limits.memory // 1024**2
        outcome = Outcome(
            Problem.CONFORM_FAILED, f"needs more than {limit} MiB of memory", "raise OA_CONVERT_MEMORY_MIB"
        )
    seconds = {**outcome.seconds, "convert": round(time.monotonic() - started, 3)}
    outcome = replace(outcome, walls=walls, seconds=seconds, versions=_versions())
    # Half a surrogate can come in from JSON and cannot go out: it would make the answer unreadable.
    (work / "outcome.json").write_bytes(json.dumps(outcome.as_json(), ensure_ascii=False).encode("utf-8", "replace"))


def _versions() -> dict[str, str]:
    import pyogrio
    import pyproj
    import shapely

    gdal = ".".join(map(str, pyogrio.__gdal_version__))
    return {"gdal": gdal, "geos": shapely.geos_version_string, "proj": str(pyproj.__proj_version__)}
