"""Maps and shares of a ledger with sources in it: what is drawn, when it is drawn anew, and what stays if it fails."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from PIL import Image

from oa_pipeline.errors import PublishError
from oa_pipeline.ledger import builds, coverage
from oa_pipeline.ledger.sets import Member, NewSet, end_set, open_set
from oa_pipeline.ledger.tables import RunStatus, SetStatus
from oa_pipeline.maps import projections
from oa_pipeline.publish.coverage import GEOJSON, PICTURES, Drawn, changed_since, publish_coverage
from oa_pipeline.publish.store import Store, open_store
from oa_pipeline_tests.ledger.life import NOW, declare, propose, run

ALAMEDA, FRESNO = "us/ca/alameda/addresses/county", "us/ca/fresno/addresses/county"
LIECHTENSTEIN, NOWHERE = "li/countrywide/addresses/country", "fr/83/statewide/addresses/state"
GEOID = {ALAMEDA: "06001", FRESNO: "06019"}
NAMES = (*PICTURES, GEOJSON)


@pytest.fixture(autouse=True)
def small_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    """How maps look at their full size has its own tests."""
    for name, view in projections.VIEWS.items():
        monkeypatch.setitem(cast(dict[str, projections.View], projections.VIEWS), name, replace(view, width=200))


@pytest.fixture
def folder(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def world(engine: sa.Engine) -> None:
    """A good county, a broken one, a good country, and a source that nobody can draw."""
    for key, geoid in GEOID.items():
        declare(engine, key, coverage={"country": "us", "US Census": {"geoid": geoid}})
    declare(engine, LIECHTENSTEIN, coverage={"ISO 3166": {"alpha2": "LI"}})
    declare(engine, NOWHERE, coverage={"ISO 3166": {"alpha2": "FR-83", "subdivision": "Var"}})
    run(engine, ALAMEDA, rows=500)
    run(engine, FRESNO, RunStatus.FAILED, rows=None, problem="Could not download source data")
    run(engine, LIECHTENSTEIN, rows=40)


def drawn(engine: sa.Engine, store: Store, at: datetime = NOW, **wishes: Any) -> Drawn:
    return publish_coverage(engine, store, now=lambda: at, **wishes)


def read(store: Store, key: str) -> bytes:
    with store.open(key) as held:
        return held.read()


def test_maps_and_numbers_are_published_together_and_the_fixed_keys_are_theirs(engine: sa.Engine, store: Store) -> None:
    world(engine)
    done = drawn(engine, store)
    assert done.build == 1
    for name in NAMES:
        held = builds.artifact(engine, name)
        assert held is not None
        assert held["key"] == f"coverage/1/{name}"
        assert read(store, name) == read(store, held["key"])
    for name in PICTURES:
        with Image.open(io.BytesIO(read(store, name))) as picture:
            assert (picture.format, picture.width) == ("PNG", 200)
    features = {one["properties"]["name"]: one["properties"] for one in json.loads(read(store, GEOJSON))["features"]}
    assert features == {
        "Alameda": {
            "name": "Alameda", "status": "good", "source paths": "us/ca/alameda.json", "source count": 1,
            "source dates": "2026-03-01", "address count": 500, "US Census GEOID": "06001",
        },
        "Fresno": {
            "name": "Fresno", "status": "bad", "source paths": "us/ca/fresno.json", "source count": 1,
            "source dates": "2026-03-01", "address count": 0, "US Census GEOID": "06019",
        },
        "Liechtenstein": {
            "name": "Liechtenstein", "status": "good", "source paths": "li/countrywide.json", "source count": 1,
            "source dates": "2026-03-01", "address count": 40, "ISO 3166": "LI",
        },
    }  # fmt: skip
    california = coverage.area(engine, "state", "CA")
    assert california is not None
    assert (california["sources"], california["good"], california["addresses"]) == (2, 1, 500)
    assert 0.003 < california["land_share"] < 0.006
    assert california["missing_count"] == 57
    assert {"code": "06019", "name": "Fresno", "source": "us/ca/fresno"}.items() <= next(
        one.items() for one in california["missing"] if one["code"] == "06019"
    )
    whole = coverage.area(engine, "country", "LI")
    assert whole is not None
    assert (whole["land_share"], whole["missing"]) == (1.0, [])
    assert len(coverage.areas(engine, "country")) == 250
    assert len(coverage.areas(engine, "state")) == 56


def test_how_each_source_was_matched_is_counted_and_failures_are_named(engine: sa.Engine, folder: Store) -> None:
    world(engine)
    facts = drawn(engine, folder).facts
    assert facts["matched"] == {"geoid": 2, "iso": 1, "geometry": 0, "extent": 0, "none": 1}
    assert coverage.matched(engine) == {"geoid": 2, "iso": 1, "none": 1}
    ((source, why),) = facts["failures"]
    assert source == "fr/83/statewide"
    assert why == "no boundary of FR-83 is packaged; where its rows are is not known"
    (row,) = coverage.sources_of(engine, "FR")
    assert (row["how"], row["code"], row["name"], row["good"]) == ("none", "FR-83", "Var", False)


def test_rows_tell_where_a_source_is_that_nothing_else_places(engine: sa.Engine, folder: Store) -> None:
    world(engine)
    run(engine, NOWHERE, rows=9, bounds=(5.7, 43.0, 6.9, 43.8))
    assert drawn(engine, folder).facts["matched"]["extent"] == 1
    france = coverage.area(engine, "country", "FR")
    assert france is not None
    assert 0.005 < france["land_share"] < 0.02


def test_nothing_new_changes_nothing(engine: sa.Engine, folder: Store) -> None:
    world(engine)
    assert changed_since(engine, NOW)
    first = drawn(engine, folder)
    assert not changed_since(engine, NOW)
    second = drawn(engine, folder)
    assert second.build is None
    assert (second.version, second.objects) == (first.version, first.objects)
    assert drawn(engine, folder, force=True).build == 2


@pytest.mark.parametrize("change", ["a run", "a declaration", "a removal"])
def test_what_changes_the_map_is_drawn(engine: sa.Engine, folder: Store, change: str) -> None:
    world(engine)
    first = drawn(engine, folder)
    if change == "a run":
        run(engine, FRESNO, rows=7)
    elif change == "a declaration":
        declare(engine, FRESNO, coverage={"US Census": {"geoid": "06021"}}, digest="d2")
    else:
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE oa.partitions SET removed_at = now() WHERE key = :k"), {"k": FRESNO})
    assert changed_since(engine, NOW)
    second = drawn(engine, folder)
    assert second.build == 2
    assert second.version != first.version


def test_what_only_a_pull_request_proposes_and_other_layers_are_not_on_the_map(
    engine: sa.Engine, folder: Store
) -> None:
    world(engine)
    propose(engine, "de/countrywide/addresses/country", coverage={"ISO 3166": {"alpha2": "DE"}})
    parcels = declare(engine, "at/countrywide/parcels/country", coverage={"ISO 3166": {"alpha2": "AT"}})
    run(engine, parcels)
    assert drawn(engine, folder).facts["sources"] == 4


def test_of_two_data_sources_of_a_file_a_good_one_is_enough(engine: sa.Engine, folder: Store) -> None:
    world(engine)
    second = declare(engine, "us/ca/fresno/addresses/city", first=False, coverage={"US Census": {"geoid": "06019"}})
    run(engine, second, rows=11)
    drawn(engine, folder)
    (row,) = [one for one in coverage.sources_of(engine, "US", "CA") if one["source"] == "us/ca/fresno"]
    assert (row["good"], row["addresses"]) == (True, 11)


def a_set(engine: sa.Engine, results: dict[str, RunStatus], *, ended: datetime, only: str = "") -> int:
    number = open_set(
        engine, NewSet("o/r", ended, only=only), [Member(key, host="h.example") for key in results], now=NOW
    )
    for key, status in results.items():
        run(engine, key, status, at=ended - timedelta(hours=1), set_id=number, rows=5)
    end_set(engine, number, SetStatus.COMPLETE, counts={}, now=ended)
    return number


def test_each_set_that_has_ended_is_drawn_once_at_its_own_keys(engine: sa.Engine, store: Store) -> None:
    world(engine)
    number = a_set(engine, {ALAMEDA: RunStatus.FAILED, FRESNO: RunStatus.HELD}, ended=NOW)
    later = NOW + timedelta(hours=1)
    assert changed_since(engine, later)
    assert drawn(engine, store, later).facts["sets"] == [number]
    for name in NAMES:
        held = builds.artifact(engine, f"sets/{number}/{name}")
        assert held is not None
        assert held["key"] == f"sets/{number}/{name}"
    features = json.loads(read(store, f"sets/{number}/{GEOJSON}"))["features"]
    found = {one["properties"]["name"]: one["properties"]["status"] for one in features}
    assert found == {"Alameda": "bad", "Fresno": "good"}
    assert read(store, f"sets/{number}/render-world.png") != read(store, "render-world.png")
    assert not changed_since(engine, later)


def test_sets_of_a_part_old_ones_and_open_ones_have_no_map(engine: sa.Engine, folder: Store) -> None:
    world(engine)
    a_set(engine, {ALAMEDA: RunStatus.SUCCEEDED}, ended=NOW, only="us/ca/*")
    a_set(engine, {ALAMEDA: RunStatus.SUCCEEDED}, ended=NOW - timedelta(days=40))
    open_set(engine, NewSet("o/r", NOW), [Member(ALAMEDA, host="h.example")], now=NOW)
    assert drawn(engine, folder, NOW + timedelta(hours=1)).facts["sets"] == []


def test_a_build_that_fails_leaves_what_was_and_the_next_one_draws(engine: sa.Engine, folder: Store) -> None:
    world(engine)
    drawn(engine, folder)
    before = read(folder, "render-world.png")
    run(engine, FRESNO, rows=7)
    number = a_set(engine, {ALAMEDA: RunStatus.SUCCEEDED}, ended=NOW)
    later = NOW + timedelta(hours=1)
    with folder.writer(f"coverage/2/{GEOJSON}", content_type="text/plain") as out:
        out.write(b"somebody was here before")
    with pytest.raises(PublishError):
        drawn(engine, folder, later)
    assert read(folder, "render-world.png") == before
    held = builds.artifact(engine, "render-world.png")
    assert held is not None
    assert held["build_id"] == 1
    failed = builds.newest(engine, "coverage")
    assert failed is not None
    assert failed["status"] == "failed"
    assert "already holds something else" in failed["detail"]
    # What a process that was killed has left at a set's keys is in nobody's way.
    with folder.writer(f"sets/{number}/render-world.png", content_type="text/plain") as out:
        out.write(b"half of a map")
    assert drawn(engine, folder, later).build == 3
    assert read(folder, "render-world.png") != before
    assert read(folder, f"sets/{number}/render-world.png").startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "coverage_of_it",
    [
        {"ISO 3166": {"alpha2": "FR-83", "subdivision": "V\x00ar\u202e<script>" + "x" * 1000}},
        {"geometry": {"type": "Polygon", "coordinates": [[[1, 2], "x"]]}},
        {"geometry": {"type": "GeometryCollection", "geometries": []}},
        {"geometry": {"type": "LineString", "coordinates": [[1, 42], [2, 43]]}},
        {"US Census": {"geoid": ["06"]}, "ISO 3166": 7},
        {"US Census": {"geoid": "\x00" * 7}},
    ],
    ids=["a name", "half a ring", "an empty collection", "a line", "other types", "no digits"],
)
def test_whatever_a_coverage_holds_the_map_is_drawn(
    engine: sa.Engine, folder: Store, coverage_of_it: dict[str, Any]
) -> None:
    run(engine, declare(engine, NOWHERE, coverage=coverage_of_it), rows=3, bounds=(6.0, 43.1, 6.5, 43.5))
    assert drawn(engine, folder).facts["sources"] == 1
    (row,) = coverage.sources_of(engine, "FR")
    assert len(row["name"]) <= 200
    assert json.loads(read(folder, GEOJSON))["features"]


def test_progress_is_told_step_by_step(engine: sa.Engine, folder: Store) -> None:
    world(engine)
    said: list[tuple[str, int, int | None]] = []
    drawn(engine, folder, say=lambda what, done, of: said.append((what, done, of)))
    assert [what for what, _, _ in said] == sorted((w for w, _, _ in said), key=["areas", "maps", "land"].index)
    assert [done for what, done, _ in said if what == "maps"] == [0, 1, 2, 3, 4]


def test_a_ledger_without_sources_has_an_empty_map(engine: sa.Engine, folder: Store) -> None:
    done = drawn(engine, folder)
    assert json.loads(read(folder, GEOJSON)) == {"type": "FeatureCollection", "features": []}
    assert done.facts["sources"] == 0
    assert {one["land_share"] for one in done.countries} == {0.0}


@pytest.fixture
def unreached(engine: sa.Engine, folder: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that is current and whose files are not at their fixed keys."""
    world(engine)

    def broken(*_: object) -> None:
        raise PublishError("the store is gone")

    with monkeypatch.context() as patched:
        patched.setattr(type(folder), "copy", broken)
        with pytest.raises(PublishError, match="the store is gone"):
            drawn(engine, folder)
    assert not folder.exists("render-world.png")
    assert changed_since(engine, NOW)


def test_fixed_keys_that_were_not_reached_are_reached_the_next_time_and_nothing_is_drawn(
    engine: sa.Engine, folder: Store, unreached: None
) -> None:
    said: list[str] = []
    done = drawn(engine, folder, say=lambda what, *_: said.append(what))
    assert (done.build, said) == (None, [])
    newest = builds.newest(engine, "coverage")
    assert newest is not None
    assert newest["id"] == 1, "no other build began"
    for name in NAMES:
        assert read(folder, name) == read(folder, done.objects[name])
    assert not changed_since(engine, NOW)


def test_what_is_to_be_copied_and_is_gone_is_drawn(engine: sa.Engine, folder: Store, unreached: None) -> None:
    folder.delete(["coverage/1/render-usa.png"])
    done = drawn(engine, folder)
    assert done.build == 2
    assert read(folder, "render-usa.png") == read(folder, done.objects["render-usa.png"])
    assert not changed_since(engine, NOW)
