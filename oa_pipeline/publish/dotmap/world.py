"""The dotmap of the world: all areas' archives, read from the store piece by piece, as one."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ...errors import PublishError
from ...ledger.builds import Artifact
from ...ledger.reading import Row
from ...maps.dotmap.archive import Archive, BrokenArchive
from ...maps.dotmap.merging import Merge, merge
from ...maps.dotmap.mvt import BrokenTile
from ...maps.dotmap.picture import picture
from ...maps.dotmap.tiling import vector_layers
from ...maps.dotmap.writing import MbtilesWriter, PmtilesWriter, Sink
from ...maps.preview import png
from ..store import Store
from .making import CONTENT_TYPE, sha256_of

PMTILES, MBTILES, PICTURE = "dotmap.pmtiles", "dotmap.mbtiles", "dotmap.png"
CONTENT_TYPES = {
    PMTILES: CONTENT_TYPE,
    MBTILES: "application/vnd.mapbox-vector-tile+sqlite",
    PICTURE: "image/png",
}
MEMORY = 64 << 20  # bytes that are read ahead, of all archives together
LEAST, MOST = 128 << 10, 4 << 20  # ... and of one
ATTRIBUTION = "OpenAddresses and its sources, each with a licence of its own"


@dataclass(frozen=True, slots=True)
class World:
    """What was made and stored. `dropped`: by zoom, also what the areas' own tiles left out."""

    files: Sequence[Artifact]
    merged: Merge
    dropped: dict[str, int]


def make_world(
    store: Store,
    areas: Sequence[Row],
    build: int,
    folder: Path,
    *,
    moment: datetime,
    mbtiles: bool,
    say: Callable[[int, int], None],
) -> World:
    """Makes and stores the files below the build's number. Raises PublishError."""
    window = min(MOST, max(LEAST, MEMORY // len(areas)))
    sinks: list[Sink] = [PmtilesWriter(folder / PMTILES)]
    if mbtiles:
        sinks.append(MbtilesWriter(folder / MBTILES))
    dropped: Counter[str] = Counter()
    for area in areas:
        dropped.update(area["dropped"])
    try:
        archives = [Archive(functools.partial(store.read, area["key"]), window) for area in areas]
        merged = merge(archives, sinks, _metadata(moment, dropped), say=say)
        with (folder / PMTILES).open("rb") as file:
            archive = Archive.of(file)
            archive.verify()
            seen = picture(archive)
    except (BrokenArchive, BrokenTile) as error:
        raise PublishError(
            f"the areas' tiles could not be put together: {error}", cure="make them anew: `oa dotmap --force`"
        ) from error
    paths = [sink.path for sink in sinks]
    if seen is not None:
        paths.append(folder / PICTURE)
        paths[-1].write_bytes(png(seen))
    files = [_stored(store, path, build) for path in paths]
    dropped.update({str(zoom): count for zoom, count in merged.dropped.items()})
    return World(files, merged, dict(sorted(dropped.items(), key=lambda found: int(found[0]))))


def _stored(store: Store, path: Path, build: int) -> Artifact:
    """Moves the file into the store."""
    key, size, sha256 = f"dotmap/{build}/{path.name}", path.stat().st_size, sha256_of(path)
    store.put(key, path, content_type=CONTENT_TYPES[path.name], sha256=sha256)
    path.unlink()
    return Artifact(path.name, key, size, sha256, CONTENT_TYPES[path.name])


def _metadata(moment: datetime, dropped: Mapping[str, int]) -> dict[str, Any]:
    name = f"OpenAddresses {moment.date().isoformat()}"
    return {
        "name": name,
        "description": "Every address that OpenAddresses collects, a dot each",
        "attribution": ATTRIBUTION,
        "type": "overlay",
        "version": "1",
        "vector_layers": vector_layers(),
        "features_dropped": dict(dropped),
    }
