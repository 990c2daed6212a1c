"""Maps that a result lacks, drawn by a later run that finds nothing changed: what failed once may go well another time.

A converter was killed, say, or had too little time. What is drawn lies beside the objects of the run that made the
result, none of which is touched, and goes with them; the run that drew it, and those that follow, tell of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ..errors import MapError, OAError, PublishError
from ..maps.mercator import END
from ..process.wanted import Wanted

if TYPE_CHECKING:
    from ..ledger.reading import Row
    from ..ledger.runs import Ending
    from ..process.pictures import Maps, OnProgress
    from ..publish.store import Store
    from ..settings import Settings
    from ..sources.model import DataSource
    from .workplace import Workplace

PARQUET, PREVIEW, TILES = "parquet", "preview", "pmtiles"
NONE = Wanted()


def lacking(result: Mapping[str, Any], settings: Settings) -> Wanted:
    """The maps that this result does not have, though it has rows to be shown and runs make such maps here."""
    made, bounds = result["outputs"], result["bounds"]
    if not bounds or PARQUET not in made or not result["prefix"]:
        return NONE
    _, south, _, north = bounds
    tiles = settings.slippy_maps and TILES not in made and south <= END and north >= -END
    return Wanted(settings.previews and PREVIEW not in made, tiles and _has_tippecanoe(settings.tippecanoe))


def _has_tippecanoe(path: str) -> bool:
    from ..maps.tippecanoe import program

    try:
        return program(path).is_file()
    except MapError:
        return False


def with_maps(
    ending: Ending,
    result: Row,
    wanted: Wanted,
    *,
    data_source: DataSource,
    number: int,
    whose: str,
    workplace: Workplace,
    folder: Path,
    on_progress: OnProgress,
) -> Ending:
    """The end of run `number`, which is a copy of `result`, with the wanted maps as far as they can be drawn now.

    They are drawn of the result's own GeoParquet, within the limits of every run's maps. Whatever goes wrong is told
    by a warning, in the place of the one that told it before.
    """
    from ..process.pictures import Maps, draw, without
    from ..process.steps import own_or
    from ..publish.fetching import fetch

    names = {PREVIEW: "preview"} if wanted.preview else {}
    names |= {TILES: "slippy map"} if wanted.tiles else {}
    held, path = result["outputs"][PARQUET], folder / "out.parquet"
    store, settings, maps = workplace.store(), workplace.settings, Maps()
    try:
        if fetch(store, held["key"], path) != held["sha256"]:
            raise PublishError(f"{held['key']} is not what was stored there")
        with own_or(workplace.converter(), settings) as sandbox:
            maps = draw(sandbox, data_source, path, folder, wanted, settings=settings, on_progress=on_progress)
    except (OAError, OSError) as error:
        for name in names.values():
            maps.missing(name, error)
    keys = {kind: key_beside(ending.prefix, output.path, number) for kind, output in maps.outputs.items()}
    outputs = _stored(store, keys, whose, folder, maps, names)
    former = [told for told in ending.warnings if not told.startswith(tuple(map(without, names.values())))]
    return replace(
        ending,
        outputs={**ending.outputs, **outputs},
        warnings=(*former, *maps.warnings),
        seconds={**ending.seconds, **maps.seconds},
    )


def key_beside(prefix: str, name: str, number: int) -> str:
    """Where a run keeps what it drew of another's result: each run that draws has keys of its own."""
    path = PurePosixPath(name)
    return f"{prefix}{path.stem}.{number}{path.suffix}"


def _stored(
    store: Store, keys: Mapping[str, str], whose: str, folder: Path, maps: Maps, names: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Stores what was drawn, and says what is where; what cannot be stored is missing."""
    from ..publish.saved import disposition
    from ..publish.store import StoredObject, content_type

    kept = {}
    for kind, key in sorted(keys.items()):
        made = maps.outputs[kind]
        one = StoredObject(key, made.size, made.sha256, content_type(key), made.rows)
        how = {"content_type": one.content_type, "sha256": one.sha256, "disposition": disposition(key, whose)}
        try:
            store.put(key, folder / made.path, **how)
        except PublishError as error:
            maps.missing(names[kind], error)
        else:
            kept[kind] = one.as_json()
    return kept
