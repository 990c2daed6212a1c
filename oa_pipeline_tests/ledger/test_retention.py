"""What stays and what may go, one rule a line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from oa_pipeline.ledger import builds, forgetting, retention
from oa_pipeline.ledger.retention import OLD, QUIET, Rule
from oa_pipeline.ledger.runs import Opening, open_run
from oa_pipeline.ledger.sets import Member, NewSet, open_set
from oa_pipeline.ledger.tables import RunStatus, assignments, deliveries, heartbeats, job_members, jobs, pointers, runs

from .life import NOW, declare, job, propose, run

DAY = timedelta(days=1)
RULE = Rule(NOW - 90 * DAY, NOW - 30 * DAY)
A, B = "us/ca/a/addresses/city", "us/ca/b/addresses/city"
FAILED, HELD = RunStatus.FAILED, RunStatus.HELD


def a_run(
    engine: sa.Engine, days: float, status: RunStatus = RunStatus.SUCCEEDED, *, key: str = A, **facts: Any
) -> int:
    """A run that ended so many days ago, with objects of its own."""
    with engine.connect() as connection:
        number = 1 + (connection.scalar(sa.select(sa.func.max(runs.c.id))) or 0)
    folder = "pr" if key.startswith("7/") else "runs"
    own = {
        "prefix": f"{folder}/{number}/",
        "outputs": {"csv": {"key": f"{folder}/{number}/x.zip", "size": 10}, "log": {"key": "l", "size": 5}},
    }
    if "copy_of" in facts:
        own = {"prefix": f"runs/{facts['copy_of']}/", "outputs": {"csv": {"key": "x", "size": 10}}}
    found = run(engine, declare(engine, key) if folder == "runs" else key, status, at=NOW - days * DAY, **own, **facts)
    assert found == number
    return number


def gone(engine: sa.Engine, rule: Rule = RULE) -> list[int]:
    return [one.run for one in retention.doomed(engine, rule)]


def test_all_young_ones_stay_and_then_one_good_one_a_month(engine: sa.Engine) -> None:
    # NOW is the first of March: the window reaches back to the first of December.
    july = [a_run(engine, days) for days in (240, 235, 230)]
    june_failed = a_run(engine, 225, FAILED)
    a_run(engine, 89)
    a_run(engine, 88, FAILED)
    a_run(engine, 10)
    assert gone(engine) == [*july[:2], june_failed]


def test_a_months_last_good_run_is_of_each_data_source_for_itself(engine: sa.Engine) -> None:
    first, other, last = a_run(engine, 240), a_run(engine, 239, key=B), a_run(engine, 238)
    a_run(engine, 5)
    a_run(engine, 5, key=B)
    assert gone(engine) == [first]
    assert other != last


def test_what_is_told_of_each(engine: sa.Engine) -> None:
    one = a_run(engine, 200, FAILED)
    assert retention.doomed(engine, RULE) == [retention.Doomed(one, A, f"runs/{one}/", 15, OLD)]


def test_the_latest_good_one_stays_however_old(engine: sa.Engine) -> None:
    a_run(engine, 900)
    a_run(engine, 899, FAILED)
    assert gone(engine) == [2]


def test_whatever_the_public_is_sent_to_stays(engine: sa.Engine) -> None:
    one, _, _ = a_run(engine, 240), a_run(engine, 239), a_run(engine, 5)
    with engine.begin() as connection:
        connection.execute(sa.update(pointers).values(run_id=one))  # somebody put it back by hand
    assert gone(engine) == []


def test_a_copied_result_stays_as_long_as_one_of_its_copies_and_then_goes_for_all(engine: sa.Engine) -> None:
    first = a_run(engine, 240, FAILED)
    original = a_run(engine, 238)
    copy = a_run(engine, 237, copy_of=original)
    a_run(engine, 236)
    a_run(engine, 5)
    assert gone(engine) == [first, original]
    assert retention.mark(engine, RULE, [first, original], [A], now=NOW) == [first, original]
    with engine.connect() as connection:
        found = connection.execute(sa.select(runs.c.id, runs.c.prefix).where(runs.c.pruned_at == NOW)).all()
    assert sorted(found) == [(first, "runs/1/"), (original, "runs/2/"), (copy, "")]
    assert retention.marked(engine) == [(first, "runs/1/"), (original, "runs/2/")]


def test_a_young_copy_keeps_an_old_result(engine: sa.Engine) -> None:
    original = a_run(engine, 240)
    a_run(engine, 239)
    a_run(engine, 20, copy_of=original)
    a_run(engine, 5)
    assert gone(engine) == []


def name_by_tile(engine: sa.Engine, number: int) -> None:
    build = builds.begin_build(engine, "tiles", run_ids=[], now=NOW)
    tile = builds.Tile(1, 1, "tiles/1/x", 1, "x", 1, "f", [number])
    builds.publish_tiles(engine, build, [tile], (), {}, now=NOW)


def name_by_collection(engine: sa.Engine, number: int) -> None:
    build = builds.begin_build(engine, "collections", run_ids=[number], now=NOW)
    builds.publish_zips(engine, build, [builds.Zip("global", "", "k", 1, "x", 1, 1)], {}, now=NOW)


def name_by_artifact(engine: sa.Engine, number: int) -> None:
    build = builds.begin_build(engine, "coverage", run_ids=[number], now=NOW)
    builds.publish_artifacts(engine, build, [builds.Artifact("a", "k", 1, "x")], {}, now=NOW)


def name_by_build_at_work(engine: sa.Engine, number: int) -> None:
    builds.begin_build(engine, "collections", run_ids=[number], now=NOW)


def name_by_job(engine: sa.Engine, number: int) -> None:
    values = {"job_id": job(engine), "key": A, "partition": A, "run_id": number}
    with engine.begin() as connection:
        connection.execute(sa.insert(job_members).values(values))


def name_by_set(engine: sa.Engine, number: int) -> None:
    asked = open_set(engine, NewSet("o/r", NOW), [Member(A)], now=NOW)
    with engine.begin() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == number).values(set_id=asked))


@pytest.mark.parametrize(
    "name",
    [name_by_tile, name_by_collection, name_by_artifact, name_by_build_at_work, name_by_job, name_by_set],
    ids=lambda name: name.__name__,
)
def test_what_something_names_stays(engine: sa.Engine, name: Callable[[sa.Engine, int], None]) -> None:
    one, _, _ = a_run(engine, 240), a_run(engine, 239), a_run(engine, 5)
    assert gone(engine) == [one]
    name(engine, one)
    assert gone(engine) == []


def test_what_a_former_collection_or_an_ended_job_named_may_go(engine: sa.Engine) -> None:
    one, _, _ = a_run(engine, 240), a_run(engine, 239), a_run(engine, 5)
    name_by_collection(engine, one)
    name_by_job(engine, one)
    name_by_collection(engine, 3)
    with engine.begin() as connection:
        connection.execute(sa.update(jobs).values(status="success", ended_at=NOW))
    assert gone(engine) == [one]


def test_a_held_run_waits_until_it_is_decided(engine: sa.Engine) -> None:
    a_run(engine, 300)
    held = a_run(engine, 240, HELD)
    assert gone(engine) == []
    with engine.begin() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == held).values(rejected_at=NOW, rejected_by="ann"))
    assert gone(engine) == [held]


def test_a_later_good_run_decides_on_a_held_one(engine: sa.Engine) -> None:
    held = a_run(engine, 240, HELD)
    a_run(engine, 5)
    assert gone(engine) == [held]


def test_a_pull_requests_results_go_when_it_has_been_quiet(engine: sa.Engine) -> None:
    old = propose(engine, A)
    one = a_run(engine, 40, key=old)
    a_run(engine, 20, key=propose(engine, B))
    assert [(found.run, found.prefix, found.reason) for found in retention.doomed(engine, RULE)] == [
        (one, "pr/1/", QUIET)
    ]


def test_a_result_that_is_needed_again_meanwhile_is_not_marked(engine: sa.Engine) -> None:
    one, two, _ = a_run(engine, 240), a_run(engine, 239), a_run(engine, 5)
    assert gone(engine) == [one]
    name_by_tile(engine, one)
    assert retention.mark(engine, RULE, [one, two], [A], now=NOW) == []
    assert retention.marked(engine) == []


def test_what_is_marked_is_found_until_its_objects_are_gone(engine: sa.Engine) -> None:
    one, _, _ = a_run(engine, 240), a_run(engine, 239), a_run(engine, 5)
    retention.mark(engine, RULE, [one], [A], now=NOW)
    assert gone(engine) == []
    assert retention.placed(engine, [one, 2, 77]) == {"runs/1/", "runs/2/"}
    retention.gone(engine, [one, 2])
    assert retention.marked(engine) == []
    assert retention.placed(engine, [one, 2]) == {"runs/2/"}


def test_a_run_at_work_has_a_place_before_it_has_a_result(engine: sa.Engine) -> None:
    ticket = open_run(engine, Opening(declare(engine, A)), now=NOW - 200 * DAY)
    proposal = open_run(engine, Opening(propose(engine, B)), now=NOW)
    assert retention.placed(engine, [ticket.number, proposal.number]) == {"runs/1/", "pr/2/"}
    assert gone(engine) == []


@pytest.mark.parametrize("days", [0.5, 30])
def test_former_builds_stay_for_a_while_and_the_last_ones_for_longer(engine: sa.Engine, days: float) -> None:
    numbers = []
    for _ in range(5):
        numbers.append(builds.begin_build(engine, "tiles", run_ids=[], now=NOW))
        builds.publish_tiles(engine, numbers[-1], [], (), {}, now=NOW)
    failed = builds.begin_build(engine, "tiles", run_ids=[], now=NOW)
    builds.fail_build(engine, failed, "x", now=NOW)
    at_work = builds.begin_build(engine, "statistics", run_ids=[], now=NOW)
    found = retention.all_builds(engine, spare=3, since=NOW + (days - 1) * DAY)
    young = days < 1
    assert found == {
        **{("tiles", number): young or number >= numbers[2] for number in numbers},
        ("tiles", failed): young,
        ("statistics", at_work): True,
    }


def _fill(engine: sa.Engine, at: datetime) -> None:
    with engine.begin() as connection:
        for stage, name in (("done", "ended"), ("ready", "waits")):
            ended = at if stage == "done" else None
            values = {"dagster_run_id": f"{name} {at}", "attempt": 0, "stage": stage, "ready_at": at, "ended_at": ended}
            connection.execute(sa.insert(assignments).values(values))
        for status, handled in (("handled", at), ("received", None)):
            values = {"guid": f"{status} {at}", "event": "push", "body": b"", "status": status, "received_at": at}
            connection.execute(sa.insert(deliveries).values({**values, "handled_at": handled}))
        values = {"worker": f"w {at}", "host": "h", "pid": 1, "slots": 1, "beat_at": at}
        connection.execute(sa.insert(heartbeats).values(values))


def test_old_rows_of_ended_things_are_forgotten_block_by_block(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "BLOCK", 2)
    for days in (1, 200, 201, 202, 203, 204):
        _fill(engine, NOW - days * DAY)
    expected = {"assignments": 5, "heartbeats": 5, "deliveries": 5}
    assert forgetting.old_rows(engine, NOW - 90 * DAY) == expected
    assert forgetting.forget(engine, NOW - 90 * DAY) == expected
    with engine.connect() as connection:
        left = [connection.scalar(sa.select(sa.func.count()).select_from(t)) for t in (assignments, deliveries)]
    assert left == [7, 7]
    assert forgetting.forget(engine, NOW - 90 * DAY) == dict.fromkeys(expected, 0)


def test_proposals_that_are_quiet_are_found_and_forgotten_once(engine: sa.Engine) -> None:
    quiet, busy = propose(engine, A), propose(engine, B)
    asked = propose(engine, A, head="b" * 40)
    run(engine, busy, at=NOW + 40 * DAY)
    with engine.begin() as connection:
        values = {"job_id": job(engine), "key": A, "partition": asked}
        connection.execute(sa.insert(job_members).values(values))
    assert forgetting.quiet_proposals(engine, NOW - DAY) == []
    assert forgetting.quiet_proposals(engine, NOW + 30 * DAY) == [quiet]
    forgetting.forget_proposals(engine, [quiet], now=NOW)
    assert forgetting.quiet_proposals(engine, NOW + 30 * DAY) == []
