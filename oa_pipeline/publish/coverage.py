"""The maps of what is covered, and how much of each country and state has addresses.

Drawn of the runs to date, and once of every set that has ended. Pictures and numbers become current together, in one
transaction; last, the pictures are copied to the fixed keys at which readers of the bucket look for them.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import OAError
from ..ledger import builds, coverage, snapshot
from ..ledger.reading import Engine, Row
from ..ledger.tables import RunStatus
from .store import Store, StoredObject

if TYPE_CHECKING:
    from ..maps.coverage import Covered, Standing
    from ..maps.shares import Share

KIND = "coverage"
GEOJSON = "render-world.geojson"
PICTURES: Mapping[str, str] = {"render-world.png": "world", "render-usa.png": "usa", "render-europe.png": "europe"}
FIRST = "render-world.png"
CONTENT = {"png": "image/png", "geojson": "application/vnd.geo+json"}
SETS_SINCE = timedelta(days=30)  # older ones have no map and will not get one
MOST_FAILURES = 1000  # that a build names
GOOD = frozenset((RunStatus.SUCCEEDED.value,))
GOOD_IN_A_SET = GOOD | {RunStatus.HELD.value}  # it has addresses, whatever was published
EDITION = "2"  # changes with how maps look: then they are drawn anew

Say = Callable[[str, int, int | None], None]  # what, how much of it is done, of how much


@dataclass(frozen=True, slots=True)
class Drawn:
    """What is current. `build` is None where nothing had changed; `picture` is the world's, None where not drawn."""

    build: int | None
    version: str
    facts: Mapping[str, Any]
    countries: Sequence[Row]
    states: Sequence[Row]
    objects: Mapping[str, str]  # key by name
    picture: bytes | None = None


def publish_coverage(
    engine: Engine,
    store: Store,
    *,
    now: Callable[[], datetime],
    dagster_run_id: str = "",
    force: bool = False,
    say: Say = lambda what, done, of: None,
) -> Drawn:
    """Draws and counts what has changed since the last time. Raises PublishError; what was current then still is.

    Where only the copies at the fixed keys had failed, they are made, and nothing is drawn.
    """
    held = coverage.declared(engine)
    state = {one["key"]: one for one in snapshot.state_to_date(engine)}
    version = fingerprint(held, state)
    due = coverage.sets_without(engine, FIRST, since=now() - SETS_SINCE)
    last = builds.last_published(engine, KIND)
    if not force and not due and last is not None and last["fingerprint"] == version and _stands(store, last):
        if not last["facts"].get("copied"):
            _to_fixed_keys(engine, store, last["id"])
        return _standing(engine, None, version, last["facts"])
    build = builds.begin_build(
        engine,
        KIND,
        run_ids=sorted(one["run_id"] for one in state.values() if one["run_id"] is not None),
        fingerprint=version,
        dagster_run_id=dagster_run_id,
        now=now(),
    )
    try:
        facts, picture = _make(engine, store, build, held, state, due, now, say)
    except BaseException as error:
        with contextlib.suppress(OAError):  # the first trouble is the one to tell
            builds.fail_build(engine, build, f"{type(error).__name__}: {error}", now=now())
        raise
    _to_fixed_keys(engine, store, build)
    return _standing(engine, build, version, facts, picture)


def _stands(store: Store, last: Row) -> bool:
    """Whether nothing is left to do for this build, or its files are there to be copied."""
    if last["facts"].get("copied"):
        return True
    return all(store.exists(f"{KIND}/{last['id']}/{name}") for name in (*PICTURES, GEOJSON))


def _to_fixed_keys(engine: Engine, store: Store, build: int) -> None:
    """Copies the files to where readers of the bucket look for them."""
    for name in (*PICTURES, GEOJSON):
        store.copy(f"{KIND}/{build}/{name}", name)
    builds.add_facts(engine, build, {"copied": True})


def changed_since(engine: Engine, now: datetime) -> bool:
    """Whether there is anything to draw that is not drawn already."""
    last = builds.last_published(engine, KIND)
    if last is None or not last["facts"].get("copied") or coverage.sets_without(engine, FIRST, since=now - SETS_SINCE):
        return True
    held = coverage.declared(engine)
    return bool(last["fingerprint"] != fingerprint(held, {one["key"]: one for one in snapshot.state_to_date(engine)}))


def fingerprint(held: Sequence[Row], state: Mapping[str, Row]) -> str:
    """Equal where maps and numbers would be: of the same areas, in the same state, drawn by the same code."""
    names = ("run_id", "status", "problem")
    facts = [[one["key"], one["digest"], *(state.get(one["key"], {}).get(name) for name in names)] for one in held]
    text = json.dumps([__version__, EDITION, *facts], default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _standing(
    engine: Engine, build: int | None, version: str, facts: Mapping[str, Any], picture: bytes | None = None
) -> Drawn:
    names = (*PICTURES, GEOJSON)
    objects = {name: found["key"] for name in names if (found := builds.artifact(engine, name)) is not None}
    countries, states = (coverage.areas(engine, level) for level in (coverage.COUNTRY, coverage.STATE))
    return Drawn(build, version, facts, countries, states, objects, picture)


def _make(
    engine: Engine,
    store: Store,
    build: int,
    held: Sequence[Row],
    state: Mapping[str, Row],
    due: Sequence[int],
    now: Callable[[], datetime],
    say: Say,
) -> tuple[dict[str, Any], bytes]:
    from ..maps.coverage import together
    from ..maps.shares import shares

    standings = standings_of(held, state, GOOD, say)
    areas = together(standings)
    files, picture = _files(store, f"{KIND}/{build}/", areas, functools.partial(say, "maps"))
    made = [builds.Artifact(o.key.rpartition("/")[2], o.key, o.size, o.sha256, o.content_type) for o in files]
    for number in due:
        made += _of_a_set(engine, store, build, held, number, say)
    say("land", 0, None)
    facts = facts_of(standings) | {"sets": list(due)}
    areas_rows = [_area_row(one) for one in shares(standings)]
    coverage.publish(engine, build, areas_rows, [_source_row(one) for one in standings], made, facts, now=now())
    return facts, picture


def _of_a_set(
    engine: Engine, store: Store, build: int, held: Sequence[Row], number: int, say: Say
) -> Iterator[builds.Artifact]:
    """A set's maps. Its keys are written last, whole: what an attempt that died has left there does not matter."""
    from ..maps.coverage import together

    runs = {one["key"]: one for one in snapshot.runs_of_set(engine, number)}
    mine = [one for one in held if one["key"] in runs]
    areas = together(standings_of(mine, runs, GOOD_IN_A_SET, say))
    stored, _ = _files(store, f"{KIND}/{build}/set-{number}/", areas, functools.partial(say, f"set {number}"))
    for one in stored:
        key = f"sets/{number}/{one.key.rpartition('/')[2]}"
        store.copy(one.key, key)
        yield builds.Artifact(key, key, one.size, one.sha256, one.content_type)


def standings_of(
    held: Sequence[Row], state: Mapping[str, Row], good: frozenset[str], say: Say = lambda what, done, of: None
) -> list[Standing]:
    """Each source file, with its area and what its runs of addresses came to; in the order of their paths."""
    from ..maps import boundaries
    from ..maps.areas import area_of
    from ..maps.coverage import Standing
    from ..maps.joining import placed

    for file in ("world", "us"):
        boundaries.features(file)  # once, rather than looked up one by one
    found = []
    ordered = sorted(held, key=lambda one: (one["source"], not one["first"], one["key"]))
    for source, rows in groupby(ordered, key=lambda one: one["source"]):
        mine = list(rows)
        runs = [state[one["key"]] for one in mine if one["key"] in state]
        fine = [run for run in runs if run["status"] in good and run["rows"]]
        days = [run["ended_at"].date() for run in fine or runs if run["ended_at"] is not None]
        found.append(
            Standing(
                source,
                area_of(mine[0]["coverage"], source, _bounds(fine)),
                bool(fine),
                sum(run["rows"] for run in fine),
                max(days, default=None),
                "" if fine else next((run["problem"] for run in runs if run["problem"]), "") or _why_not(runs),
            )
        )
        say("areas", len(found), None)
    homes = placed([one.area for one in found])
    return [replace(one, area=area) for one, area in zip(found, homes, strict=True)]


def _why_not(runs: Sequence[Row]) -> str:
    ended = [run["status"] for run in runs if run["status"] is not None]
    return f"its newest run is {ended[0]}" if ended else "no run has ended"


def _bounds(runs: Sequence[Row]) -> tuple[float, float, float, float] | None:
    boxes = [run["bounds"] for run in runs if run["bounds"]]
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def facts_of(standings: Sequence[Standing]) -> dict[str, Any]:
    """How areas were matched, and each that was not, with the reason."""
    from ..maps.areas import How, counted

    failed = [one for one in standings if one.area.how is How.NONE]
    odd = [one for one in standings if one.area.why and one.area.how is not How.NONE]
    return {
        "matched": counted([one.area for one in standings]),
        "failures": [[one.source, one.area.why] for one in failed[:MOST_FAILURES]],
        "remarks": [[one.source, one.area.why] for one in odd[:MOST_FAILURES]],
        "sources": len(standings),
        "good": sum(one.good for one in standings),
    }


def _files(
    store: Store, prefix: str, areas: Sequence[Covered], say: Callable[[int, int | None], None]
) -> tuple[list[StoredObject], bytes]:
    """Draws and stores all files below the prefix; the picture of the world, too."""
    from ..maps.coverage import as_geojson, painted
    from ..maps.projections import VIEWS
    from ..maps.render import render

    stored, pictures = [], {}
    shapes = painted(areas)
    for number, (name, view) in enumerate(PICTURES.items()):
        say(number, len(PICTURES) + 1)
        pictures[name] = render(VIEWS[view], shapes)
        stored.append(_store(store, prefix + name, pictures[name]))
    say(len(PICTURES), len(PICTURES) + 1)
    stored.append(_store(store, prefix + GEOJSON, as_geojson(areas)))
    say(len(PICTURES) + 1, len(PICTURES) + 1)
    return stored, pictures[FIRST]


def _store(store: Store, key: str, data: bytes) -> StoredObject:
    with store.writer(key, content_type=CONTENT[key.rpartition(".")[2]]) as out:
        out.write(data)
    return out.stored


def _area_row(one: Share) -> coverage.AreaRow:
    return coverage.AreaRow(
        one.level,
        one.code,
        one.name,
        one.sources,
        one.good,
        one.addresses,
        one.land_km2,
        one.covered_km2,
        round(one.land_share, 6),
        [asdict(each) for each in one.missing],
        one.missing_count,
    )


def _source_row(one: Standing) -> coverage.SourceRow:
    area = one.area
    return coverage.SourceRow(
        one.source,
        area.how.value,
        area.kind,
        area.code,
        area.name or "",
        area.country,
        area.state,
        one.good,
        one.addresses if one.good else 0,
        area.why,
    )
