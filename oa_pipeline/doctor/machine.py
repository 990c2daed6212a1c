"""This machine: room, memory, files, programs, and the walls that its kernel can raise."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

from .means import Means
from .verdicts import Check, Verdict, note, ok, warning, wrong

LEAST_MEMORY_GIB = 1.8
LEAST_FILES = 1024
FULL = 0.9
GIB = 1024**3


def disk(means: Means) -> Verdict:
    """Room for work folders, logs and pages."""
    place = next(p for p in (means.settings.home.resolve(), *means.settings.home.resolve().parents) if p.is_dir())
    if not os.access(place, os.W_OK | os.X_OK):
        return wrong(f"{place} cannot be written by this account", "correct OA_HOME, or its owner (chown)")
    use = shutil.disk_usage(place)
    said = f"{place} has {use.free / GIB:,.1f} of {use.total / GIB:,.1f} GiB free"
    if means.runs and use.free < means.settings.least_free_mib * 1024**2:
        return wrong(
            f"{said}: the worker takes no runs", "make room, or a larger disk; OA_LEAST_FREE_MIB is where it stops"
        )
    if use.used / (use.used + use.free) > FULL:
        return warning(said, "make room before it is full: `oa prune`, old logs")
    return ok(said)


def memory(means: Means) -> Verdict:
    """Memory and swap."""
    import psutil  # type: ignore[import-untyped]

    have, swap = psutil.virtual_memory(), psutil.swap_memory()
    free = f"{have.available / GIB:.1f} of them available"
    said = f"{have.total / GIB:.1f} GiB of memory, {free}, {swap.total / GIB:.1f} GiB of swap"
    if (have.total + swap.total) / GIB < LEAST_MEMORY_GIB:
        return warning(said, f"less than {LEAST_MEMORY_GIB} GiB is too little for a worker; add swap")
    return ok(said)


def files(means: Means) -> Verdict:
    """How many files a process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < LEAST_FILES:
        return warning(f"a process may have {soft} files open", f"raise it to {LEAST_FILES} (ulimit -n)")
    return ok(f"a process may have {soft} files open")


def clock(means: Means) -> Verdict:
    """Whether this machine's clock is kept right, where it can be asked."""
    program = shutil.which("timedatectl")
    if program is None:
        return note("nobody here says whether the clock is kept right; database.clock compares it")
    asked = [program, "show", "--property=NTPSynchronized", "--value"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=10)
    if done.returncode or done.stdout.strip() not in {"yes", "no"}:
        return note("timedatectl does not say whether the clock is kept right; database.clock compares it")
    if done.stdout.strip() == "no":
        return warning("the clock of this machine is not kept right", "start systemd-timesyncd or chrony")
    return ok("the clock of this machine is kept right")


def walls(means: Means) -> Verdict:
    """Which walls stand around a process that reads hostile data: one is put behind them."""
    if not means.runs:
        return note("nothing is converted here")
    from ..convert.sandbox import Program
    from ..convert.sandbox.walls import UP, missing
    from ..convert.task import Limits

    true = shutil.which("true", path="/usr/bin:/bin")
    if true is None:
        return note("there is no program to try it with")
    with means.converter() as converter, tempfile.TemporaryDirectory(prefix="oa-doctor-") as name:
        place = Path(name) / "work"
        place.mkdir()
        limits = Limits(memory=GIB, cpu_seconds=10, seconds=20, file_bytes=1024**2)
        found = converter.execute(Program(str(Path(true).resolve())), place, limits=limits).walls
    down = missing(found)
    standing = ", ".join(sorted(wall for wall, state in found.items() if state == UP))
    if not down:
        return ok(f"all walls stand that are needed: {standing}")
    said = f"walls are missing: {'; '.join(f'{wall} ({why})' for wall, why in sorted(down.items()))}"
    cure = "use a kernel with seccomp and Landlock (5.13 or newer), and no container that forbids them"
    if means.settings.sandbox == "required":
        return wrong(f"{said}; with OA_SANDBOX=required every conversion fails", cure)
    return warning(said, cure)


def tiles(means: Means) -> Verdict:
    """The program that makes vector tiles. (Chromium is for tests alone.)"""
    if not means.runs:
        return note("no tiles are made here")
    from ..maps.tippecanoe import program

    place = program()
    done = subprocess.run([place, "--version"], capture_output=True, text=True, check=False, timeout=20)
    said = (done.stderr or done.stdout).strip().splitlines()
    if done.returncode not in {0, 1} or not said:
        return wrong(f"{place} does not start: exit status {done.returncode}", "install the package tippecanoe again")
    return ok(said[0])


CHECKS = (
    Check("machine.disk", "is there room below OA_HOME", disk),
    Check("machine.memory", "is there enough memory", memory),
    Check("machine.files", "may enough files be open", files),
    Check("machine.clock", "is the clock kept right", clock),
    Check("machine.walls", "do the sandbox's walls stand", walls),
    Check("machine.tiles", "does tippecanoe start", tiles),
)
