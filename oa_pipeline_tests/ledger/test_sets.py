from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from oa_pipeline.errors import OAError
from oa_pipeline.ledger import members, queries, sets
from oa_pipeline.ledger.copies import Basis, record_copy
from oa_pipeline.ledger.estimates import estimates
from oa_pipeline.ledger.members import Ended
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.runs import Ending, Opening, end_run, open_run
from oa_pipeline.ledger.sets import Member, NewSet, SetRuns, open_set
from oa_pipeline.ledger.tables import Outcome, RunStatus, SetStatus, partitions

NOW = datetime(2026, 3, 6, 21, tzinfo=UTC)
NEW = NewSet("a/b", NOW + timedelta(hours=60))
DEADLINE = timedelta(hours=9)


def key(name: str) -> str:
    return f"xx/{name}/addresses/city"


@pytest.fixture(autouse=True)
def known(engine: sa.Engine) -> None:
    record(engine, [Declared(key(n), f"xx/{n}", "addresses", "city", {}, {}, f"digest {n}") for n in "abcdef"], now=NOW)


def begin(engine: sa.Engine, names: str = "abc", **how: object) -> int:
    new = replace(NEW, **how)  # type: ignore[arg-type]
    return open_set(engine, new, [Member(key(n), f"host-{n}", 10.0) for n in names], now=NOW)


def ran(
    engine: sa.Engine,
    name: str,
    seconds: float,
    *,
    status: RunStatus = RunStatus.SUCCEEDED,
    number: int | None = None,
    copy_of: int | None = None,
) -> int:
    """A run that took so long and has ended."""
    ticket = open_run(engine, Opening(key(name), f"dagster {name}", set_id=number), now=NOW)
    problem = "Could not download source data" if status is RunStatus.FAILED else None
    ending = Ending(status, NOW + timedelta(seconds=seconds), problem=problem, copy_of=copy_of)
    assert end_run(engine, ticket, ending)
    return ticket.number


def steps(engine: sa.Engine, number: int) -> dict[str, int]:
    return dict(sets.tally(engine, number).steps)


def test_there_is_one_set_at_a_time_and_a_second_is_refused_with_its_number(engine: sa.Engine) -> None:
    first = begin(engine)
    with pytest.raises(SetRuns, match=f"set {first} has not ended") as refused:
        open_set(engine, NEW, [Member(key("d"))], now=NOW + timedelta(seconds=1))
    assert refused.value.number == first
    assert sets.end_set(engine, first, SetStatus.CANCELLED, counts={}, now=NOW)
    assert not sets.end_set(engine, first, SetStatus.COMPLETE, counts={}, now=NOW), "it ends once"
    assert open_set(engine, NEW, [Member(key("d"))], now=NOW + timedelta(seconds=2)) > first
    assert isinstance(refused.value, OAError)


def test_who_asks_once_gets_one_set_even_after_it_has_ended(engine: sa.Engine) -> None:
    first = begin(engine, asked_by="schedule 21:00", once=True)
    assert begin(engine, asked_by="schedule 21:00", once=True) == first
    sets.end_set(engine, first, SetStatus.COMPLETE, counts={}, now=NOW)
    assert begin(engine, asked_by="schedule 21:00", once=True) == first
    assert begin(engine, asked_by="schedule next week", once=True) > first


def test_two_who_open_a_set_at_the_same_moment_get_one(engine: sa.Engine) -> None:
    found: list[int | str] = []
    barrier = threading.Barrier(4)

    def go(who: int) -> None:
        barrier.wait()
        try:
            new = replace(NEW, asked_by=f"person {who}")
            found.append(open_set(engine, new, [Member(key("a"))], now=NOW + timedelta(seconds=who)))
        except SetRuns as error:
            found.append(f"refused for {error.number}")

    threads = [threading.Thread(target=go, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (number,) = [one for one in found if isinstance(one, int)]
    assert sorted(map(str, found)) == sorted([str(number), *[f"refused for {number}"] * 3])


def test_members_go_from_step_to_step_and_end_once(engine: sa.Engine) -> None:
    number = begin(engine, "cab")
    assert members.claim(engine, number, "probe 1", 2, now=NOW) == [key("c"), key("a")], "in the set's order"
    assert members.probed_by(engine, number) == {"probe 1": 2}
    assert members.due(engine, number, [key("c"), key("b")], "probe 1", now=NOW) == 1, "b is nobody's to judge"
    assert members.due(engine, number, [key("a")], "another run", now=NOW) == 0
    assert steps(engine, number) == {"waiting": 1, "changed": 1, "probing": 1}
    assert members.queue(engine, number, [key("c"), key("a")], now=NOW) == {key("c"): 1}
    assert [one["key"] for one in members.queued(engine, number)] == [key("c")]
    assert members.another_try(engine, number, [key("c")], "lost", now=NOW) == 1
    assert members.queue(engine, number, [key("c")], now=NOW) == {key("c"): 2}
    run = ran(engine, "c", 5, number=number)
    ended = Ended(key("c"), Outcome.SUCCEEDED, run, "dagster c")
    assert members.end(engine, number, [ended, ended], now=NOW) == 1
    tally = sets.tally(engine, number)
    assert (tally.ended, tally.members, dict(tally.outcomes)) == (1, 3, {"succeeded": 1})
    assert sets.not_ended(engine, number) == [key("a"), key("b")]


def test_a_probe_that_dies_is_made_good_twice_and_then_the_member_is_run_unasked(engine: sa.Engine) -> None:
    number = begin(engine, "ab")
    for _ in range(2):
        members.claim(engine, number, "probe", 1, now=NOW)
        assert members.release(engine, number, ["probe"], now=NOW) == 1
    assert steps(engine, number) == {"waiting": 1, "changed": 1}
    assert [one["key"] for one in members.next_due(engine, number, of_a_host=1, limit=9)] == [key("a")]


def test_nothing_is_taken_up_of_a_set_that_has_ended(engine: sa.Engine) -> None:
    number = begin(engine)
    sets.end_set(engine, number, SetStatus.CANCELLED, counts={}, now=NOW)
    assert members.claim(engine, number, "probe", 9, now=NOW) == []


def test_a_set_that_is_forced_asks_nobody(engine: sa.Engine) -> None:
    assert steps(engine, begin(engine, force=True)) == {"changed": 3}


def test_of_a_host_only_the_first_are_offered(engine: sa.Engine) -> None:
    hosts = {"a": "big", "b": "big", "c": "big", "d": "", "e": "", "f": "small"}
    number = open_set(engine, replace(NEW, force=True), [Member(key(n), h) for n, h in hosts.items()], now=NOW)
    offered = members.next_due(engine, number, of_a_host=2, limit=9)
    assert [one["key"] for one in offered] == [key(n) for n in "abdef"]


def test_an_ended_set_knows_the_versions_of_the_code_its_runs_had(engine: sa.Engine) -> None:
    number = begin(engine)
    for name, version in (("a", "1"), ("b", "2"), ("c", "2")):
        open_run(engine, Opening(key(name), code_version=version, set_id=number), now=NOW)
    sets.end_set(engine, number, SetStatus.COMPLETE, counts={"members": 3}, detail="a\0b", now=NOW)
    row = sets.newest(engine)
    assert row is not None
    assert (row["code_versions"], row["counts"], row["status"]) == (["1", "2"], {"members": 3}, "complete")
    assert [one["id"] for one in sets.ended_after(engine, 0)] == sets.ended_since(engine, NOW) == [number]
    assert sets.ended_after(engine, number) == sets.ended_since(engine, NOW + timedelta(seconds=1)) == []


# ---- copies ------------------------------------------------------------------------------------------------


def copied(engine: sa.Engine, number: int, last: int, *, digest: str = "digest a", who: str = "probe") -> int | None:
    opening = Opening(key("a"), who, code_version="1", set_id=number)
    return record_copy(engine, opening, Basis(last, digest), Ending(RunStatus.SUCCEEDED, NOW, copy_of=last), now=NOW)


def test_a_copy_is_a_run_that_has_ended_and_the_latest_and_ends_its_member(engine: sa.Engine) -> None:
    last = ran(engine, "a", 5)
    number = begin(engine, "a")
    members.claim(engine, number, "probe", 1, now=NOW)
    copy = copied(engine, number, last)
    assert copy is not None
    row, latest = queries.run(engine, copy), queries.latest_good_run(engine, key("a"))
    assert row is not None
    assert latest == row
    assert (row["status"], row["copy_of"], row["set_id"], row["digest"]) == ("succeeded", last, number, "digest a")
    tally = sets.tally(engine, number)
    assert (dict(tally.steps), dict(tally.outcomes)) == ({"ended": 1}, {"unchanged": 1})
    assert copied(engine, number, last) == copy, "its answer was lost, and it is asked for again"
    assert len(queries.history(engine, key("a"))) == 2


@pytest.mark.parametrize("meanwhile", ["at work", "newer", "changed", "given up", "set ended"])
def test_nothing_is_copied_that_is_no_longer_what_it_was(engine: sa.Engine, meanwhile: str) -> None:
    last = ran(engine, "a", 5)
    number = begin(engine, "a")
    members.claim(engine, number, "probe", 1, now=NOW)
    if meanwhile == "at work":
        open_run(engine, Opening(key("a"), "a person's"), now=NOW)
    elif meanwhile == "newer":
        ran(engine, "a", 5)
    elif meanwhile == "changed":
        with engine.begin() as connection:
            connection.execute(sa.update(partitions).values(digest="another"))
    elif meanwhile == "given up":
        members.release(engine, number, ["probe"], now=NOW)
    else:
        sets.end_set(engine, number, SetStatus.CANCELLED, counts={}, now=NOW)
    before = queries.history(engine, key("a"))
    assert copied(engine, number, last) is None
    assert queries.history(engine, key("a")) == before
    assert sets.tally(engine, number).ended == 0


# ---- estimates ---------------------------------------------------------------------------------------------


def test_what_is_expected_is_the_last_good_runs_own_work_not_a_copys(engine: sa.Engine) -> None:
    good = ran(engine, "a", 500)
    ran(engine, "a", 1, copy_of=good)
    ran(engine, "a", 7, status=RunStatus.FAILED)
    ran(engine, "b", 30, status=RunStatus.FAILED)
    found = estimates(engine, [key(n) for n in "abc"], deadline=DEADLINE)
    assert [found[key(n)].seconds for n in "abc"] == [500, 30, None]


def test_what_timed_out_in_its_last_three_sets_is_dead(engine: sa.Engine) -> None:
    for turn in range(3):
        number = begin(engine, "ab" if turn else "abc")
        for name in "abc":
            seconds = 40_000 if name == "a" or (name == "b" and turn != 1) or name == "c" else 60
            run = ran(engine, name, seconds, status=RunStatus.FAILED, number=number)
            members.end(engine, number, [Ended(key(name), Outcome.FAILED, run)], now=NOW)
        sets.end_set(engine, number, SetStatus.COMPLETE, counts={}, now=NOW)
    found = estimates(engine, [key(n) for n in "abc"], deadline=DEADLINE)
    assert {name: found[key(name)].dead for name in "abc"} == {"a": True, "b": False, "c": False}


def test_hosts_that_fail_are_told_with_their_usual_problem(engine: sa.Engine) -> None:
    number = open_set(engine, NEW, [Member(key(n), "one" if n < "c" else "two") for n in "abc"], now=NOW)
    for name, status in (("a", RunStatus.FAILED), ("b", RunStatus.SUCCEEDED), ("c", RunStatus.SUCCEEDED)):
        run = ran(engine, name, 5, status=status, number=number)
        row = queries.run(engine, run)
        assert row is not None
        members.end(engine, number, [Ended(key(name), members.outcome_of(row), run)], now=NOW)
    (host,) = sets.hosts(engine, number)
    assert dict(host) == {"host": "one", "ended": 2, "failed": 1, "problem": "Could not download source data"}
    assert dict(sets.tally(engine, number).problems) == {"Could not download source data": 1}
