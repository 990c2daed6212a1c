"""One area's tiles: low zooms without attributes, the highest with what one wants to read at a dot."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..tippecanoe import LIMITS, Made, make_tiles
from .archive import Archive
from .drawn import HIGHEST, LAYER
from .lines import ATTRIBUTES, lines
from .merging import merge
from .writing import PmtilesWriter

if TYPE_CHECKING:
    from ...convert.sandbox import Converter

DROP_RATE = 2  # at each zoom below the highest, one dot in so many stays
FORM = 1  # the version of how this package makes an area's tiles; another number makes all of them again
# At the highest zoom every dot is there; the densest go only where a tile would be too large.
_SAME = (f"--base-zoom={HIGHEST}", f"--drop-rate={DROP_RATE}", f"--layer={LAYER}", "--drop-densest-as-needed")
LOW = (f"--maximum-zoom={HIGHEST - 1}", "--minimum-zoom=0", "--exclude-all", *_SAME)
HIGH = (f"--maximum-zoom={HIGHEST}", f"--minimum-zoom={HIGHEST}", *(f"--include={name}" for name in ATTRIBUTES), *_SAME)
BY_DESIGN = "dropped_by_rate"
AREA = "area.pmtiles"
THREADS = 64  # at most that its CPU time is good for
Say = Callable[[int], None]  # percent


@dataclass(frozen=True, slots=True)
class Tiled:
    """An area's archive. `dropped` counts features that were too many for a tile, by zoom."""

    path: Path
    rows: int
    tiles: int
    dropped: Mapping[int, int] = field(default_factory=dict)
    cpu_seconds: float = 0.0


def tiles_of(
    sandbox: Converter,
    sources: Sequence[Path],
    folder: Path,
    *,
    seconds: float,
    program: str = "",
    say: Say = lambda percent: None,
) -> Tiled | None:
    """Makes `folder`/area.pmtiles of the addresses in these GeoParquet files; None where none of them is on the map.

    `folder` is empty but for them. Raises MapError, and Unreadable for a file that is not one of ours.
    """
    made: list[Made] = []
    limits = replace(LIMITS, cpu_seconds=round(THREADS * seconds))

    def tell(what: str, percent: float) -> None:
        if what == "tiles":
            say(round(50 * len(made) + percent / 2))

    for name, arguments in (("low", LOW), ("high", HIGH)):
        blocks = lines(sources, attributes=arguments is HIGH)
        first = next(blocks, None)
        if first is None:
            return None
        work = folder / name
        work.mkdir()
        fed = chain([first], blocks)
        made.append(
            make_tiles(sandbox, work, arguments, fed, seconds=seconds, limits=limits, path=program, on_progress=tell)
        )
    path = folder / AREA
    with made[0].path.open("rb") as low, made[1].path.open("rb") as high:
        merged = merge([Archive.of(low), Archive.of(high)], [PmtilesWriter(path)], {"vector_layers": vector_layers()})
    for each in made:
        shutil.rmtree(each.path.parent)
    dropped: Counter[int] = Counter()
    for each in made:
        dropped.update({zoom: _too_many(causes) for zoom, causes in each.file.drops.items()})
    spent = sum(each.cpu_seconds for each in made)
    return Tiled(path, made[0].features, merged.tiles, {z: n for z, n in sorted(dropped.items()) if n}, spent)


def vector_layers() -> list[dict[str, Any]]:
    """What the tiles hold, as their readers want to be told."""
    fields = {name: "String" for name in ATTRIBUTES}
    return [{"id": LAYER, "description": "", "minzoom": 0, "maxzoom": HIGHEST, "fields": fields}]


def _too_many(causes: Mapping[str, int]) -> int:
    return sum(count for cause, count in causes.items() if cause != BY_DESIGN)
