"""Brings the tile index up to date with the runs to date."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ...errors import OAError
from ...ledger import builds
from ...ledger.reading import Engine
from ...ledger.results import identities
from ...ledger.snapshot import runs_to_date
from ..store import Store
from .contributions import contributions, fingerprint_of_all
from .making import Known, Made, Making, Say

KIND = "tiles"


@dataclass(frozen=True, slots=True)
class Indexed:
    """How the index stands. `build` is None where nothing had changed since the last one."""

    build: int | None
    version: str  # equal for indexes of the same results
    tiles: int
    rows: int
    bytes: int
    sources: int
    made: int = 0
    removed: int = 0
    read: int = 0
    left_out: Sequence[tuple[str, str]] = ()


def index_tiles(
    engine: Engine,
    store: Store,
    folder: Path,
    *,
    now: Callable[[], datetime],
    dagster_run_id: str = "",
    say: Say = lambda done, total: None,
) -> Indexed:
    """Makes the tiles again whose results have changed since they were made, and publishes all changes at once.

    `folder` is empty and takes the rows of those tiles, compressed. A source without a csv, or with one that cannot be
    read, is left out of all tiles, named, and tried again the next time. Raises PublishError where store or ledger
    fail; what was current then still is.
    """
    runs = runs_to_date(engine, layer="addresses")
    parts, without = contributions(runs)
    version = fingerprint_of_all(parts, without)
    last = builds.last_published(engine, KIND)
    if last is not None and last["fingerprint"] == version and not last["facts"].get("broken"):
        return _standing(engine, None, version, len(parts), None, without)
    build = builds.begin_build(
        engine,
        KIND,
        run_ids=[run["id"] for run in runs],
        fingerprint=version,
        dagster_run_id=dagster_run_id,
        now=now(),
    )
    try:
        tiles = builds.current_tiles(engine)
        known = Known.of(tiles, identities(engine, {run for tile in tiles for run in tile["run_ids"]}))
        made = Making(store, folder, parts, known, say).make(build)
        facts = {
            "made": len(made.tiles),
            "removed": len(made.removed),
            "read": made.read,
            "broken": [key for key, _ in made.broken],
            "left_out": [key for key, _ in without],
        }
        builds.publish_tiles(engine, build, made.tiles, made.removed, facts, now=now())
    except BaseException as error:
        with contextlib.suppress(OAError):  # the first trouble is the one to tell
            builds.fail_build(engine, build, f"{type(error).__name__}: {error}", now=now())
        raise
    return _standing(engine, build, version, len(parts), made, without)


def _standing(
    engine: Engine, build: int | None, version: str, sources: int, made: Made | None, without: Sequence[tuple[str, str]]
) -> Indexed:
    tiles = builds.current_tiles(engine)
    return Indexed(
        build,
        version,
        tiles=len(tiles),
        rows=sum(tile["rows"] for tile in tiles),
        bytes=sum(tile["size"] for tile in tiles),
        sources=sources - len(made.broken if made else ()),
        made=len(made.tiles if made else ()),
        removed=len(made.removed if made else ()),
        read=made.read if made else 0,
        left_out=[*without, *(made.broken if made else ())],
    )
