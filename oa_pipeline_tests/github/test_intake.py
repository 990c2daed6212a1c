"""From deliveries to jobs: a fake GitHub over HTTP, a real ledger, and nothing in between that is not ours."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from oa_pipeline.github.api import GitHub
from oa_pipeline.github.intake import MOST_A_LOOK, MOST_TRIES, Handled, Intake
from oa_pipeline.ledger import jobs as ledger
from oa_pipeline.ledger import outbox
from oa_pipeline.ledger.deliveries import Delivery, receive
from oa_pipeline.ledger.tables import deliveries
from oa_pipeline.settings import Settings

from . import faults
from .fake import TOKEN, FakeGitHub, Pull
from .faults import Fault
from .sources import source

A, B = "sources/us/ca/a.json", "sources/us/ca/b.json"
START = datetime(2026, 11, 20, 12, tzinfo=UTC)


class World:
    """GitHub, the ledger, and our look at both."""

    def __init__(self, github: FakeGitHub, api: GitHub, engine: sa.Engine) -> None:
        self.github, self.api, self.engine = github, api, engine
        self.now = START
        self.settings = Settings(github_api=github.url, github_token=TOKEN, public_url="https://results.example")

    def receive(self, event: tuple[str, Any], guid: str = "") -> str:
        self.now += timedelta(seconds=1)
        guid = guid or str(uuid.uuid4())
        sender = event[1].get("sender", {}).get("login", "")
        receive(self.engine, Delivery(guid, event[0], json.dumps(event[1]).encode(), sender=sender), now=self.now)
        return guid

    def look(self) -> Handled:
        return Intake(self.engine, self.settings, lambda: self.api, self.now).take()

    def take(self, event: tuple[str, Any]) -> Handled:
        self.receive(event)
        return self.look()

    def reconcile(self) -> Handled:
        return Intake(self.engine, self.settings, lambda: self.api, self.now).reconcile()

    def job(self, pull: Pull) -> Any:
        return ledger.of_pull_request(self.engine, pull.number)[0]

    def owed(self, target: str) -> list[str]:
        """The statuses that GitHub is owed of a commit, in words."""
        rows = [row for row in outbox.due(self.engine, now=self.now + timedelta(days=1)) if row["target"] == target]
        return [f"{row['payload']['state']}: {row['payload']['description']}" for row in rows]

    def delivered(self, guid: str) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(sa.select(deliveries).where(deliveries.c.guid == guid)).mappings().one()


@pytest.fixture
def world(github: FakeGitHub, api: GitHub, engine: sa.Engine) -> World:
    return World(github, api, engine)


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


TROUBLES: dict[str, tuple[Callable[..., Any], float]] = {
    "bad gateway": (faults.status(502), 10),
    "a cut line": (faults.cut, 10),
    "a secondary limit": (faults.secondary_limit(77), 77),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_while_github_is_in_trouble_a_delivery_waits_as_told(world: World, trouble: str) -> None:
    how, wait = TROUBLES[trouble]
    pull = world.github.open_pull({A: source("city")})
    guid = world.receive(world.github.pull_event(pull))
    world.github.faults.append(Fault(how))

    assert world.look().put_off == 1
    assert world.delivered(guid)["try_at"] == world.now + timedelta(seconds=wait)
    assert world.look() == Handled()
    world.now += timedelta(seconds=wait)
    assert len(world.look().jobs) == 1


def test_after_many_tries_a_delivery_is_given_up_and_says_why(world: World) -> None:
    world.github.faults.append(Fault(faults.status(502), times=1000))
    guid = world.receive(world.github.pull_event(world.github.open_pull({A: source("city")})))

    for _ in range(MOST_TRIES):
        world.look()
        world.now += timedelta(hours=1)

    row = world.delivered(guid)
    assert row["status"] == "failed"
    assert "502" in row["detail"]


def test_a_lost_webhook_is_not_a_lost_pull_request(world: World) -> None:
    seen, lost = world.github.open_pull({A: source("city")}), world.github.open_pull({B: source("city")})
    world.take(world.github.pull_event(seen))

    done = world.reconcile()

    assert done.jobs == (world.job(lost)["id"],)
    assert world.job(lost)["event"] == "reconciled"
    assert world.reconcile().jobs == ()


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


def test_when_github_asks_for_a_pause_nothing_is_asked_before_it_is_over(world: World) -> None:
    for letter in "abc":
        world.receive(world.github.pull_event(world.github.open_pull({A: source("city")}, author=letter)))
    world.github.faults.append(Fault(faults.secondary_limit(77), times=1000))

    world.look()
    asked = len(world.github.requests)
    world.now += timedelta(seconds=70)
    world.look()

    assert len(world.github.requests) == asked
    world.github.faults.clear()
    world.now += timedelta(seconds=10)
    assert len(world.look().jobs) == 3


def test_a_delivery_over_which_our_code_stumbles_holds_up_no_other_and_is_given_up_in_the_end(world: World) -> None:
    name, payload = world.github.pull_event(world.github.open_pull({A: source("city")}, author="first"))
    bad = world.receive((name, payload))
    world.github.pulls[payload["number"]].base = 7  # type: ignore[assignment]  # what GitHub would never say
    fine = world.github.open_pull({B: source("city")}, author="second")
    world.receive(world.github.pull_event(fine))

    assert len(world.look().jobs) == 1
    for _ in range(MOST_TRIES):
        world.now += timedelta(hours=1)
        world.look()
    assert world.delivered(bad)["status"] == "failed"


def test_a_payload_that_is_no_event_is_rejected_and_holds_up_nothing(world: World) -> None:
    guid = world.receive(("pull_request", {"action": "opened"}))
    pull = world.github.open_pull({A: source("city")})

    assert len(world.take(world.github.pull_event(pull)).jobs) == 1
    assert world.delivered(guid)["status"] == "rejected"


def test_a_delivery_is_looked_at_once(world: World) -> None:
    pull = world.github.open_pull({A: source("city")})
    guid = world.receive(world.github.pull_event(pull))

    world.look()
    asked = len(world.github.requests)

    assert world.look() == Handled()
    assert len(world.github.requests) == asked
    assert world.delivered(guid)["job_id"] == world.job(pull)["id"]
