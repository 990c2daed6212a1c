"""The statistics of a ledger with sets in it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from oa_pipeline.errors import PublishError
from oa_pipeline.ledger import builds, statistics
from oa_pipeline.ledger.sets import Member, NewSet, end_set, open_set
from oa_pipeline.ledger.tables import RunStatus, SetStatus
from oa_pipeline.publish.statistics import changed_since, publish_statistics
from oa_pipeline.publish.store import Store
from oa_pipeline_tests.ledger.life import NOW, declare, run

A, B, C = "us/ca/a/addresses/city", "us/ca/b/addresses/city", "us/ca/c/addresses/city"
A_BUILDINGS = "us/ca/a/buildings/city"
WEEK = timedelta(days=7)
FAILED, GOOD = RunStatus.FAILED, RunStatus.SUCCEEDED
TIMES = {"seconds": {"download": 2.0, "convert": 5.0, "total": 8.0}}


def a_set(engine: sa.Engine, week: int, results: dict[str, Any], *, only: str = "", complete: bool = True) -> int:
    """A set of that week: status and facts of the run of each member."""
    at = NOW + week * WEEK
    members = [Member(declare(engine, key), host=f"{key[6]}.example") for key in results]
    number = open_set(engine, NewSet("o/r", at + WEEK, only=only, asked_by=f"week {week}"), members, now=at)
    for key, (status, facts) in results.items():
        run(engine, key, status, at=at, set_id=number, **facts)
    ending = SetStatus.COMPLETE if complete else SetStatus.INCOMPLETE
    end_set(engine, number, ending, counts={}, now=at + timedelta(hours=20))
    return number


def good(rows: int, **facts: Any) -> tuple[RunStatus, dict[str, Any]]:
    return GOOD, {"rows": rows, **TIMES, **facts}


def bad(problem: str = "Could not download source data") -> tuple[RunStatus, dict[str, Any]]:
    return FAILED, {"rows": None, "problem": problem}


def made(engine: sa.Engine, store: Store, at: datetime = NOW) -> tuple[dict[str, Any], dict[str, Any]]:
    publish_statistics(engine, store, now=lambda: at)
    found = [builds.artifact(engine, name) for name in ("machine-stats.json", "statistics.json")]
    machine, ours = (read(store, one["key"]) for one in found if one)
    assert read(store, "machine-stats.json") == machine
    return machine, ours


def read(store: Store, key: str) -> dict[str, Any]:
    with store.open(key) as held:
        found: dict[str, Any] = json.load(held)
    return found


def test_machine_stats_have_their_readers_shape(engine: sa.Engine, store: Store) -> None:
    a_set(engine, 0, {A: good(100), B: good(30), A_BUILDINGS: good(9)})
    a_set(engine, 1, {A: good(90), B: bad(), C: good(0), A_BUILDINGS: good(9)})
    a_set(engine, 2, {A: good(1)}, only="us/ca/a/*")
    a_set(engine, 3, {A: good(1)}, complete=False)
    machine, _ = made(engine, store)
    first, second = NOW.timestamp() * 1000, (NOW + WEEK).timestamp() * 1000
    times = {"average_cache_time": 2.0, "average_process_time": 6.0}
    assert machine == {
        "timeseries": [
            {"ts": first, "addresses": 130, "successful_sources": 2, **times},
            {"ts": second, "addresses": 90, "successful_sources": 1, **times},
        ],
        "last_address_counts": [0, 90],
        "last_process_times": [6.0, 6.0],
        "last_cache_times": [2.0, 2.0],
        "lost_sources": {
            "headers": ["Source", "Max Addresses", "Last Good"],
            "rows": [["us/ca/b.json", 30, f"{NOW.timestamp():.3f}"]],
        },
    }


def test_a_copied_result_counts_with_the_time_it_took_when_it_was_made(engine: sa.Engine, store: Store) -> None:
    a_set(engine, 0, {A: good(100)})
    a_set(engine, 1, {A: (GOOD, {"rows": 100, "copy_of": 1})})
    machine, _ = made(engine, store)
    assert machine["timeseries"][1]["average_process_time"] == 6.0


def test_points_of_former_sets_are_kept_and_the_last_set_is_looked_at_again(engine: sa.Engine, store: Store) -> None:
    first = a_set(engine, 0, {A: good(100)})
    before, _ = made(engine, store)
    a_set(engine, 1, {A: good(110)})
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE oa.runs SET rows = 7 WHERE set_id = :n"), {"n": first})
    after, _ = made(engine, store)
    assert after["timeseries"][0] == before["timeseries"][0]
    assert [point["addresses"] for point in after["timeseries"]] == [100, 110]


def test_lost_and_recovered_since_the_last_set_are_grouped(engine: sa.Engine, store: Store) -> None:
    one = a_set(engine, 0, {A: good(1), B: bad("Could not conform source data"), C: bad()})
    two = a_set(engine, 1, {A: bad(), B: good(5), C: bad(), A_BUILDINGS: bad()})
    _, ours = made(engine, store)
    assert ours["sets"] == [one, two]
    assert ours["lost"] == {
        "count": 1,
        "by_host": {"a.example": 1},
        "by_problem": {"Could not download source data": 1},
        "data_sources": [{"key": A, "host": "a.example", "problem": "Could not download source data"}],
    }
    assert ours["recovered"]["by_problem"] == {"Could not conform source data": 1}
    assert ours["problems"] == {"Could not download source data": 3}


def test_the_front_pages_numbers_are_of_the_results_to_date(engine: sa.Engine, store: Store) -> None:
    a_set(engine, 0, {A: good(100), B: good(30), A_BUILDINGS: good(9), C: bad()})
    run(engine, A, FAILED, at=NOW + WEEK, rows=None)
    _, ours = made(engine, store)
    assert ours["index"] == {
        "addresses": 130,
        "sources": 3,
        "processed": 2,
        "newest": "2026-03-01T12:01:00+00:00",
        "layers": {
            "addresses": {"rows": 130, "data_sources": 3, "processed": 2},
            "buildings": {"rows": 9, "data_sources": 1, "processed": 1},
        },
    }


def test_an_empty_ledger_has_statistics_too(engine: sa.Engine, store: Store) -> None:
    machine, ours = made(engine, store)
    assert machine["timeseries"] == machine["lost_sources"]["rows"] == []
    assert ours["index"] == {"addresses": 0, "sources": 0, "processed": 0, "newest": None, "layers": {}}
    assert ours["lost"]["count"] == 0


def test_nothing_new_is_told_until_something_happens(engine: sa.Engine, store: Store) -> None:
    assert changed_since(engine)
    made(engine, store)
    assert not changed_since(engine)
    declare(engine, A)
    assert changed_since(engine)
    one = publish_statistics(engine, store, now=lambda: NOW)
    run(engine, A)
    two = publish_statistics(engine, store, now=lambda: NOW)
    assert one.version != two.version
    assert two.version == publish_statistics(engine, store, now=lambda: NOW + WEEK).version


def test_a_build_that_fails_leaves_what_was_current(
    engine: sa.Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(engine, store)
    before = builds.artifact(engine, "machine-stats.json")

    def broken(*_: object) -> None:
        raise PublishError("the ledger is gone")

    declare(engine, A)
    with monkeypatch.context() as patch:
        patch.setattr(statistics, "problems_to_date", broken)
        with pytest.raises(PublishError, match="gone"):
            publish_statistics(engine, store, now=lambda: NOW)
    assert builds.artifact(engine, "machine-stats.json") == before
    assert changed_since(engine)
