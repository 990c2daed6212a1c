"""A run's preview and slippy map: made after its results, of them, within bounds, and never at their cost.

Whatever goes wrong here is told (log, warnings, index.json) and the run goes on without the map.
"""

from __future__ import annotations

import html
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..convert.outputs.sinks import described
from ..convert.sandbox import Converter
from ..convert.task import Limits, Outcome, Output, Task
from ..errors import MapError, OAError
from ..maps.tippecanoe import GIB, Made, make_tiles
from ..maps.tippecanoe import LIMITS as TILING
from ..settings import Settings
from ..sources.model import DataSource
from ..text import one_line
from .folder import take
from .wanted import Wanted

WORK = "maps"
TILES = "slippymap.pmtiles"
LAYER, NAME, DROP_RATE, HIGHEST = "dots", "OpenAddresses Dots", 3, 14
MOST_OF_GLIMPSE = 48 * 1024  # bytes
THREADS = "2"  # several runs share a machine
MAY_TILE = replace(TILING, memory=16 * GIB, file_bytes=16 * GIB)
OnProgress = Callable[[str, int, int | None], None]


def without(name: str) -> str:
    """How a warning begins that tells why there is no such map."""
    return f"There is no {name}: "


@dataclass(slots=True)
class Maps:
    """What came of it. `facts`: of `preview` and `slippy map`, for index.json; `warnings`: why one is missing.

    `glimpse`: the preview, small; b"" where it is not small enough to be kept in an event.
    """

    outputs: dict[str, Output] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    glimpse: bytes = b""

    def missing(self, name: str, error: Exception) -> None:
        """Notes why there is no such map."""
        why = error.detail if isinstance(error, OAError) else f"{type(error).__name__}: {error}"
        said = one_line(why)[:500]
        self.facts[name] = {"trouble": said}
        self.warnings.append(f"{without(name)}{said}. The data are not affected")


def draw(
    converter: Converter,
    data_source: DataSource,
    parquet: Path,
    folder: Path,
    wanted: Wanted,
    *,
    settings: Settings,
    on_progress: OnProgress,
) -> Maps:
    """Makes the wanted maps of the result `parquet` in `folder`, both within OA_MAP_SECONDS."""
    maps = Maps()
    ends = time.monotonic() + settings.map_seconds
    lines = _picture(converter, data_source, parquet, folder, wanted, settings, on_progress, maps)
    if lines is None:
        return maps
    try:
        with _workfolder(folder) as work:
            made = make_tiles(
                converter,
                work,
                arguments(data_source),
                lines,
                seconds=max(1.0, ends - time.monotonic()),
                limits=MAY_TILE,
                path=settings.tippecanoe,
                threads=THREADS,
                on_progress=lambda what, much: on_progress("tiles", round(much), 100 if what == "tiles" else None),
            )
            _keep(made, folder, maps)
    except (OAError, OSError) as error:
        maps.missing("slippy map", error)
    finally:
        lines.unlink(missing_ok=True)
    return maps


def arguments(data_source: DataSource) -> list[str]:
    """What tippecanoe is asked. Viewers show an attribution as HTML, so that of the source is made text here."""
    attribution = data_source.licence.attribution_name or data_source.licence.text
    named = [f"--attribution={html.escape(one_line(attribution))[:500]}"] if attribution else []
    return [
        f"--layer={LAYER}",
        f"--name={NAME}",
        f"--description={one_line(data_source.key)}",
        *named,
        "--minimum-zoom=0",
        f"--maximum-zoom={HIGHEST}",
        f"--drop-rate={DROP_RATE}",
        # Only where a tile would be too large for a browser.
        "--drop-densest-as-needed",
    ]


def _picture(
    converter: Converter,
    data_source: DataSource,
    parquet: Path,
    folder: Path,
    wanted: Wanted,
    settings: Settings,
    on_progress: OnProgress,
    maps: Maps,
) -> Path | None:
    """Makes the preview; the lines of the slippy map, where one is wanted."""
    began = time.monotonic()
    kinds = tuple(kind for kind, is_wanted in (("preview", wanted.preview), ("lines", wanted.tiles)) if is_wanted)
    try:
        with _workfolder(folder) as work:
            task = Task(
                source=data_source.source,
                layer=str(data_source.layer),
                name=data_source.name,
                declared={},
                coverage={},
                input=os.path.relpath(parquet, work),
                input_form="file",
                file_name=parquet.name,
                content_type="",
                what="maps",
                formats=kinds,
                limits=limits_of(settings),
            )
            outcome = converter.run(task, work, input=parquet, on_event=_telling(on_progress))
            take(outcome.outputs, task, work, folder)
    except (OAError, OSError) as error:
        for name in (*(["preview"] if wanted.preview else []), *(["slippy map"] if wanted.tiles else [])):
            maps.missing(name, error)
        return None
    maps.seconds["preview"] = round(time.monotonic() - began, 3)
    if "preview" in outcome.outputs:
        maps.outputs["preview"] = outcome.outputs["preview"]
        maps.glimpse = _taken(folder / "glimpse.png")
        maps.facts["preview"] = {"points": outcome.outputs["preview"].rows, "seconds": maps.seconds["preview"]}
    elif wanted.preview:
        maps.missing("preview", MapError("no row has a place"))
    return _lines(outcome, folder, maps) if wanted.tiles else None


def _taken(path: Path) -> bytes:
    """The bytes of a small file, which is removed."""
    held = path.read_bytes() if path.is_file() and path.stat().st_size <= MOST_OF_GLIMPSE else b""
    path.unlink(missing_ok=True)
    return held


def _lines(outcome: Outcome, folder: Path, maps: Maps) -> Path | None:
    lines = outcome.outputs.get("lines")
    if lines is None or not lines.size:
        maps.missing("slippy map", MapError("no row lies between 85 degrees south and north"))
        if lines is not None:
            (folder / lines.path).unlink(missing_ok=True)
        return None
    maps.facts["slippy map"] = {"rows": outcome.rows, "rows taken": lines.rows}
    return folder / lines.path


def _keep(made: Made, folder: Path, maps: Maps) -> None:
    """Takes the archive over, and what is known of it."""
    made.path.chmod(0o644)
    path = made.path.replace(folder / TILES)
    dots = made.features - made.file.left_out
    maps.outputs["pmtiles"] = described(path, dots)
    maps.seconds["tiles"] = round(made.seconds, 3)
    maps.facts["slippy map"] |= {
        "dots": dots,
        "left out": made.file.left_out,
        "left out by zoom": {str(zoom): dict(causes) for zoom, causes in made.file.drops.items()},
        "tiles": made.file.tiles,
        "zooms": [made.file.min_zoom, made.file.max_zoom],
        "seconds": maps.seconds["tiles"],
        "cpu seconds": round(made.cpu_seconds, 3),
    }


def limits_of(settings: Settings) -> Limits:
    """What drawing may take; of its rows, those that become dots of the slippy map."""
    return Limits(
        memory=settings.convert_memory_mib * 1024**2,
        cpu_seconds=settings.map_seconds,
        seconds=settings.map_seconds,
        rows=settings.slippy_rows or None,
    )


def _telling(on_progress: OnProgress) -> Callable[[dict[str, Any]], None]:
    def tell(event: dict[str, Any]) -> None:
        if isinstance(rows := event.get("rows"), int):
            on_progress("preview", rows, None)

    return tell


@contextmanager
def _workfolder(folder: Path) -> Iterator[Path]:
    """An empty folder for one process behind walls, removed with all that is in it."""
    path = folder / WORK
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
