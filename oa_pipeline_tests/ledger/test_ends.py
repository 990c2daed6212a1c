"""What becomes in the ledger of runs whose process went away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from oa_pipeline.ledger import assignments, clock, ends, heartbeats, queries
from oa_pipeline.ledger.assignments import Assignment
from oa_pipeline.ledger.clock import LedgerClock
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.runs import Ending, Opening, Ticket, end_absent, end_run, open_run
from oa_pipeline.ledger.tables import RunStatus, Stage

KEY = "x/addresses/y"
LONG, AGO = timedelta(seconds=60), timedelta(minutes=5)


def opened(engine: sa.Engine, run_id: str = "", *, silent: timedelta = AGO) -> Ticket:
    """A run that last beat so long ago, by the database's clock; the server has run for long."""
    now = LedgerClock(engine)()
    record(engine, [Declared(KEY, "x", "addresses", "y", {}, {}, "d")], now=now)
    return open_run(engine, Opening(KEY, run_id), now=now - silent)


@pytest.fixture(autouse=True)
def an_old_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is not counted from before the server's start, which in tests was a moment ago."""
    monkeypatch.setattr(clock, "_server_start", lambda: sa.literal(datetime(2020, 1, 1, tzinfo=UTC)))


def status(engine: sa.Engine, number: int) -> str:
    row = queries.run(engine, number)
    assert row is not None
    return str(row["status"])


@pytest.mark.parametrize(
    ("stage", "silent", "lost"),
    [
        (Stage.BROKEN, AGO, True),
        (Stage.READY, AGO, True),  # it waits to be resumed
        (Stage.DONE, AGO, True),
        (Stage.TAKEN, AGO, False),  # whoever has it is asked by run monitoring
        (Stage.READY, timedelta(0), False),  # its worker fell silent, and it lives
        (None, AGO, False),  # not launched here
    ],
    ids=str,
)
def test_a_silent_run_that_no_worker_has_is_lost(
    engine: sa.Engine, stage: Stage | None, silent: timedelta, lost: bool
) -> None:
    ticket = opened(engine, "r", silent=silent)
    if stage is not None:
        assignments.offer(engine, Assignment("r"))
    if stage not in (None, Stage.READY):
        assert assignments.take(engine, "w", 1) == [Assignment("r")]
    if stage in (Stage.BROKEN, Stage.DONE):
        assignments.end(engine, "w", Assignment("r"), stage, "")
    assert ends.end_given_up(engine, LONG) == ([ticket.number] if lost else [])
    assert status(engine, ticket.number) == ("lost" if lost else "running")


def test_its_late_result_is_refused_and_the_run_that_takes_over_names_it(engine: sa.Engine) -> None:
    lost = opened(engine, "r")
    assignments.offer(engine, Assignment("r"))
    assert ends.end_given_up(engine, LONG) == [lost.number]
    assert not end_run(engine, lost, Ending(RunStatus.SUCCEEDED, datetime.now(UTC)))
    assert [row["status"] for row in queries.late(engine, lost.number)] == ["succeeded"]
    resumed = open_run(engine, Opening(KEY, "r"), now=datetime.now(UTC))
    assert resumed.predecessor == lost.number
    former = queries.run(engine, lost.number)
    assert former is not None
    assert former["successor"] == resumed.number
    # Another run of Dagster's is nobody's successor, and neither is a third try of the first.
    assert end_run(engine, resumed, Ending(RunStatus.SUCCEEDED, datetime.now(UTC)))
    assert open_run(engine, Opening(KEY, "other"), now=datetime.now(UTC)).predecessor is None


def test_a_run_without_one_of_dagsters_is_lost_once_it_is_silent(engine: sa.Engine) -> None:
    ticket = opened(engine)
    assert ends.end_nobodys(engine, timedelta(hours=1)) == []
    assert ends.end_nobodys(engine, LONG) == [ticket.number]
    assert ends.end_nobodys(engine, LONG) == []


def test_silence_is_not_counted_while_the_server_was_down(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    opened(engine)
    assert ends.end_nobodys(engine, timedelta(hours=1)) == []
    (seconds,) = [row.seconds for row in _all(engine, sa.select(ends.silence().label("seconds")))]
    assert seconds < AGO.total_seconds() or _uptime(engine) > AGO.total_seconds()


def _all(engine: sa.Engine, query: sa.Select[tuple[float]]) -> list[sa.Row[tuple[float]]]:
    with engine.connect() as connection:
        return list(connection.execute(query).all())


def _uptime(engine: sa.Engine) -> float:
    query = sa.select(sa.cast(sa.extract("epoch", sa.func.now() - sa.func.pg_postmaster_start_time()), sa.Float))
    return _all(engine, query)[0][0]


def test_a_run_is_ended_by_the_databases_clock(engine: sa.Engine) -> None:
    now = LedgerClock(engine)
    ticket = opened(engine, "r")
    before = now()
    assert end_absent(engine, ticket.number, RunStatus.LOST, "gone")
    row = queries.run(engine, ticket.number)
    assert row is not None
    assert before - timedelta(minutes=1) < row["ended_at"] < now() + timedelta(minutes=1)


def test_the_ledgers_clock_goes_on_while_the_database_is_away(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter((7.0, 8.5, 71.25))
    monkeypatch.setattr(clock.time, "clock_gettime", lambda _: next(ticks))
    counted = LedgerClock(engine)
    asked: list[object] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *statement: asked.append(statement))
    first, second = counted(), counted()
    assert second - first == timedelta(seconds=62.75)
    assert asked == []


def test_the_tries_of_a_run_are_told_in_order_with_their_age(engine: sa.Engine) -> None:
    first = opened(engine, "r")
    second = opened(engine, "r", silent=timedelta(0))
    opened(engine, "other", silent=timedelta(0))
    found = ends.tries(engine, "r")
    assert [row["id"] for row in found] == [first.number, second.number]
    assert found[0]["age"] >= AGO.total_seconds() > found[1]["age"]


def test_the_good_run_before_another_is_neither_that_nor_a_failed_one(engine: sa.Engine) -> None:
    numbers = []
    for outcome in (RunStatus.SUCCEEDED, RunStatus.LOST, RunStatus.SUCCEEDED):
        ticket = opened(engine, silent=timedelta(0))
        assert end_run(engine, ticket, Ending(outcome, datetime.now(UTC)))
        numbers.append(ticket.number)
    found = ends.good_run_before(engine, KEY, numbers[2])
    assert found is not None
    assert found["id"] == numbers[0]
    assert ends.good_run_before(engine, KEY, numbers[0]) is None


def test_what_waits_for_a_worker_is_known(engine: sa.Engine) -> None:
    heartbeats.beat(engine, heartbeats.Beat("w", "h", 1, 2))
    for run_id in "ab":
        assignments.offer(engine, Assignment(run_id))
    assignments.take(engine, "w", 1)
    assert len(assignments.waiting(engine)) == 1
