"""One archive of many: a tile that one of them has is copied as it is, a shared one has the features of all."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from .archive import Archive, Bounds, zoom_of
from .mvt import merged
from .writing import Sink

MOST_BYTES = 500_000  # of a compressed tile: what maps are willing to draw
TOLD = 1000  # tiles between two words about how far it is

Say = Callable[[int, int], None]


@dataclass(slots=True)
class Merge:
    """What was written. `shared` tiles had features of several archives; `dropped` counts features by zoom."""

    bounds: Bounds
    tiles: int = 0
    shared: int = 0
    dropped: Counter[int] = field(default_factory=Counter)


def merge(
    archives: Sequence[Archive],
    sinks: Sequence[Sink],
    metadata: Mapping[str, Any],
    *,
    most_bytes: int = MOST_BYTES,
    say: Say = lambda done, total: None,
) -> Merge:
    """Writes all tiles of the archives, which are one at least, to each of the sinks, and closes these.

    A shared tile's features are in the order of the archives; where they are too many for `most_bytes`, some go,
    evenly. On an error nothing of the sinks is left. Raises BrokenArchive and BrokenTile.
    """
    boxes = zip(*(archive.bounds for archive in archives), strict=True)
    west, south, east, north = (choose(side) for choose, side in zip((min, min, max, max), boxes, strict=True))
    done = Merge((west, south, east, north))
    try:
        _copy(archives, sinks, most_bytes, done, say)
        for sink in sinks:
            sink.close(done.bounds, {**metadata, "features_dropped": _by_zoom(metadata, done)})
    except BaseException:
        for sink in sinks:
            sink.abort()
        raise
    return done


def _copy(archives: Sequence[Archive], sinks: Sequence[Sink], most_bytes: int, done: Merge, say: Say) -> None:
    total = sum(archive.header["addressed_tiles_count"] for archive in archives)
    read = 0
    streams = [_numbered(place, archive) for place, archive in enumerate(archives)]
    for number, group in groupby(heapq.merge(*streams), key=itemgetter(0)):
        tiles = [data for _, _, data in group]
        data = tiles[0] if len(tiles) == 1 else _together(number, tiles, most_bytes, done)
        for sink in sinks:
            sink.add(number, data)
        done.tiles += 1
        read += len(tiles)
        if not done.tiles % TOLD:
            say(read, total)
    say(total, total)


def _numbered(place: int, archive: Archive) -> Iterator[tuple[int, int, bytes]]:
    return ((tile.number, place, tile.data) for tile in archive.tiles())


def _together(number: int, tiles: Sequence[bytes], most_bytes: int, done: Merge) -> bytes:
    found = merged(tiles, most_bytes)
    done.shared += 1
    if found.dropped:
        done.dropped[zoom_of(number)] += found.dropped
    return found.data


def _by_zoom(metadata: Mapping[str, Any], done: Merge) -> dict[str, int]:
    """Those that were dropped before, and those that were now."""
    before = Counter({int(zoom): count for zoom, count in metadata.get("features_dropped", {}).items()})
    return {str(zoom): count for zoom, count in sorted((before + done.dropped).items())}
