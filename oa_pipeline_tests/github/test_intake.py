"""From deliveries to jobs."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from oa_pipeline.github.intake import MOST_A_LOOK, Handled
from oa_pipeline.ledger import jobs as ledger
from oa_pipeline.ledger import outbox
from oa_pipeline.ledger.deliveries import Delivery, receive
from oa_pipeline.ledger.tables import deliveries

from .intaking import A, B, World
from .sources import source


def test_a_pull_request_becomes_a_job_of_what_it_changes(world: World) -> None:
    world.github.push({A: source("city", "county")})
    pull = world.github.open_pull({A: source("city", "county", "state"), B: source("city")})

    done = world.take(world.github.pull_event(pull))

    job = world.job(pull)
    assert done.jobs == (job["id"],)
    assert [(m["key"], m["partition"]) for m in ledger.members(world.engine, job["id"])] == [
        (key, f"{pull.number}/{pull.head}/{key}") for key in ("us/ca/a/addresses/state", "us/ca/b/addresses/city")
    ]
    assert world.owed(pull.head) == [f"pending: Checking {A}, {B}"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"README.md": "words"}, "success: Nothing to check"),
        ({"sources/us/readme.md": "words", "scripts/x.json": "{}"}, "success: Nothing to check"),
        ({A: source("city").replace("    ", "  ")}, "success: Nothing to check: what changed means the same"),
        ({A: None}, "success: Nothing to check: sources were removed only"),
        ({B: "{"}, f"failure: Failed on {B} from {B}"),
    ],
)
def test_without_data_sources_the_answer_is_there_at_once(world: World, changes: dict[str, Any], said: str) -> None:
    world.github.push({A: source("city")})
    pull = world.github.open_pull(changes)

    world.take(world.github.pull_event(pull))

    assert world.owed(pull.head) == [said]
    assert world.job(pull)["ended_at"] is not None


def test_an_invalid_file_fails_the_job_at_once_and_stops_no_other(world: World) -> None:
    pull = world.github.open_pull({A: source("city"), B: "{"})

    world.take(world.github.pull_event(pull))

    job = world.job(pull)
    assert (job["status"], len(ledger.members(world.engine, job["id"]))) == ("pending", 1)
    from oa_pipeline.github.jobs import refresh

    refresh(world.engine, world.settings, job["id"], now=world.now)
    assert world.owed(pull.head) == [f"failure: Failed on {B} from {A}, {B}"]


def test_the_same_head_by_other_deliveries_is_one_job_and_its_status_is_told_again(world: World) -> None:
    pull = world.github.open_pull({A: source("city")})
    world.take(world.github.pull_event(pull, "opened"))
    (first,) = outbox.due(world.engine, now=world.now, limit=1)
    outbox.paid(world.engine, first["id"], now=world.now)
    assert world.owed(pull.head) == []

    again = world.take(world.github.pull_event(pull, "synchronize"))

    assert again.jobs == ()
    assert len(ledger.of_pull_request(world.engine, pull.number)) == 1
    assert world.owed(pull.head) == [f"pending: Checking {A}"]


def test_a_push_and_its_pull_request_are_one_job(world: World) -> None:
    head = world.github.push({A: source("city")}, "a-branch")
    pull = world.github.open_pull({A: source("city")}, fork=False)
    pull.head = head

    world.take(world.github.pull_event(pull))
    world.take(world.github.push_event("0" * 40, "a-branch"))

    assert len(ledger.listed(world.engine)) == 1


def test_the_newest_head_wins_in_whatever_order_events_come(world: World) -> None:
    pull = world.github.open_pull({A: source("city")})
    opened = world.github.pull_event(pull, "opened")
    old = pull.head
    new = world.github.push_to(pull, {A: source("county")})
    synchronized = world.github.pull_event(pull, "synchronize")

    world.take(synchronized)
    late = world.take(opened)

    assert late.jobs == ()
    (job,) = ledger.of_pull_request(world.engine, pull.number)
    assert (job["head_sha"], job["status"]) == (new, "pending")
    assert world.owed(old) == []


@pytest.mark.parametrize("force", [False, True])
def test_a_newer_head_cancels_the_older_job_and_nothing_more_is_said_of_it(world: World, force: bool) -> None:
    pull = world.github.open_pull({A: source("city")})
    world.take(world.github.pull_event(pull, "opened"))
    old = pull.head
    world.github.push_to(pull, {A: source("county")}, force=force)

    world.take(world.github.pull_event(pull, "synchronize"))

    assert [job["status"] for job in ledger.of_pull_request(world.engine, pull.number)] == ["pending", "cancelled"]
    assert world.owed(old) == []
    assert world.owed(pull.head) == [f"pending: Checking {A}"]


def test_a_closed_pull_request_is_let_go_and_a_merged_one_is_remembered(world: World) -> None:
    closed, merged = world.github.open_pull({A: source("city")}), world.github.open_pull({B: source("city")})
    for pull in (closed, merged):
        world.take(world.github.pull_event(pull))
    world.github.close(closed)
    world.github.merge(merged)

    world.take(world.github.pull_event(closed, "closed"))
    world.take(world.github.pull_event(merged, "closed"))

    assert (world.job(closed)["status"], world.job(closed)["merged"]) == ("cancelled", False)
    assert (world.job(merged)["status"], world.job(merged)["merged"]) == ("pending", True)


def test_a_deleted_fork_is_read_through_the_pull_request(world: World) -> None:
    pull = world.github.open_pull({A: source("city")})
    world.github.delete_fork(pull)

    world.take(world.github.pull_event(pull))

    assert world.owed(pull.head) == [f"pending: Checking {A}"]


def test_asked_again_a_head_is_checked_again_and_nothing_is_reused(world: World) -> None:
    pull = world.github.open_pull({A: source("city")})
    world.take(world.github.pull_event(pull))
    wish = world.github.comment(pull, "re-run this, please", author=pull.author)

    done = world.take(world.github.comment_event(pull, wish))

    job = world.job(pull)
    assert done.jobs == (job["id"],)
    assert job["rerun"]
    assert [j["status"] for j in ledger.of_pull_request(world.engine, pull.number)] == ["pending", "cancelled"]


def many(count: int) -> dict[str, Any]:
    return {f"sources/us/ca/{n:02}.json": source("city") for n in range(count)}


@pytest.mark.parametrize(
    ("association", "count", "status"),
    [
        ("FIRST_TIMER", 11, "waiting"),
        ("NONE", 11, "waiting"),
        ("FIRST_TIMER", 10, "pending"),
        ("MEMBER", 11, "pending"),
    ],
)
def test_many_data_sources_by_a_newcomer_wait_for_somebody_who_may(
    world: World, association: str, count: int, status: str
) -> None:
    pull = world.github.open_pull(many(count), association=association)

    world.take(world.github.pull_event(pull))

    assert world.job(pull)["status"] == status
    assert ("approval" in world.owed(pull.head)[0]) == (status == "waiting")


def test_an_approval_lets_the_waiting_job_go_on(world: World) -> None:
    pull = world.github.open_pull(many(11), association="NONE", author="newcomer")
    world.take(world.github.pull_event(pull))
    for who, association in [("newcomer", "NONE"), ("maintainer", "MEMBER")]:
        assert world.job(pull)["status"] == "waiting"
        said = world.github.comment(pull, "approve, please", author=who, association=association)
        world.take(world.github.comment_event(pull, said))

    assert world.job(pull)["status"] == "pending"
    assert world.owed(pull.head)[0].startswith("pending: Checking ")


def test_a_push_to_the_default_branch_checks_what_it_changed_as_the_published_data_source(world: World) -> None:
    before = world.github.push({A: source("city")})
    after = world.github.push({A: source("city", "county"), B: "{"})

    done = world.take(world.github.push_event(before))

    job = ledger.newest_of(world.engine, after)
    assert job is not None
    assert done.keys == ("us/ca/a/addresses/county",)
    assert [m["partition"] for m in ledger.members(world.engine, job["id"])] == ["us/ca/a/addresses/county"]
    assert job["pull_request"] is None


def test_a_branch_without_a_pull_request_is_checked_as_a_proposal(world: World) -> None:
    world.github.push({A: source("city")})
    head = world.github.push({A: source("county")}, "topic")

    world.take(world.github.push_event("0" * 40, "topic"))

    job = ledger.newest_of(world.engine, head)
    assert job is not None
    assert [m["partition"] for m in ledger.members(world.engine, job["id"])] == [f"0/{head}/us/ca/a/addresses/county"]


def test_more_than_three_hundred_files_of_a_push_are_said_to_be_too_many(world: World) -> None:
    before = world.github.head
    head = world.github.push({f"other/{n}.txt": "x" for n in range(301)} | {A: source("city")})

    world.take(world.github.push_event(before))

    job = ledger.newest_of(world.engine, head)
    assert job is not None
    assert "Too many files" in job["detail"]


def test_an_author_with_many_pull_requests_waits_for_those_with_few(world: World) -> None:
    for _ in range(MOST_A_LOOK * 2):
        world.receive(world.github.pull_event(world.github.open_pull({"README.md": "x"}, author="busy"), "opened"))
    quick = world.github.open_pull({A: source("city")}, author="quiet")
    world.receive(world.github.pull_event(quick))

    done = world.look()

    assert world.job(quick)["id"] in done.jobs
    assert len(done.jobs) == MOST_A_LOOK


def test_among_a_thousand_pull_requests_of_one_author_another_is_served_at_the_next_look(world: World) -> None:
    pull = world.github.open_pull({A: source("city")}, author="busy")
    name, payload = world.github.pull_event(pull)
    body, now = json.dumps(payload).encode(), world.now
    for number in range(1000):
        receive(world.engine, Delivery(f"busy-{number}", name, body, sender="busy"), now=now)
    quick = world.github.open_pull({B: source("city")}, author="quiet")
    last = world.receive(world.github.pull_event(quick))

    done = world.look()

    assert world.job(quick)["id"] in done.jobs
    assert world.delivered(last)["status"] == "handled"
    with world.engine.connect() as connection:
        left = connection.scalar(sa.select(sa.func.count()).where(deliveries.c.status == "received"))
    assert left == 1001 - MOST_A_LOOK


def test_a_delivery_is_looked_at_once(world: World) -> None:
    pull = world.github.open_pull({A: source("city")})
    guid = world.receive(world.github.pull_event(pull))

    world.look()
    asked = len(world.github.requests)

    assert world.look() == Handled()
    assert len(world.github.requests) == asked
    assert world.delivered(guid)["job_id"] == world.job(pull)["id"]
