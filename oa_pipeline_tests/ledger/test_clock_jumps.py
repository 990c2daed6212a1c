"""The database's clock is set, forward or back, while runs are at work and things wait: nothing is lost or doubled."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from oa_pipeline.automation.lost import SILENCE, end_forsaken_runs
from oa_pipeline.automation.sensors import look_for_lost_runs
from oa_pipeline.ledger import assignments, deliveries, heartbeats, machines, outbox, queries, retention
from oa_pipeline.ledger.assignments import Assignment
from oa_pipeline.ledger.clock import Steadiness, database_time, passed, set_right
from oa_pipeline.ledger.deliveries import Delivery
from oa_pipeline.ledger.engine import in_transaction
from oa_pipeline.ledger.heartbeats import Beat
from oa_pipeline.ledger.retention import Rule
from oa_pipeline.ledger.runs import Ending, Opening, beat, end_run, open_run
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline.orchestration import dagster_private as private
from oa_pipeline.orchestration.launcher import Ec2RunLauncher
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings

from .life import declare, job, run

KEY = "us/ca/a/addresses/city"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
JUMPS = pytest.mark.parametrize("jump", [2 * HOUR, -2 * HOUR], ids=["two hours forward", "two hours back"])
Set = Callable[[timedelta], None]
CLOCK = """
CREATE TABLE public.ahead (by interval); INSERT INTO public.ahead VALUES ('0');
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS $$ SELECT pg_catalog.clock_timestamp() + by FROM public.ahead $$;
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS $$ SELECT pg_catalog.now() + by FROM public.ahead $$;
CREATE FUNCTION public.pg_postmaster_start_time() RETURNS timestamptz LANGUAGE sql
    AS $$ SELECT timestamptz '2000-01-01' $$;
"""


@pytest.fixture
def set_clock(engine: sa.Engine) -> Set:
    """Sets the clock of the database, which has run for long, so far ahead of the true time."""
    with engine.begin() as connection:
        connection.execute(sa.text(CLOCK))
        connection.execute(sa.text(f"ALTER DATABASE {engine.url.database} SET search_path = public, pg_catalog"))
    engine.dispose()

    def put(by: timedelta) -> None:
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE public.ahead SET by = :by"), {"by": by})

    return put


def a_worker(engine: sa.Engine) -> None:
    heartbeats.beat(engine, Beat("w", "host", 1, 2, instance="i-1"))


def status(engine: sa.Engine, number: int) -> str:
    row = queries.run(engine, number)
    assert row is not None
    return str(row["status"])


# ---- who is lost -------------------------------------------------------------------------------------------


@JUMPS
def test_a_run_that_beats_is_not_lost_and_one_that_does_not_is(
    jump: timedelta, engine: sa.Engine, set_clock: Set, instance: DagsterInstance, database: str
) -> None:
    workplace = Workplace(Settings(database_url=database))
    keys = [declare(engine, f"us/ca/{name}/addresses/city") for name in ("lives", "died")]
    tickets = {}
    for one in keys:
        made = create_run_for_test(instance, status=DagsterRunStatus.STARTED)
        tickets[one] = open_run(engine, Opening(one, made.run_id), now=database_time(engine))
    first = look_for_lost_runs(instance, None, workplace)
    assert first.cursor == ""
    set_clock(jump)
    second = look_for_lost_runs(instance, first.cursor, workplace)
    assert beat(engine, tickets[keys[0]])
    third = look_for_lost_runs(instance, second.cursor, workplace)
    if jump < timedelta(0):
        assert [status(engine, t.number) for t in tickets.values()] == ["running", "running"]
        set_clock(jump + SILENCE + MINUTE)  # as long as any silence
        assert beat(engine, tickets[keys[0]])
        fourth = look_for_lost_runs(instance, third.cursor, workplace)
        look_for_lost_runs(instance, fourth.cursor, workplace)
    assert [status(engine, t.number) for t in tickets.values()] == ["running", "lost"]


@JUMPS
def test_silence_proves_nothing_until_all_could_beat_again(jump: timedelta, engine: sa.Engine, set_clock: Set) -> None:
    steady = Steadiness(lambda: database_time(engine))
    number = open_run(engine, Opening(declare(engine, KEY)), now=database_time(engine)).number
    assert end_forsaken_runs(engine, steady) == []
    set_clock(jump)
    assert end_forsaken_runs(engine, steady) == []
    assert status(engine, number) == "running"
    assert steady.shaken(SILENCE)
    time.sleep(0.02)
    assert not steady.shaken(timedelta(milliseconds=10))


@JUMPS
def test_the_launcher_gives_no_worker_up_because_a_clock_was_set(
    jump: timedelta,
    engine: sa.Engine,
    set_clock: Set,
    instance: DagsterInstance,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OA_DATABASE_URL", database)
    launcher = Ec2RunLauncher()
    launcher.register_instance(instance)
    run_ = create_run_for_test(instance, status=DagsterRunStatus.STARTED)
    launcher.launch_run(private.LaunchRunContext(run_, None))
    a_worker(engine)
    assert assignments.take(engine, "w", 1)
    for by in (timedelta(0), jump, jump):
        set_clock(by)
        assert launcher.check_run_worker_health(run_).status is private.WorkerStatus.RUNNING


def test_a_worker_that_died_before_the_clock_was_set_back_is_found_dead(engine: sa.Engine, set_clock: Set) -> None:
    a_worker(engine)
    assignments.offer(engine, Assignment("r"))
    assignments.take(engine, "w", 1)
    set_clock(-2 * HOUR)
    assert assignments.abandoned(engine, MINUTE) == []
    assert set_right(engine) == 1
    assert set_right(engine) == 0
    set_clock(-2 * HOUR + 2 * MINUTE)
    assert [worker for _, worker, _ in assignments.abandoned(engine, MINUTE)] == ["w"]


@JUMPS
def test_slots_and_instances_count_again_after_one_beat(jump: timedelta, engine: sa.Engine, set_clock: Set) -> None:
    a_worker(engine)
    set_clock(jump)
    a_worker(engine)
    assert heartbeats.live_slots(engine, MINUTE) == 2
    assert machines.heard(engine, MINUTE) == {"i-1"}
    assert heartbeats.bury(engine, MINUTE) == []


# ---- who may write -----------------------------------------------------------------------------------------


@JUMPS
def test_the_younger_run_is_the_one_that_counts_whatever_its_clock_says(jump: timedelta, engine: sa.Engine) -> None:
    now = database_time(engine)
    declare(engine, KEY)
    old = open_run(engine, Opening(KEY, "old"), now=now)
    young = open_run(engine, Opening(KEY, "young"), now=now + jump)
    assert not beat(engine, old)
    assert not end_run(engine, old, Ending(RunStatus.SUCCEEDED, now + 3 * HOUR, rows=1))
    assert end_run(engine, young, Ending(RunStatus.SUCCEEDED, now + jump + MINUTE, rows=2))
    latest = queries.latest_good_run(engine, KEY)
    assert latest is not None
    assert latest["id"] == young.number


@JUMPS
def test_a_result_of_before_the_jump_is_followed_by_the_next_one(jump: timedelta, engine: sa.Engine) -> None:
    now = database_time(engine)
    declare(engine, KEY)
    run(engine, KEY, at=now)
    after = run(engine, KEY, at=now + jump)
    latest = queries.latest_good_run(engine, KEY)
    assert latest is not None
    assert latest["id"] == after


@JUMPS
def test_an_attempt_is_taken_once_whatever_the_clock_says(jump: timedelta, engine: sa.Engine, set_clock: Set) -> None:
    assignments.offer(engine, Assignment("r"))
    assert assignments.take(engine, "w", 1) == [Assignment("r")]
    set_clock(jump)
    assert assignments.take(engine, "v", 1) == []
    assert assignments.offer(engine, Assignment("r", 1))
    assert not assignments.offer(engine, Assignment("r"))
    assert assignments.held(engine, "w") == set()
    assert assignments.take(engine, "v", 1) == [Assignment("r", 1)]


# ---- what waits, and what goes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        (-59.0, False), (-60.0, True), (-7260.0, True), (0.0, False), (30.0, False), (60.0, False), (61.0, True),
        (7200.0, True),
    ],
)  # fmt: skip
def test_what_may_be_done_too_early_does_not_wait_for_a_clock_that_was_set_back(since: float, expected: bool) -> None:
    now = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert passed(now + timedelta(seconds=since), now, MINUTE) is expected


@pytest.mark.parametrize(
    ("away", "due"),
    [(-2 * HOUR, True), (timedelta(0), True), (MINUTE, False), (HOUR, False), (2 * HOUR, True)],
    ids=["two hours ago", "now", "in a minute", "in an hour", "after the clock was set back"],
)
def test_deliveries_and_debts_wait_as_long_as_they_were_put_off_and_no_longer(
    engine: sa.Engine, away: timedelta, due: bool
) -> None:
    now = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    deliveries.receive(engine, Delivery("g", "push", b"{}"), now=now + away)
    owner = job(engine)
    in_transaction(
        engine,
        lambda c: outbox.owe(c, job_id=owner, kind="status", target="a", payload={"a": 1}, now=now + away),
    )
    found = (len(deliveries.waiting(engine, now=now)), len(outbox.due(engine, now=now)))
    assert found == ((1, 1) if due else (0, 0))


@pytest.mark.parametrize(
    "jump", [2 * HOUR, -2 * HOUR, timedelta(days=3650)], ids=["two hours forward", "two hours back", "ten years on"]
)
def test_what_is_current_stays_whatever_the_clock_says(jump: timedelta, engine: sa.Engine) -> None:
    now = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    declare(engine, KEY)
    facts: dict[str, Any] = {"prefix": "runs/1/", "outputs": {"csv": {"key": "runs/1/x.zip", "size": 10}}}
    run(engine, KEY, at=now - timedelta(days=89), **facts)
    rule = Rule(now + jump - timedelta(days=90), now + jump - timedelta(days=30))
    assert retention.doomed(engine, rule) == []
