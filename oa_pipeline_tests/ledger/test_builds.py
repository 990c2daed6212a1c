from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from oa_pipeline.errors import PublishError
from oa_pipeline.ledger.builds import (
    Artifact,
    Tile,
    Zip,
    add_facts,
    artifact,
    begin_build,
    current_tiles,
    current_zips,
    fail_build,
    last_published,
    newest,
    publish_artifacts,
    publish_tiles,
    publish_zips,
)
from oa_pipeline.ledger.tables import builds

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=20)
EUROPE = Zip("europe", "", "collections/1/openaddr-collected-europe.zip", 100, "ab", 7, 2)
ASIA = replace(EUROPE, area="asia", key="collections/1/openaddr-collected-asia.zip")
HERE = Tile(13, -52, "tiles/1/13.0/-52.0.zip", 10, "cd", 3, "f1", [4, 5])
STATS = Artifact("machine-stats.json", "statistics/1/machine-stats.json", 4, "ef", "application/json", {"n": 1})


def begun(engine: sa.Engine, kind: str = "collections", fingerprint: str = "f") -> int:
    return begin_build(engine, kind, run_ids=[3, 4], fingerprint=fingerprint, dagster_run_id="d", now=NOW)


def status(engine: sa.Engine, build: int) -> str:
    with engine.connect() as connection:
        return str(connection.scalar(sa.select(builds.c.status).where(builds.c.id == build)))


def test_the_current_zips_change_all_at_once(engine: sa.Engine) -> None:
    first = begun(engine)
    assert current_zips(engine) == []
    publish_zips(engine, first, [EUROPE, ASIA], {"sources": 4}, now=LATER)
    assert [row["area"] for row in current_zips(engine)] == ["asia", "europe"]
    second = begun(engine, fingerprint="g")
    assert [row["build_id"] for row in current_zips(engine)] == [first, first]
    publish_zips(engine, second, [replace(EUROPE, rows=8)], {}, now=LATER)
    assert [(row["area"], row["build_id"], row["rows"]) for row in current_zips(engine)] == [("europe", second, 8)]
    last = last_published(engine, "collections")
    assert last is not None
    assert (last["id"], last["run_ids"], last["fingerprint"]) == (second, [3, 4], "g")


def test_a_failed_build_changes_nothing_that_is_current(engine: sa.Engine) -> None:
    first = begun(engine)
    publish_zips(engine, first, [EUROPE], {"sources": 4}, now=LATER)
    second = begun(engine)
    fail_build(engine, second, "the disk is full\0", now=LATER)
    assert status(engine, second) == "failed"
    assert (newest(engine, "collections") or {})["id"] == second
    assert [row["build_id"] for row in current_zips(engine)] == [first]
    last = last_published(engine, "collections")
    assert last is not None
    assert (last["id"], last["facts"]) == (first, {"sources": 4})
    fail_build(engine, first, "too late", now=LATER)
    assert status(engine, first) == "published"


PUBLISH: dict[str, Callable[[sa.Engine, int], None]] = {
    "collections": lambda engine, build: publish_zips(engine, build, [EUROPE], {}, now=LATER),
    "tiles": lambda engine, build: publish_tiles(engine, build, [HERE], [], {}, now=LATER),
    "statistics": lambda engine, build: publish_artifacts(engine, build, [STATS], {}, now=LATER),
}


@pytest.mark.parametrize("kind", PUBLISH)
def test_a_build_that_was_overtaken_may_not_publish(engine: sa.Engine, kind: str) -> None:
    first = begun(engine, kind)
    other = begun(engine, f"another kind than {kind}")
    second = begun(engine, kind)
    assert [status(engine, build) for build in (first, other, second)] == ["failed", "building", "building"]
    with pytest.raises(PublishError, match="newer build"):
        PUBLISH[kind](engine, first)
    assert (current_zips(engine), current_tiles(engine), artifact(engine, STATS.name)) == ([], [], None)
    PUBLISH[kind](engine, second)
    assert status(engine, second) == "published"


@pytest.mark.parametrize("kind", PUBLISH)
def test_publishing_again_after_a_lost_answer_is_one_publication(engine: sa.Engine, kind: str) -> None:
    build = begun(engine, kind)
    PUBLISH[kind](engine, build)
    PUBLISH[kind](engine, build)
    found = (len(current_zips(engine)), len(current_tiles(engine)), artifact(engine, STATS.name) is not None)
    assert found == {"collections": (1, 0, False), "tiles": (0, 1, False), "statistics": (0, 0, True)}[kind]


def test_tiles_are_replaced_added_and_removed_one_by_one(engine: sa.Engine) -> None:
    there = replace(HERE, lon=-180, lat=-90)
    publish_tiles(engine, begun(engine, "tiles"), [HERE, there], [], {}, now=NOW)
    second = begun(engine, "tiles")
    elsewhere = replace(HERE, lon=179, lat=89)
    publish_tiles(engine, second, [replace(HERE, rows=9), elsewhere], [(-180, -90), (1, 1)], {}, now=LATER)
    found = [(row["lon"], row["lat"], row["rows"], row["run_ids"]) for row in current_tiles(engine)]
    assert found == [(13, -52, 9, [4, 5]), (179, 89, 3, [4, 5])]
    assert {row["build_id"] for row in current_tiles(engine)} == {second}


def test_many_tiles_are_published_in_one_go(engine: sa.Engine) -> None:
    cells = [replace(HERE, lon=n % 360 - 180, lat=n // 360) for n in range(1201)]
    publish_tiles(engine, begun(engine, "tiles"), cells, [], {}, now=NOW)
    assert len(current_tiles(engine)) == 1201
    publish_tiles(engine, begun(engine, "tiles"), [], {(c.lon, c.lat) for c in cells[1:]}, {}, now=NOW)
    assert len(current_tiles(engine)) == 1


def test_artifacts_of_other_names_stay(engine: sa.Engine) -> None:
    publish_artifacts(engine, begun(engine, "statistics"), [STATS, replace(STATS, name="x")], {}, now=NOW)
    publish_artifacts(engine, begun(engine, "statistics"), [replace(STATS, size=5)], {}, now=LATER)
    sizes = {name: (artifact(engine, name) or {})["size"] for name in (STATS.name, "x")}
    assert sizes == {STATS.name: 5, "x": 4}


def test_facts_can_be_added_to(engine: sa.Engine) -> None:
    build = begun(engine)
    publish_zips(engine, build, [EUROPE], {"sources": 4, "fixed": False}, now=LATER)
    add_facts(engine, build, {"fixed": True})
    last = last_published(engine, "collections")
    assert last is not None
    assert last["facts"] == {"sources": 4, "fixed": True}


def test_there_may_be_nothing_at_all(engine: sa.Engine) -> None:
    assert last_published(engine, "collections") is None
    assert newest(engine, "collections") is None
    assert artifact(engine, "machine-stats.json") is None
    build = begun(engine)
    publish_zips(engine, build, [], {}, now=LATER)
    assert current_zips(engine) == []
