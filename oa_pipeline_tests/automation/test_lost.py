from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from oa_pipeline.automation.lost import SILENCE, end_lost_runs, end_silent_runs, withdraw_ended
from oa_pipeline.automation.sensors import look_for_lost_runs
from oa_pipeline.ledger import assignments, queries
from oa_pipeline.ledger.assignments import Assignment
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.runs import Opening, beat, open_run
from oa_pipeline.orchestration.launcher import Ec2RunLauncher
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings

NOW = datetime(2020, 3, 1, tzinfo=UTC)  # long ago by any clock


@pytest.mark.parametrize(
    ("dagsters", "ours"),
    [
        (DagsterRunStatus.STARTED, "running"),
        (DagsterRunStatus.CANCELING, "running"),
        (DagsterRunStatus.NOT_STARTED, "running"),
        (DagsterRunStatus.FAILURE, "lost"),
        (DagsterRunStatus.SUCCESS, "lost"),
        (DagsterRunStatus.CANCELED, "cancelled"),
        (None, "lost"),
    ],
)
def test_a_run_is_over_when_dagster_says_so(
    instance: DagsterInstance, engine: sa.Engine, dagsters: DagsterRunStatus | None, ours: str
) -> None:
    record(engine, [Declared("x/addresses/y", "x", "addresses", "y", {}, {}, "d")], now=NOW)
    run_id = create_run_for_test(instance, status=dagsters).run_id if dagsters else "deleted"
    ticket = open_run(engine, Opening("x/addresses/y", run_id), now=NOW)
    ended = end_lost_runs(instance, engine)
    row = queries.run(engine, ticket.number)
    assert row is not None
    assert row["status"] == ours
    assert ended == ([] if ours == "running" else [ticket.number])


def test_a_run_that_stays_silent_is_failed_at_the_second_look(
    instance: DagsterInstance, engine: sa.Engine, database: str
) -> None:
    record(engine, [Declared(f"x/addresses/{n}", "x", "addresses", n, {}, {}, n) for n in "ab"], now=NOW)
    runs = {name: create_run_for_test(instance, status=DagsterRunStatus.STARTED) for name in ("a", "b")}
    tickets = {n: open_run(engine, Opening(f"x/addresses/{n}", run.run_id), now=NOW) for n, run in runs.items()}
    later = NOW + SILENCE + timedelta(seconds=1)
    assert end_silent_runs(instance, engine, [], now=NOW) == ([], [])
    ended, suspects = end_silent_runs(instance, engine, [], now=later)
    assert (ended, sorted(suspects)) == ([], sorted(t.number for t in tickets.values()))
    beat(engine, tickets["b"], now=later)
    assert end_silent_runs(instance, engine, suspects, now=later) == ([tickets["a"].number], [])
    statuses = {name: instance.get_run_by_id(run.run_id).status for name, run in runs.items()}  # type: ignore[union-attr]
    assert statuses == {"a": DagsterRunStatus.FAILURE, "b": DagsterRunStatus.STARTED}
    rows = {name: queries.run(engine, ticket.number) for name, ticket in tickets.items()}
    assert (rows["a"]["status"], rows["b"]["status"]) == ("lost", "running")  # type: ignore[index]

    # The sensor remembers its suspects from one tick to the next.
    workplace = Workplace(Settings(database_url=database))
    first = look_for_lost_runs(instance, None, workplace)
    assert first.cursor == str(tickets["b"].number)
    second = look_for_lost_runs(instance, first.cursor, workplace)
    assert (second.cursor, "ended 1 lost runs" in str(second.skip_reason)) == ("", True)


def test_where_run_monitoring_asks_the_launcher_silence_is_its_business(
    instance: DagsterInstance, engine: sa.Engine
) -> None:
    instance._run_launcher = Ec2RunLauncher()
    record(engine, [Declared("x/addresses/y", "x", "addresses", "y", {}, {}, "d")], now=NOW)
    run = create_run_for_test(instance, status=DagsterRunStatus.STARTED)
    number = open_run(engine, Opening("x/addresses/y", run.run_id), now=NOW).number
    later = NOW + SILENCE + timedelta(seconds=1)
    assert end_silent_runs(instance, engine, [number], now=later) == ([], [])


def test_what_waits_for_a_worker_is_taken_back_once_its_run_is_over(
    instance: DagsterInstance, engine: sa.Engine
) -> None:
    states = (DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
    runs = {status: create_run_for_test(instance, status=status).run_id for status in states}
    for run_id in (*runs.values(), "deleted"):
        assignments.offer(engine, Assignment(run_id))
    over = {runs[DagsterRunStatus.FAILURE], runs[DagsterRunStatus.CANCELED], "deleted"}
    assert set(withdraw_ended(instance, engine)) == over
    assert set(assignments.waiting(engine)) == set(runs.values()) - over
    assert withdraw_ended(instance, engine) == []


def test_one_tick_of_the_sensor_sees_to_all_of_it(instance: DagsterInstance, engine: sa.Engine, database: str) -> None:
    record(engine, [Declared("x/addresses/y", "x", "addresses", "y", {}, {}, "d")], now=NOW)
    number = open_run(engine, Opening("x/addresses/y", "deleted"), now=NOW).number
    assignments.offer(engine, Assignment("deleted"))
    done = look_for_lost_runs(instance, None, Workplace(Settings(database_url=database)))
    assert f"[{number}]" in str(done.skip_reason)
    assert assignments.waiting(engine) == []
