"""GitHub is told what it is owed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from oa_pipeline.github.api import GitHub
from oa_pipeline.github.jobs import open_job, reassert, refresh
from oa_pipeline.github.outgoing import MARKER, Paid, pay
from oa_pipeline.ledger import jobs, outbox
from oa_pipeline.ledger.engine import in_transaction
from oa_pipeline.ledger.jobs import NewJob, NewMember
from oa_pipeline.ledger.partitions import Declared
from oa_pipeline.ledger.runs import Ending, Opening, end_run, open_run
from oa_pipeline.ledger.tables import JobStatus, RunStatus
from oa_pipeline.settings import Settings

from . import faults
from .fake import BOT, TOKEN, FakeGitHub, Pull
from .faults import Fault

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
PATH = "sources/us/ca/a.json"
KEYS = ("us/ca/a/addresses/city", "us/ca/a/addresses/county")


class Desk:
    def __init__(self, github: FakeGitHub, api: GitHub, engine: sa.Engine) -> None:
        self.github, self.api, self.engine, self.now = github, api, engine, START
        self.settings = Settings(public_url="https://results.example", github_api=github.url, github_token=TOKEN)

    def job(self, pull: Pull, keys: tuple[str, ...] = KEYS) -> str:
        job = NewJob(
            id=str(uuid.uuid4()),
            status=JobStatus.PENDING,
            repository=self.github.repository,
            event="pull_request",
            head_sha=pull.head,
            pull_request=pull.number,
            files=[{"path": PATH, "outcome": "changed", "detail": "", "findings": []}],
            deadline_at=self.now + timedelta(hours=1),
        )
        declared = [
            Declared(f"{pull.number}/{pull.head}/{key}", "us/ca/a", "addresses", key.rsplit("/", 1)[1], {}, {}, key)
            for key in keys
        ]
        members = [NewMember(key, each, pull.number) for key, each in zip(keys, declared, strict=True)]
        return in_transaction(self.engine, lambda c: open_job(c, self.settings, job, members, now=self.now))

    def end(self, job_id: str, key: str, status: RunStatus, problem: str | None = None) -> None:
        (member,) = [m for m in jobs.members(self.engine, job_id) if m["key"] == key]
        ticket = open_run(self.engine, Opening(member["partition"], job_id=job_id), now=self.now)
        assert end_run(self.engine, ticket, Ending(status, self.now, problem=problem))
        in_transaction(self.engine, lambda c: jobs.end_member(c, job_id, key, run_id=ticket.number, now=self.now))
        refresh(self.engine, self.settings, job_id, now=self.now)

    def pay(self, text: str = "a report") -> Paid:
        self.now += timedelta(seconds=1)
        return pay(self.engine, self.api, lambda job_id: f"{text} of {job_id}", now=self.now)

    def told(self, sha: str) -> list[tuple[str, str]]:
        return [(s["state"], s["description"]) for s in self.github.statuses.get(sha, [])]


@pytest.fixture
def desk(github: FakeGitHub, api: GitHub, engine: sa.Engine) -> Desk:
    return Desk(github, api, engine)


def test_a_job_is_told_from_its_beginning_to_its_end(desk: Desk) -> None:
    pull = desk.github.open_pull({PATH: "{}"})
    job = desk.job(pull)
    desk.pay()
    for key in KEYS:
        desk.end(job, key, RunStatus.SUCCEEDED)
        desk.pay()

    assert desk.told(pull.head) == [("pending", f"Checking {PATH}"), ("success", f"Succeeded on {PATH}")]
    assert {s["context"] for s in desk.github.statuses[pull.head]} == {"openaddresses/hooked"}
    assert {s["target_url"] for s in desk.github.statuses[pull.head]} == {f"https://results.example/jobs/{job}"}


def test_failure_is_told_as_soon_as_one_fails_and_once(desk: Desk) -> None:
    pull = desk.github.open_pull({PATH: "{}"})
    job = desk.job(pull)
    desk.pay()

    desk.end(job, KEYS[0], RunStatus.FAILED, "Could not download source data")
    desk.pay()
    desk.end(job, KEYS[1], RunStatus.SUCCEEDED)
    desk.pay()

    assert desk.told(pull.head) == [("pending", f"Checking {PATH}"), ("failure", f"Failed on {PATH} from {PATH}")]
    assert jobs.job(desk.engine, job)["status"] == "failure"  # type: ignore[index]


def test_our_own_fault_is_an_error_and_nobodys_failure(desk: Desk) -> None:
    pull = desk.github.open_pull({PATH: "{}"})
    job = desk.job(pull, KEYS[:1])
    desk.end(job, KEYS[0], RunStatus.FAILED, "The pipeline failed, not the source")
    desk.pay()

    assert [state for state, _ in desk.told(pull.head)] == ["error"]


def test_the_report_is_one_comment_edited_in_place(desk: Desk) -> None:
    pull = desk.github.open_pull({PATH: "{}"})
    desk.github.comment(pull, "what a nice change")
    job = desk.job(pull)
    desk.pay("first")
    desk.end(job, KEYS[0], RunStatus.SUCCEEDED)
    desk.pay("second")
    desk.github.push_to(pull, {PATH: "{ }"})
    other = desk.job(pull)
    desk.pay("third")

    bodies = [c["body"] for c in desk.github.comments[pull.number] if c["user"]["login"] == BOT]
    assert bodies == [f"{MARKER.format(pull.number)}\nthird of {other}"]


def test_a_comment_whose_number_was_never_kept_is_found_by_its_marker(desk: Desk) -> None:
    pull = desk.github.open_pull({PATH: "{}"})
    desk.github.comment(pull, f"{MARKER.format(pull.number)}\nsomebody else's words", author="imitator")
    desk.github.faults.append(Fault(faults.reply_lost, method="POST", below="/comments"))
    desk.job(pull)

    first = desk.pay("lost")
    desk.now = first.until or desk.now
    desk.pay("found")

    bodies = [c["body"] for c in desk.github.comments[pull.number]]
    assert len(bodies) == 2
    assert bodies[0].endswith("somebody else's words")
    assert "found of " in bodies[1]


def test_a_deleted_comment_is_written_anew(desk: Desk) -> None:
    pull = desk.github.open_pull({PATH: "{}"})
    job = desk.job(pull)
    desk.pay()
    desk.github.comments[pull.number].clear()
    desk.end(job, KEYS[0], RunStatus.SUCCEEDED)
    desk.pay("anew")

    assert len(desk.github.comments[pull.number]) == 1


def test_after_an_outage_what_is_true_then_is_told_once(desk: Desk) -> None:
    pull = desk.github.open_pull({PATH: "{}"})
    down = Fault(faults.cut, times=10_000)
    desk.github.faults.append(down)
    job = desk.job(pull)
    for hour in range(6):
        desk.now = START + timedelta(hours=hour)
        assert desk.pay().until is not None
    for key in KEYS:
        desk.end(job, key, RunStatus.SUCCEEDED)
    down.times = 0
    desk.now += timedelta(hours=1)
    desk.pay()

    assert desk.told(pull.head) == [("success", f"Succeeded on {PATH}")]
    assert outbox.owed(desk.engine) == 0
    assert desk.pay() == Paid()


def test_a_pause_that_github_asks_for_holds_for_all_that_is_owed(desk: Desk) -> None:
    pulls = [desk.github.open_pull({PATH: f"{n}"}) for n in range(3)]
    for pull in pulls:
        desk.job(pull)
    desk.github.faults.append(Fault(faults.secondary_limit(90)))

    done = desk.pay()

    assert done.until == desk.now + timedelta(seconds=90)
    asked = len(desk.github.requests)
    desk.now += timedelta(seconds=80)
    assert desk.pay() == Paid()
    assert len(desk.github.requests) == asked
    desk.now += timedelta(seconds=10)
    assert desk.pay().paid == 6


def test_what_github_never_takes_is_forgiven_with_its_reason_and_holds_up_nothing(desk: Desk) -> None:
    first, second = desk.github.open_pull({PATH: "1"}), desk.github.open_pull({PATH: "2"})
    desk.github.statuses[first.head] = [{"context": "openaddresses/hooked", "state": "x", "description": ""}] * 1000
    job = desk.job(first)
    desk.job(second)

    assert desk.pay().forgiven == 1
    assert [state for state, _ in desk.told(second.head)] == ["pending"]
    assert "no more statuses" in " ".join(row["detail"] for row in outbox.of_job(desk.engine, job))


def test_nothing_is_told_of_a_head_that_was_pushed_away(desk: Desk) -> None:
    pull = desk.github.open_pull({PATH: "{}"})
    old, job = pull.head, desk.job(pull)
    desk.github.push_to(pull, {PATH: "{ }"}, force=True)
    desk.job(pull)
    desk.end(job, KEYS[0], RunStatus.FAILED, "Could not download source data")
    desk.pay()

    assert desk.told(old) == []
    assert [state for state, _ in desk.told(pull.head)] == ["pending"]


def test_asserted_again_it_is_told_again(desk: Desk) -> None:
    pull = desk.github.open_pull({PATH: "{}"})
    job = desk.job(pull)
    desk.pay()
    in_transaction(desk.engine, lambda c: reassert(c, desk.settings, job, now=desk.now))
    desk.pay()

    assert [state for state, _ in desk.told(pull.head)] == ["pending", "pending"]


def test_silenced_nothing_is_owed(desk: Desk) -> None:
    from dataclasses import replace

    desk.settings = replace(desk.settings, github_silent=True)
    desk.job(desk.github.open_pull({PATH: "{}"}))

    assert outbox.owed(desk.engine) == 0


KILLED = """
import os, signal, sys
from datetime import datetime
from oa_pipeline.github import outgoing
from oa_pipeline.github.api import GitHub
from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.settings import Settings

class Dying(GitHub):
    def set_status(self, *facts, **more):
        super().set_status(*facts, **more)
        os.kill(os.getpid(), signal.SIGKILL)

settings = Settings.from_env()
now = datetime.fromisoformat(sys.argv[1])
outgoing.pay(ledger_engine(settings.database_url), Dying.from_settings(settings), str, now=now)
"""


def test_a_process_killed_between_telling_and_noting_it_tells_it_once_more_and_no_more(
    desk: Desk, database: str
) -> None:
    pull = desk.github.open_pull({PATH: "{}"})
    desk.job(pull)
    environment = {
        **os.environ,
        "OA_DATABASE_URL": database,
        "OA_GITHUB_API": desk.github.url,
        "OA_GITHUB_TOKEN": TOKEN,
    }
    command = [sys.executable, "-c", KILLED, desk.now.isoformat()]
    killed = subprocess.run(command, env=environment, timeout=240, check=False)
    assert killed.returncode == -signal.SIGKILL

    desk.pay()
    desk.pay()

    assert [state for state, _ in desk.told(pull.head)] == ["pending", "pending"]
    comments: list[Any] = desk.github.comments[pull.number]
    assert len(comments) == 1
