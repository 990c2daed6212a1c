"""Brings the dotmap up to date with the runs to date."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ...errors import MapError, OAError, PublishError
from ...ledger import builds, dotmap
from ...ledger.reading import Engine, Row
from ...ledger.snapshot import runs_to_date
from ...maps.tippecanoe import version as version_of
from ..store import Store
from .areas import Part, fingerprint, fingerprint_of_all, parts_by_area
from .making import Workshop, make_area
from .unfinished import Unfinished
from .world import MBTILES, PICTURE, PMTILES, make_world

KIND = dotmap.KIND
Say = Callable[[str, int, int | None], None]  # what is done, how far it is, of how much


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for. `mbtiles`: the file for Mapbox, too; `force`: all areas anew."""

    now: Callable[[], datetime]
    mbtiles: bool = False
    force: bool = False
    dagster_run_id: str = ""
    say: Say = lambda what, done, total: None


@dataclass(frozen=True, slots=True)
class Dotmap:
    """The dotmap that is current. `made` is False where nothing had changed since it was."""

    build: int
    version: str  # equal for maps of the same rows, drawn alike
    files: Sequence[Row]
    areas: Sequence[Row]
    facts: dict[str, Any]
    made: bool
    left_out: Sequence[tuple[str, str]] = ()


@dataclass(slots=True)
class _Done:
    """What became of the areas."""

    made: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    cpu_seconds: float = 0.0


def build_dotmap(engine: Engine, shop: Workshop, wish: Wish) -> Dotmap:
    """Makes the areas again whose results have changed, puts all together and publishes that, at a fixed key as well.

    Another version of tippecanoe, or of how this package draws, makes all areas again.
    An area is kept as soon as it is made: who comes after a build that broke off goes on where that was. A source
    whose result cannot be read is left out, named, and tried again the next time. Raises PublishError and MapError;
    what was current then still is. Raises Unfinished where only the copy at the fixed key failed.
    """
    runs = runs_to_date(engine, layer="addresses")
    wanted, without = parts_by_area(runs)
    try:
        version = fingerprint_of_all(wanted, without, shop.drawn_by)
    except MapError as error:
        _give_up(engine, shop.store, _begin(engine, wish, runs, ""), error, wish.now())
        raise
    last = builds.last_published(engine, KIND)
    if last is not None and not wish.force and _stands(engine, shop.store, last, version, wish):
        _to_fixed_keys(engine, shop.store, last["id"], last["facts"])
        return _standing(engine, last["id"], version, last["facts"], False, without)
    if not wanted:
        raise PublishError("no data source has addresses to be put on a map", cure="process some, then make it")
    build = _begin(engine, wish, runs, version)
    try:
        done = _make_areas(engine, shop, wish, wanted, build)
        facts = _publish(engine, shop, wish, build, done, wanted)
    except BaseException as error:
        _give_up(engine, shop.store, build, error, wish.now())
        raise
    _to_fixed_keys(engine, shop.store, build, facts)
    return _standing(engine, build, version, facts, True, [*without, *done.broken])


def due(engine: Engine, program: str = "") -> bool:
    """Whether anything has changed since the current dotmap was made, or it is not yet wherever it shall be.

    Who asks need not have tippecanoe: without it, what made the current dotmap is taken to be what makes the next.
    """
    last = builds.last_published(engine, KIND)
    wanted, without = parts_by_area(runs_to_date(engine, layer="addresses"))
    if last is None:
        return bool(wanted)
    facts = last["facts"]
    pending = not facts.get("at_fixed_keys") or facts.get("broken")
    try:
        drawn_by = version_of(program)
    except MapError:
        drawn_by = facts.get("drawn_by", "")
    return bool(pending) or last["fingerprint"] != fingerprint_of_all(wanted, without, drawn_by)


def _begin(engine: Engine, wish: Wish, runs: Sequence[Row], version: str) -> int:
    numbers = [run["id"] for run in runs]
    how = {"fingerprint": version, "dagster_run_id": wish.dagster_run_id}
    return builds.begin_build(engine, KIND, run_ids=numbers, now=wish.now(), **how)


def _stands(engine: Engine, store: Store, last: Row, version: str, wish: Wish) -> bool:
    """Whether the current files are of these rows, all of them, and still there."""
    if last["fingerprint"] != version or last["facts"].get("broken"):
        return False
    held = [builds.artifact(engine, name) for name in (PMTILES, MBTILES)[: 1 + wish.mbtiles]]
    return all(file is not None and store.exists(file["key"]) for file in held)


def _make_areas(engine: Engine, shop: Workshop, wish: Wish, wanted: dict[str, list[Part]], build: int) -> _Done:
    known = {} if wish.force else {row["area"]: row for row in dotmap.areas(engine)}
    done = _Done()
    for place, (name, parts) in enumerate(wanted.items()):
        wish.say("areas", place, len(wanted))
        there = known.get(name)
        if there is not None and not shop.store.exists(there["key"]):
            there = None
        if there is not None and there["fingerprint"] == fingerprint(parts, shop.drawn_by):
            done.kept.append(name)
            continue
        known_as = there["fingerprint"] if there is not None else ""
        found = make_area(shop, name, parts, build, known_as, lambda percent: wish.say("tippecanoe", percent, 100))
        done.broken += found.broken
        done.cpu_seconds += found.cpu_seconds
        if found.same:
            done.kept.append(name)
        elif found.area is not None:
            dotmap.keep_area(engine, build, found.area, now=wish.now())
            done.made.append(name)
    wish.say("areas", len(wanted), len(wanted))
    return done


def _publish(
    engine: Engine, shop: Workshop, wish: Wish, build: int, done: _Done, wanted: dict[str, list[Part]]
) -> dict[str, Any]:
    names = {*done.made, *done.kept}
    areas = [row for row in dotmap.areas(engine) if row["area"] in names]
    if not areas:
        raise PublishError("none of the results could be put on a map", cure="see which were left out, and why")
    moment = wish.now()
    world = make_world(
        shop.store,
        areas,
        build,
        shop.folder,
        moment=moment,
        mbtiles=wish.mbtiles,
        say=lambda tiles, total: wish.say("world", tiles, total),
    )
    facts = {
        "areas": len(areas),
        "drawn_by": shop.drawn_by,
        "made": sorted(done.made),
        "kept": len(done.kept),
        "sources": sum(row["sources"] for row in areas),
        "rows": sum(row["rows"] for row in areas),
        "tiles": world.merged.tiles,
        "shared": world.merged.shared,
        "dropped": world.dropped,
        "cpu_seconds": round(done.cpu_seconds, 3),
        "broken": [key for key, _ in done.broken],
    }
    dotmap.publish_dotmap(engine, build, world.files, names, facts, now=wish.now())
    return facts


def _give_up(engine: Engine, store: Store, build: int, error: BaseException, now: datetime) -> None:
    """Notes why it failed and removes what nobody is sent to; the areas that were made stay."""
    said = str(error) if isinstance(error, OAError) else f"{type(error).__name__}: {error}"
    with contextlib.suppress(OAError):  # the first trouble is the one to tell
        builds.fail_build(engine, build, said, now=now)
    with contextlib.suppress(OAError):
        current = builds.artifact(engine, PMTILES)
        if current is None or current["build_id"] != build:  # else it was published, and only the answer was lost
            store.delete([f"{KIND}/{build}/{name}" for name in (PMTILES, MBTILES, PICTURE)])


def _to_fixed_keys(engine: Engine, store: Store, build: int, facts: dict[str, Any]) -> None:
    """Copies the files to where readers of the bucket find them, unless that was done."""
    if facts.get("at_fixed_keys"):
        return
    try:
        for name in (PMTILES, MBTILES):
            held = builds.artifact(engine, name)
            if held is not None:
                store.copy(held["key"], name)
            else:
                store.delete([name])
        builds.add_facts(engine, build, {"at_fixed_keys": True})
    except OAError as error:
        raise Unfinished(
            f"build {build} is current, but it is not at its fixed key: {error}", cure="the next run only copies it"
        ) from error
    facts["at_fixed_keys"] = True


def _standing(
    engine: Engine, build: int, version: str, facts: dict[str, Any], made: bool, left_out: Sequence[tuple[str, str]]
) -> Dotmap:
    files = [file for name in (PMTILES, MBTILES, PICTURE) if (file := builds.artifact(engine, name)) is not None]
    return Dotmap(build, version, files, dotmap.areas(engine), facts, made, left_out)
