from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from oa_pipeline.ledger import assignments, heartbeats
from oa_pipeline.ledger.assignments import Assignment
from oa_pipeline.ledger.heartbeats import Beat
from oa_pipeline.ledger.tables import Stage
from oa_pipeline.ledger.tables import assignments as table

RUN = Assignment("run-1")
MINUTE = timedelta(minutes=1)


def stages(engine: sa.Engine) -> dict[tuple[str, int], str]:
    with engine.connect() as connection:
        rows = connection.execute(sa.select(table.c.dagster_run_id, table.c.attempt, table.c.stage))
        return {(row.dagster_run_id, row.attempt): row.stage for row in rows}


def worker(engine: sa.Engine, name: str = "w", *, silent: float = 0, slots: int = 2, draining: bool = False) -> None:
    """A worker that beat so many seconds ago."""
    heartbeats.beat(engine, Beat(name, "host", 7, slots, draining=draining, usage={"run-1": {"memory": 5}}))
    with engine.begin() as connection:
        back = sa.text(
            "UPDATE oa.heartbeats SET beat_at = clock_timestamp() - make_interval(secs => :s) WHERE worker=:w"
        )
        connection.execute(back, {"s": silent, "w": name})


@pytest.fixture
def started_long_ago(engine: sa.Engine) -> None:
    """The server of the tests has just started, which would excuse every silence: here it started in 2000."""
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE FUNCTION public.pg_postmaster_start_time() RETURNS timestamptz LANGUAGE sql "
                                   "AS $$ SELECT timestamptz '2000-01-01' $$"))  # fmt: skip
        connection.execute(sa.text(f"ALTER DATABASE {engine.url.database} SET search_path = public, pg_catalog"))
    engine.dispose()


def test_what_is_offered_is_taken_once_and_ended_once(engine: sa.Engine) -> None:
    assert assignments.offer(engine, RUN)
    assert assignments.take(engine, "w", 2) == [RUN]
    assert assignments.take(engine, "v", 2) == []
    assert assignments.held(engine, "w") == {RUN}
    assert assignments.end(engine, "w", RUN, Stage.DONE, "exit status 0")
    assert not assignments.end(engine, "w", RUN, Stage.BROKEN, "again")
    assert assignments.held(engine, "w") == set()
    assert stages(engine) == {("run-1", 0): "done"}


@pytest.mark.parametrize("until", ["ready", "taken", "done"])
def test_a_second_delivery_changes_nothing(engine: sa.Engine, until: str) -> None:
    assignments.offer(engine, RUN)
    if until != "ready":
        assignments.take(engine, "w", 1)
    if until == "done":
        assignments.end(engine, "w", RUN, Stage.DONE, "")
    assert not assignments.offer(engine, RUN)
    assert stages(engine) == {("run-1", 0): until}


def test_a_later_attempt_takes_the_place_of_the_earlier_and_not_the_other_way_round(engine: sa.Engine) -> None:
    second = Assignment("run-1", 1)
    assignments.offer(engine, RUN)
    assignments.take(engine, "lost", 1)
    assert assignments.offer(engine, second)
    assert not assignments.end(engine, "lost", RUN, Stage.DONE, "late")
    assert not assignments.give_back(engine, "lost", RUN)
    assert not assignments.offer(engine, RUN)
    assert stages(engine) == {("run-1", 0): "broken", ("run-1", 1): "ready"}
    assert assignments.take(engine, "w", 5) == [second]


def test_higher_priority_goes_first_then_the_longest_ready(engine: sa.Engine) -> None:
    for name, priority in [("batch", -1), ("one", 0), ("two", 0), ("pull request", 10)]:
        assignments.offer(engine, Assignment(name), priority=priority)
    taken = [one.run_id for _ in range(2) for one in assignments.take(engine, "w", 2)]
    assert taken == ["pull request", "one", "two", "batch"]


def test_workers_that_take_at_once_never_share(engine: sa.Engine) -> None:
    for number in range(30):
        assignments.offer(engine, Assignment(f"run-{number}"))
    taken: list[Assignment] = []

    def work(name: str) -> None:
        while some := assignments.take(engine, name, 2):
            taken.extend(some)

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 30


def test_a_row_that_is_being_taken_holds_up_nobody(engine: sa.Engine) -> None:
    assignments.offer(engine, Assignment("first"))
    assignments.offer(engine, Assignment("second"))
    with engine.begin() as other:
        other.execute(sa.text("SELECT 1 FROM oa.assignments WHERE dagster_run_id = 'first' FOR UPDATE"))
        assert assignments.take(engine, "w", 2) == [Assignment("second")]


def test_what_is_given_back_can_be_taken_again_and_is_counted(engine: sa.Engine) -> None:
    assignments.offer(engine, RUN)
    assignments.take(engine, "w", 1)
    assert assignments.give_back(engine, "w", RUN)
    assert not assignments.give_back(engine, "w", RUN)
    assert assignments.take(engine, "v", 1) == [RUN]
    assert assignments.deliveries(engine, [RUN, Assignment("unknown")]) == {RUN: 2}


def test_only_what_nobody_took_is_withdrawn(engine: sa.Engine) -> None:
    assignments.offer(engine, RUN)
    assert assignments.withdraw(engine, "run-1")
    assert assignments.take(engine, "w", 1) == []
    assignments.offer(engine, Assignment("run-2"))
    assignments.take(engine, "w", 1)
    assert not assignments.withdraw(engine, "run-2")


@pytest.mark.usefixtures("started_long_ago")
def test_the_newest_attempt_stands_with_its_worker(engine: sa.Engine) -> None:
    assert assignments.standing(engine, "run-1") is None
    assignments.offer(engine, RUN)
    ready = assignments.standing(engine, "run-1")
    assert ready is not None
    assert (ready.stage, ready.worker, ready.silent) == (Stage.READY, "", None)
    worker(engine, silent=30)
    assignments.take(engine, "w", 1)
    taken = assignments.standing(engine, "run-1")
    assert taken is not None
    assert taken.silent is not None
    assert 30 <= taken.silent < 90
    assert (taken.stage, taken.worker, taken.host, taken.usage) == (Stage.TAKEN, "w", "host", {"memory": 5})


@pytest.mark.usefixtures("started_long_ago")
def test_what_silent_and_vanished_workers_have_is_abandoned(engine: sa.Engine) -> None:
    for name, silent in [("lives", 1), ("silent", 90), ("gone", None)]:
        assignments.offer(engine, Assignment(name))
        assignments.take(engine, name, 1)
        if silent is not None:
            worker(engine, name, silent=silent)
    found = assignments.abandoned(engine, MINUTE)
    assert sorted((one.run_id, who, count) for one, who, count in found) == [
        ("gone", "gone", 1),
        ("silent", "silent", 1),
    ]


@pytest.mark.usefixtures("started_long_ago")
def test_slots_count_while_their_worker_beats_and_takes(engine: sa.Engine) -> None:
    assert heartbeats.live_slots(engine, MINUTE) == 0
    worker(engine, "a", slots=2)
    worker(engine, "b", slots=3, silent=20)
    worker(engine, "silent", slots=4, silent=70)
    worker(engine, "draining", slots=5, draining=True)
    assert heartbeats.live_slots(engine, MINUTE) == 5
    heartbeats.leave(engine, "a")
    assert heartbeats.live_slots(engine, MINUTE) == 3


def test_a_silence_while_the_database_was_down_is_not_held_against_a_worker(engine: sa.Engine) -> None:
    worker(engine, "w", silent=3 * 86400)
    assert heartbeats.live_slots(engine, timedelta(days=1)) == 2


@pytest.mark.usefixtures("started_long_ago")
def test_a_silent_worker_is_buried_once_no_run_waits_for_it(engine: sa.Engine) -> None:
    assignments.offer(engine, RUN)
    assignments.take(engine, "busy", 1)
    worker(engine, "busy", silent=90)
    worker(engine, "idle", silent=90)
    worker(engine, "lives")
    assert heartbeats.bury(engine, MINUTE) == ["idle"]
    assignments.end(engine, "busy", RUN, Stage.BROKEN, "")
    assert heartbeats.bury(engine, MINUTE) == ["busy"]
    assert [row["worker"] for row in heartbeats.workers(engine)] == ["lives"]


def test_a_beat_replaces_the_one_before(engine: sa.Engine) -> None:
    heartbeats.beat(engine, Beat("w", "host", 7, 2, "1"))
    heartbeats.beat(engine, Beat("w", "host", 7, 2, "2", draining=True, usage={"r": {"pid": 1}}))
    (row,) = heartbeats.workers(engine)
    assert (row["code_version"], row["draining"], row["usage"]) == ("2", True, {"r": {"pid": 1}})
    assert row["silent"] < 60


def test_only_long_ended_attempts_are_forgotten(engine: sa.Engine) -> None:
    for name in ("old", "new", "open"):
        assignments.offer(engine, Assignment(name))
    for one in assignments.take(engine, "w", 3):
        if one.run_id != "open":
            assignments.end(engine, "w", one, Stage.DONE, "")
    with engine.begin() as connection:
        connection.execute(
            sa.update(table).where(table.c.dagster_run_id == "old").values(ended_at=sa.func.now() - timedelta(days=8))
        )
    assert assignments.forget_ended(engine) == 1
    assert {run for run, _ in stages(engine)} == {"new", "open"}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"stage": "done"}, id="ended without a time"),
        pytest.param({"stage": "taken"}, id="taken by nobody"),
    ],
)
def test_an_assignment_cannot_lie(engine: sa.Engine, values: dict[str, object]) -> None:
    assignments.offer(engine, RUN)
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.execute(sa.update(table).values(**values))
