from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from oa_pipeline.errors import PublishError
from oa_pipeline.ledger import queries
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.runs import CacheFacts, Ending, Opening, Ticket, beat, end_absent, end_run, open_run
from oa_pipeline.ledger.tables import RunStatus, runs
from oa_pipeline.sources.model import Licence
from oa_pipeline_tests.ledger.life import counts_by_status

KEY = "us/ca/alameda/addresses/county"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)


@pytest.fixture(autouse=True)
def _one_data_source(engine: sa.Engine) -> None:
    record(
        engine,
        [Declared(KEY, "us/ca/alameda", "addresses", "county", {"name": "county"}, {}, "d1", "b1", "c1")],
        now=NOW,
    )


def opened(engine: sa.Engine) -> Ticket:
    return open_run(engine, Opening(KEY, dagster_run_id="abc", code_version="1"), now=NOW)


def good(**facts: object) -> Ending:
    return replace(Ending(RunStatus.SUCCEEDED, LATER, rows=3, data_version="v1"), **facts)  # type: ignore[arg-type]


def test_a_run_gets_a_number_and_the_facts_of_its_source(engine: sa.Engine) -> None:
    ticket = opened(engine)
    row = queries.run(engine, ticket.number)
    assert row is not None
    assert (row["status"], row["source"], row["digest"], row["blob_sha"], row["commit_sha"]) == (
        "running", "us/ca/alameda", "d1", "b1", "c1",
    )  # fmt: skip
    assert row["ended_at"] is None
    assert ticket.prefix == f"runs/{ticket.number}/"


def test_a_good_end_moves_the_pointer(engine: sa.Engine) -> None:
    ticket = opened(engine)
    ending = good(
        cache=CacheFacts("ab", "cd", 7, "text/csv", {"etag": "x"}),
        outputs={"csv": {"key": "runs/1/x.zip", "size": 4}},
        bounds=(1.0, 2.0, 3.0, 4.0),
        licence=Licence("CC0", False, "A", True),
        counters={"rows/read": 4},
        prefix=ticket.prefix,
    )
    assert end_run(engine, ticket, ending)
    row = queries.latest_good_run(engine, KEY)
    assert row is not None
    assert (row["id"], row["rows"], row["cache_sha256"], row["validators"]) == (ticket.number, 3, "ab", {"etag": "x"})
    assert (row["bounds"], row["licence"], row["share_alike"]) == ([1.0, 2.0, 3.0, 4.0], "CC0", True)
    assert row["outputs"]["csv"]["size"] == 4


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.SKIPPED, RunStatus.LOST])
def test_any_other_end_leaves_the_pointer_where_it_was(engine: sa.Engine, status: RunStatus) -> None:
    first = opened(engine)
    end_run(engine, first, good())
    second = opened(engine)
    assert end_run(engine, second, Ending(status, LATER, problem="Could not download source data"))
    latest = queries.latest_good_run(engine, KEY)
    assert latest is not None
    assert latest["id"] == first.number


def test_a_run_ends_once_and_a_late_result_is_kept_as_late(engine: sa.Engine) -> None:
    ticket = opened(engine)
    assert end_absent(engine, ticket.number, RunStatus.CANCELLED, "stopped by hand", now=LATER)
    assert not end_run(engine, ticket, good(detail="came after all"))
    row = queries.run(engine, ticket.number)
    assert row is not None
    assert row["status"] == "cancelled"
    assert queries.latest_good_run(engine, KEY) is None
    (late,) = queries.late(engine, ticket.number)
    assert (late["status"], late["found"], late["detail"]) == ("succeeded", "cancelled", "came after all")


def test_the_same_end_told_twice_is_one_end(engine: sa.Engine) -> None:
    ticket = opened(engine)
    assert end_run(engine, ticket, good())
    assert end_run(engine, ticket, good())
    assert queries.late(engine, ticket.number) == []


def test_a_newer_run_takes_over_and_only_it_may_publish(engine: sa.Engine) -> None:
    first = opened(engine)
    second = opened(engine)
    assert (second.number > first.number, second.token > first.token) == (True, True)
    former = queries.run(engine, first.number)
    newer = queries.run(engine, second.number)
    assert former is not None
    assert newer is not None
    assert (former["status"], former["successor"], newer["predecessor"]) == ("lost", second.number, first.number)
    assert not beat(engine, first, now=LATER)
    assert not end_run(engine, first, good())
    assert queries.latest_good_run(engine, KEY) is None
    assert beat(engine, second, now=LATER)
    assert end_run(engine, second, good())
    latest = queries.latest_good_run(engine, KEY)
    assert latest is not None
    assert latest["id"] == second.number


def test_a_forged_token_ends_nothing(engine: sa.Engine) -> None:
    ticket = opened(engine)
    assert not end_run(engine, replace(ticket, token=ticket.token + 1), good())
    row = queries.run(engine, ticket.number)
    assert row is not None
    assert row["status"] == "running"


def test_many_who_open_at_once_leave_one_running(engine: sa.Engine) -> None:
    tickets: list[Ticket] = []
    threads = [threading.Thread(target=lambda: tickets.append(opened(engine))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({t.number for t in tickets}) == 4
    assert len({t.token for t in tickets}) == 4
    (row,) = queries.running(engine)
    assert row["token"] == max(t.token for t in tickets)
    assert counts_by_status(engine) == {"running": 1, "lost": 3}


def test_an_unknown_data_source_is_refused_with_the_cure(engine: sa.Engine) -> None:
    with pytest.raises(PublishError, match="oa sources sync"):
        open_run(engine, Opening("nowhere/addresses/x"), now=NOW)


def test_text_that_postgres_refuses_is_cleaned(engine: sa.Engine) -> None:
    ticket = opened(engine)
    ending = Ending(
        RunStatus.FAILED,
        LATER,
        problem="Could not conform\x00 source data",
        detail="a\x00b\ud800c",
        warnings=["w\x00"],
        seconds={"convert": float("nan")},
        counters={"k\x00": 1},
    )
    assert end_run(engine, ticket, ending)
    row = queries.run(engine, ticket.number)
    assert row is not None
    assert (row["problem"], row["detail"]) == ("Could not conform source data", "abc")
    assert (row["warnings"], row["seconds"], row["counters"]) == (["w"], {"convert": None}, {"k": 1})


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"status": "succeeded"}, id="ended without a time"),
        pytest.param({"ended_at": NOW}, id="running with an end"),
        pytest.param({"status": "failed", "ended_at": NOW}, id="failed without a problem"),
        pytest.param({"status": "succeeded", "ended_at": NOW, "problem": "x"}, id="succeeded with a problem"),
        pytest.param({"bounds": [1.0, 2.0]}, id="two bounds"),
    ],
)
def test_a_row_cannot_lie(engine: sa.Engine, values: dict[str, object]) -> None:
    ticket = opened(engine)
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == ticket.number).values(**values))


def test_silent_runs_are_found(engine: sa.Engine) -> None:
    ticket = opened(engine)
    assert queries.running(engine, silent_since=NOW) == []
    assert [r["id"] for r in queries.running(engine, silent_since=LATER)] == [ticket.number]
    assert [r["id"] for r in queries.history(engine, KEY)] == [ticket.number]
    assert queries.latest_runs(engine, [KEY, "other"])[KEY]["id"] == ticket.number
