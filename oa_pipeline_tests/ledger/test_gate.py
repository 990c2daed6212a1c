from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from oa_pipeline.ledger import gate, queries
from oa_pipeline.ledger.listing import Which, list_runs
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.runs import Ending, Opening, Ticket, end_absent, end_run, open_run
from oa_pipeline.ledger.sets import NewSet, open_set
from oa_pipeline.ledger.tables import RunStatus, runs

KEY = "us/ca/alameda/addresses/county"
OTHER = "us/or/bend/addresses/city"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@pytest.fixture(autouse=True)
def _data_sources(engine: sa.Engine) -> None:
    for key in (KEY, OTHER):
        source, layer, name = key.rsplit("/", 2)
        record(engine, [Declared(key, source, layer, name, {"name": name}, {}, "d1")], now=NOW)


def opened(engine: sa.Engine, key: str = KEY) -> Ticket:
    return open_run(engine, Opening(key), now=NOW)


def good(engine: sa.Engine, key: str = KEY) -> int:
    ticket = opened(engine, key)
    assert end_run(engine, ticket, Ending(RunStatus.SUCCEEDED, NOW, rows=100, data_version="v1"))
    return ticket.number


def held(engine: sa.Engine, against: int, key: str = KEY) -> int:
    ticket = opened(engine, key)
    ending = Ending(
        RunStatus.HELD,
        NOW,
        rows=50,
        data_version="v2",
        held_because=("100 rows before, 50 now",),
        compared_with=against,
    )
    assert end_run(engine, ticket, ending)
    return ticket.number


def latest(engine: sa.Engine, key: str = KEY) -> int:
    found = queries.latest_good_run(engine, key)
    assert found is not None
    return int(found["id"])


def test_a_held_run_leaves_the_latest_where_it_was(engine: sa.Engine) -> None:
    first = good(engine)
    second = held(engine, first)
    assert latest(engine) == first
    assert [row["id"] for row in gate.held(engine)] == [second]
    assert [row["id"] for row in gate.held_against(engine, KEY, first)] == [second]


def test_what_is_accepted_is_the_latest_and_says_who_and_when(engine: sa.Engine) -> None:
    first = good(engine)
    number = held(engine, first)
    done = gate.accept(engine, number, "ann\x00", now=LATER)
    assert (done.published, done.already) == (True, False)
    assert latest(engine) == number
    row = queries.run(engine, number)
    assert row == done.row
    assert (row["status"], row["accepted_by"], row["accepted_at"]) == ("succeeded", "ann", LATER)  # type: ignore[index]
    assert gate.held(engine) == []


def test_accepting_twice_changes_nothing(engine: sa.Engine) -> None:
    number = held(engine, good(engine))
    gate.accept(engine, number, "ann", now=LATER)
    again = gate.accept(engine, number, "bob", now=LATER + timedelta(days=1))
    assert (again.already, again.published, again.row["accepted_by"]) == (True, True, "ann")


def test_a_newer_good_run_stays_the_latest(engine: sa.Engine) -> None:
    number = held(engine, good(engine))
    newer = good(engine)
    assert gate.held(engine) == [], "it no longer waits"
    done = gate.accept(engine, number, "ann", now=LATER)
    assert not done.published
    assert done.row["status"] == "succeeded"
    assert latest(engine) == newer


def test_a_rejected_run_no_longer_waits_and_may_still_be_accepted(engine: sa.Engine) -> None:
    number = held(engine, good(engine))
    assert not gate.reject(engine, number, "ann", now=LATER).already
    assert gate.held(engine) == []
    again = gate.reject(engine, number, "bob", now=LATER + timedelta(days=1))
    assert (again.already, again.row["rejected_by"]) == (True, "ann")
    accepted = gate.accept(engine, number, "bob", now=LATER)
    assert (accepted.published, accepted.row["rejected_by"], accepted.row["rejected_at"]) == (True, None, None)


def _running(engine: sa.Engine) -> int:
    return opened(engine).number


def _lost(engine: sa.Engine) -> int:
    number = opened(engine).number
    end_absent(engine, number, RunStatus.LOST, "gone", now=NOW)
    return number


@pytest.mark.parametrize("decide", [gate.accept, gate.reject])
@pytest.mark.parametrize(
    ("make", "said"),
    [(lambda _: 4711, "no run 4711"), (_running, "is at work"), (good, "has succeeded"), (_lost, "was lost")],
    ids=["unknown", "running", "good", "lost"],
)
def test_what_is_not_held_is_not_decided(
    engine: sa.Engine, make: Callable[[sa.Engine], int], said: str, decide: Callable[..., gate.Decided]
) -> None:
    number = make(engine)
    with pytest.raises(gate.NotHeld, match=said):
        decide(engine, number, "ann", now=LATER)


def test_what_was_let_through_is_not_rejected(engine: sa.Engine) -> None:
    number = held(engine, good(engine))
    gate.accept(engine, number, "ann", now=LATER)
    with pytest.raises(gate.NotHeld, match=r"let through on 2026-03-02 by ann"):
        gate.reject(engine, number, "bob", now=LATER)


def test_a_run_without_objects_is_not_published(engine: sa.Engine) -> None:
    number = held(engine, good(engine))
    with engine.begin() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == number).values(pruned_at=LATER))
    with pytest.raises(gate.NotHeld, match="removed from the store"):
        gate.accept(engine, number, "ann", now=LATER)


def test_many_who_accept_at_once_are_one(engine: sa.Engine) -> None:
    number = held(engine, good(engine))
    found: list[gate.Decided] = []
    threads = [
        threading.Thread(target=lambda who=who: found.append(gate.accept(engine, number, who, now=LATER)))
        for who in "abcd"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done.already for done in found) == [False, True, True, True]
    assert len({done.row["accepted_by"] for done in found}) == 1


def test_a_run_that_agrees_lets_the_others_through_as_it_ends(engine: sa.Engine) -> None:
    first = good(engine)
    second, third = held(engine, first), held(engine, first)
    ticket = opened(engine)
    ending = Ending(
        RunStatus.SUCCEEDED, LATER, rows=50, held_because=("less",), compared_with=first, decided_by=f"run {second}",
        agrees_with=(second, third),
    )  # fmt: skip
    assert end_run(engine, ticket, ending)
    assert latest(engine) == ticket.number
    for number in (second, third):
        row = queries.run(engine, number)
        assert (row["status"], row["accepted_by"]) == ("succeeded", f"run {ticket.number}")  # type: ignore[index]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"status": "held", "held_because": None}, id="held for no reason"),
        pytest.param({"accepted_at": NOW, "rejected_at": NOW}, id="accepted and rejected"),
    ],
)
def test_a_row_cannot_lie_about_the_gate(engine: sa.Engine, values: dict[str, object]) -> None:
    number = good(engine)
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == number).values(**values))


def test_runs_are_listed_by_what_is_asked(engine: sa.Engine) -> None:
    first, second = good(engine), good(engine, OTHER)
    waiting = held(engine, first)
    failed = opened(engine, OTHER)
    end_run(engine, failed, Ending(RunStatus.FAILED, NOW, problem="Could not download source data"))
    late = opened(engine, OTHER)
    end_absent(engine, late.number, RunStatus.LOST, "gone", now=NOW)
    end_run(engine, late, Ending(RunStatus.SUCCEEDED, NOW))
    running = opened(engine).number

    def listed(which: Which = Which.ALL, pattern: str | None = None, limit: int = 50) -> list[int]:
        return [row["id"] for row in list_runs(engine, which, pattern=pattern, limit=limit)]

    assert listed() == [running, late.number, failed.number, waiting, second, first]
    assert listed(limit=2) == [running, late.number]
    assert listed(pattern="us/ca/*") == [running, waiting, first]
    assert listed(pattern="fr/*") == []
    assert listed(Which.HELD) == listed(Which.HELD, "us/c?/*") == [waiting]
    assert listed(Which.HELD, "us/or/*") == []
    assert listed(Which.FAILED) == [failed.number]
    assert listed(Which.RUNNING) == [running]
    assert listed(Which.LATE) == [late.number]

    number = open_set(engine, NewSet("r", NOW + timedelta(days=1)), [], now=NOW)
    of_set = open_run(engine, Opening(OTHER, set_id=number), now=NOW).number
    assert [row["id"] for row in list_runs(engine, set_id=number)] == [of_set]
    assert list_runs(engine, Which.FAILED, set_id=number) == list_runs(engine, Which.HELD, set_id=number) == []
