"""Jobs on their way: a real ledger, Dagster's runs, and a queue into which requests go only where a test puts them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from oa_pipeline.automation.checking import FEW, MOST_REQUESTS, PATIENCE, Checking
from oa_pipeline.github.jobs import approve, cancel_open, open_job
from oa_pipeline.ledger import assignments, heartbeats, jobs, outbox
from oa_pipeline.ledger.assignments import Assignment
from oa_pipeline.ledger.engine import in_transaction
from oa_pipeline.ledger.heartbeats import Beat
from oa_pipeline.ledger.jobs import NewJob, NewMember
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.runs import Ending, Opening, Ticket, end_run, open_run
from oa_pipeline.ledger.tables import JobStatus, RunStatus
from oa_pipeline.orchestration.launcher import Ec2RunLauncher
from oa_pipeline.orchestration.tags import PROPOSALS
from oa_pipeline.orchestration.version import code_version
from oa_pipeline.settings import Settings
from oa_pipeline_tests.automation.publishers import Queue
from oa_pipeline_tests.workers.system import remote_origin

START = datetime(2026, 3, 6, 21, tzinfo=UTC)
PULL, OTHER = 101, 102
FAILED = "Could not download source data"
OVER = {
    DagsterRunStatus.SUCCESS: DagsterEventType.RUN_SUCCESS,
    DagsterRunStatus.FAILURE: DagsterEventType.RUN_FAILURE,
    DagsterRunStatus.CANCELED: DagsterEventType.RUN_CANCELED,
    DagsterRunStatus.STARTED: DagsterEventType.RUN_START,
    DagsterRunStatus.STARTING: DagsterEventType.RUN_STARTING,
}


@dataclass
class Desk:
    """Jobs, the sensor that carries them forward, and what Dagster makes of its requests."""

    instance: DagsterInstance
    engine: sa.Engine
    queue: Queue
    settings: Settings = field(default_factory=lambda: Settings(public_url="https://results.example"))
    now: datetime = START
    heads: int = 0
    last: Checking | None = None

    def open(
        self,
        *names: str,
        pull: int | None = PULL,
        author: str = "contributor",
        blob: str = "",
        **facts: Any,
    ) -> str:
        """A job that checks data sources of these names, of a new head each time."""
        self.heads += 1
        head = f"{self.heads:040x}"
        members = []
        for name in names:
            key = f"xx/{name}/addresses/city"
            partition = key if pull is None else f"{pull}/{head}/{key}"
            declared = Declared(partition, f"xx/{name}", "addresses", "city", {}, {}, f"digest of {name}", blob or head)
            members.append(NewMember(key, declared, pull))
        job = NewJob(
            str(uuid.uuid4()), JobStatus.PENDING, "a/b", "pull_request" if pull else "push", head,
            self.now + timedelta(hours=12), pull_request=pull, author=author,
        )  # fmt: skip
        job = replace(job, **facts)
        return in_transaction(self.engine, lambda c: open_job(c, self.settings, job, members, now=self.now))

    def look(self, *, seconds: float = 2) -> list[Any]:
        self.now += timedelta(seconds=seconds)
        self.last = Checking(self.instance, self.engine, self.settings, self.now)
        return self.last.look()

    def go(self, *, seconds: float = 2) -> list[DagsterRun]:
        """A look whose requests Dagster's daemon puts into the queue."""
        return self.queue.submit(self.look(seconds=seconds))

    def to(self, run: DagsterRun, status: DagsterRunStatus) -> None:
        event = DagsterEvent(event_type_value=OVER[status].value, job_name=run.job_name)
        self.instance.report_dagster_event(event, run.run_id)

    def begin(self, run: DagsterRun) -> Ticket:
        self.to(run, DagsterRunStatus.STARTED)
        opening = Opening(
            run.tags["dagster/partition"], run.run_id, code_version=code_version(), job_id=run.tags["oa/job"]
        )
        return open_run(self.engine, opening, now=self.now)

    def end(self, run: DagsterRun, status: RunStatus = RunStatus.SUCCEEDED, **facts: Any) -> int:
        """The run is carried out, and ends in the ledger and in Dagster."""
        ticket = self.begin(run)
        assert end_run(self.engine, ticket, Ending(status, self.now, **facts))
        good = status in (RunStatus.SUCCEEDED, RunStatus.SKIPPED, RunStatus.HELD)
        self.to(run, DagsterRunStatus.SUCCESS if good else DagsterRunStatus.FAILURE)
        return ticket.number

    def status(self, job_id: str) -> str:
        job = jobs.job(self.engine, job_id)
        assert job is not None
        return str(job["status"])

    def told(self, job_id: str) -> str:
        """The newest status that GitHub is owed or was told of the job."""
        said = [row["payload"] for row in outbox.of_job(self.engine, job_id) if row["kind"] == "status"]
        return f"{said[-1]['state']}: {said[-1]['description']}"

    def members(self, job_id: str) -> dict[str, Any]:
        return {member["key"].split("/")[1]: member for member in jobs.members(self.engine, job_id)}

    def dagsters(self, run: DagsterRun) -> DagsterRunStatus:
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found.status


@pytest.fixture
def desk(coordinated: DagsterInstance, engine: sa.Engine) -> Desk:
    launcher = Ec2RunLauncher()
    launcher.register_instance(coordinated)
    coordinated._run_launcher = launcher
    return Desk(coordinated, engine, Queue(coordinated))


def test_each_data_source_is_asked_for_once_before_everything_else(desk: Desk) -> None:
    job = desk.open("a", "b")

    requests = desk.look()

    assert [request.run_key for request in requests] == [f"job/{job}/xx/{n}/addresses/city/1" for n in "ab"]
    assert {request.job_name for request in requests} == {"check"}
    assert [request.partition_key for request in requests] == [f"{PULL}/{1:040x}/xx/{n}/addresses/city" for n in "ab"]
    assert requests[0].tags == {
        "oa/kind": "pull-request", "dagster/priority": "10", "oa/job": job, "oa/author": "contributor",
    }  # fmt: skip
    assert set(desk.instance.get_dynamic_partitions(PROPOSALS)) == {request.partition_key for request in requests}
    assert desk.queue.submit(requests)
    assert desk.look() == desk.look() == []


def test_a_run_that_waits_long_in_the_queue_is_not_asked_for_again(desk: Desk) -> None:
    desk.open("a")
    desk.go()
    assert desk.look(seconds=7200) == []


def test_a_request_that_never_came_to_be_is_made_again_under_the_same_key(desk: Desk) -> None:
    job = desk.open("a")
    (lost,) = desk.look()

    assert desk.look(seconds=PATIENCE.total_seconds() - 1) == []
    (again,) = desk.look(seconds=1)

    assert again.run_key == lost.run_key
    assert desk.members(job)["a"]["tries"] == 1
    assert [len(desk.queue.submit([each])) for each in (lost, again)] == [1, 0]


def test_what_has_ended_is_noted_and_told(desk: Desk) -> None:
    job = desk.open("a", "b")
    a, b = desk.go()
    number = desk.end(a)
    desk.look()
    assert (desk.status(job), desk.members(job)["a"]["run_id"]) == ("pending", number)
    assert desk.members(job)["a"]["dagster_run_id"] == a.run_id

    desk.end(b, RunStatus.SKIPPED)
    desk.look()

    assert desk.told(job) == "success: Succeeded on sources/xx/a.json, sources/xx/b.json"
    assert jobs.unfinished(desk.engine) == jobs.in_turns(desk.engine) == []


def test_a_failure_is_told_while_others_still_run(desk: Desk) -> None:
    job = desk.open("a", "b")
    a, b = desk.go()
    desk.end(a, RunStatus.FAILED, problem=FAILED)
    desk.begin(b)
    desk.look()

    assert desk.status(job) == "failing"
    assert desk.told(job) == "failure: Failed on sources/xx/a.json from sources/xx/a.json, sources/xx/b.json"


def test_an_invalid_file_is_told_at_the_first_look(desk: Desk) -> None:
    job = desk.open("a", files=[{"path": "sources/xx/b.json", "outcome": "invalid"}])
    desk.look()
    assert desk.told(job).startswith("failure: Failed on sources/xx/b.json")


def test_a_job_whose_last_change_was_not_told_is_made_good(desk: Desk) -> None:
    job = desk.open("a")
    (run,) = desk.go()
    number = desk.end(run)
    key = "xx/a/addresses/city"
    in_transaction(desk.engine, lambda c: jobs.end_member(c, job, key, run_id=number, now=desk.now))

    desk.look()

    assert desk.status(job) == "success"


# results that are there already


@pytest.mark.parametrize(
    ("status", "problem", "reused"),
    [
        (RunStatus.SUCCEEDED, None, True),
        (RunStatus.FAILED, "Source file could not be read", False),
        (RunStatus.FAILED, FAILED, False),
    ],
)
def test_a_result_of_the_same_file_is_shown_instead_of_a_run(
    desk: Desk, status: RunStatus, problem: str | None, reused: bool
) -> None:
    desk.open("a", blob="b" * 40)
    (run,) = desk.go()
    number = desk.end(run, status, problem=problem)
    desk.look()

    job = desk.open("a", pull=OTHER, blob="b" * 40)
    requests = desk.look()

    assert ([r.job_name for r in requests] == []) is reused
    if reused:
        assert (desk.members(job)["a"]["run_id"], desk.members(job)["a"]["reused"]) == (number, True)
        assert desk.status(job) == "success"


@pytest.mark.parametrize("why", ["asked for again", "of another digest", "older than ten days", "to be published"])
def test_there_is_a_new_run_where_the_result_would_not_do(desk: Desk, why: str) -> None:
    desk.open("a", blob="b" * 40)
    (run,) = desk.go()
    desk.end(run)
    desk.look()
    if why == "of another digest":
        with desk.engine.begin() as connection:
            connection.execute(sa.text("UPDATE oa.runs SET digest = 'another'"))
    desk.now += timedelta(days=11 if why == "older than ten days" else 0)

    pull = None if why == "to be published" else OTHER
    desk.open("a", pull=pull, blob="b" * 40, rerun=why == "asked for again")

    assert len(desk.look()) == 1


def test_a_sample_is_never_shown_as_the_result(desk: Desk) -> None:
    desk.open("a", blob="b" * 40)
    (run,) = desk.go()
    desk.end(run, sampled=True)
    desk.look()
    desk.open("a", pull=OTHER, blob="b" * 40)
    assert len(desk.look()) == 1


# runs that come to nothing


def lose(desk: Desk, run: DagsterRun, how: str) -> None:
    if how == "before it began":
        desk.to(run, DagsterRunStatus.FAILURE)
        return
    ticket = desk.begin(run)
    desk.to(run, DagsterRunStatus.FAILURE)
    assert desk.look() == [], "the ledger has not been told yet"
    assert end_run(desk.engine, ticket, Ending(RunStatus.LOST, desk.now))


@pytest.mark.parametrize("how", ["before it began", "on its way"])
def test_a_lost_run_is_tried_again_and_the_second_loss_is_our_fault(desk: Desk, how: str) -> None:
    job = desk.open("a")
    (first,) = desk.go()
    lose(desk, first, how)
    (second,) = desk.go()
    assert second.tags["dagster/run_key"].endswith("/2")
    lose(desk, second, how)
    assert desk.look() == []

    assert desk.status(job) == "error"
    assert "was lost" in desk.told(job)


def test_the_second_try_of_a_lost_run_may_go_well(desk: Desk) -> None:
    job = desk.open("a")
    lose(desk, desk.go()[0], "on its way")
    desk.end(desk.go()[0])
    desk.look()
    assert desk.status(job) == "success"


def test_a_run_that_a_person_cancels_is_not_tried_again(desk: Desk) -> None:
    job = desk.open("a")
    (run,) = desk.go()
    assert desk.instance.run_coordinator.cancel_run(run.run_id)
    assert desk.look() == []
    assert desk.told(job) == "error: Errored on sources/xx/a.json: its run was cancelled"


def test_a_person_may_execute_a_run_once_more_and_that_counts(desk: Desk) -> None:
    job = desk.open("a")
    (run,) = desk.go()
    again = create_run_for_test(
        desk.instance, job_name="check", tags=dict(run.tags), parent_run_id=run.run_id, root_run_id=run.run_id,
        status=DagsterRunStatus.QUEUED, remote_job_origin=remote_origin("check"),
    )  # fmt: skip
    desk.to(run, DagsterRunStatus.FAILURE)
    assert desk.look() == []
    number = desk.end(again)
    desk.look()
    assert (desk.status(job), desk.members(job)["a"]["run_id"]) == ("success", number)


def test_of_two_pushes_the_later_run_counts_for_both(desk: Desk) -> None:
    first, second = desk.open("a", pull=None), desk.open("a", pull=None)
    run, newer = desk.go()
    desk.begin(run)
    ticket = desk.begin(newer)
    desk.to(run, DagsterRunStatus.FAILURE)
    assert desk.look() == [], "nothing is gained by taking over in turn"
    assert desk.status(first) == "pending"
    assert end_run(desk.engine, ticket, Ending(RunStatus.SUCCEEDED, desk.now))
    desk.to(newer, DagsterRunStatus.SUCCESS)
    desk.look()
    assert (desk.status(first), desk.status(second)) == ("success", "success")


# jobs that end otherwise


def test_a_newer_head_takes_the_older_ones_runs_out_of_the_queue_and_has_others_stopped(desk: Desk) -> None:
    desk.open("a", "b", "c")
    queued, started, done = desk.go()
    desk.to(queued, DagsterRunStatus.STARTING)
    assignments.offer(desk.engine, Assignment(queued.run_id))  # no worker has taken it yet
    desk.end(done)
    desk.begin(started)
    assignments.offer(desk.engine, Assignment(started.run_id))
    waiting = desk.open("d")
    (fresh,) = desk.go()
    assert desk.last is not None
    assert desk.last.stopped == 2
    assert desk.dagsters(queued) is DagsterRunStatus.CANCELED
    assert desk.dagsters(started) in (DagsterRunStatus.CANCELING, DagsterRunStatus.CANCELED)
    assert desk.dagsters(done) is DagsterRunStatus.SUCCESS
    assert desk.dagsters(fresh) is DagsterRunStatus.QUEUED
    assert desk.status(waiting) == "pending"
    assert jobs.unfinished(desk.engine) == []


def test_a_closed_pull_requests_queued_runs_are_gone(desk: Desk) -> None:
    desk.open("a")
    (run,) = desk.go()
    in_transaction(desk.engine, lambda c: cancel_open(c, PULL, now=desk.now, detail="closed"))
    desk.look()
    assert desk.dagsters(run) is DagsterRunStatus.CANCELED


def test_a_job_past_its_deadline_ends_in_error_and_its_runs_are_stopped(desk: Desk) -> None:
    job = desk.open("a")
    (run,) = desk.go()
    assert desk.look(seconds=12 * 3600) == []
    assert desk.told(job) == "error: Errored on sources/xx/a.json: not done after 12 hours"
    assert desk.dagsters(run) is DagsterRunStatus.CANCELED
    assert desk.members(job)["a"]["detail"] == "the job ended before: not done after 12 hours"


def test_a_job_that_waits_for_approval_starts_nothing_and_its_time_begins_with_that(desk: Desk) -> None:
    job = desk.open("a", status=JobStatus.WAITING, author="newcomer")
    assert desk.look(seconds=48 * 3600) == []
    assert desk.status(job) == "waiting"
    in_transaction(desk.engine, lambda c: approve(c, desk.settings, PULL, by="maintainer", now=desk.now))
    assert len(desk.look()) == 1
    assert desk.status(job) == "pending"


def test_what_is_pushed_to_the_default_branch_is_processed_and_published(desk: Desk) -> None:
    record(desk.engine, [Declared("xx/a/addresses/city", "xx/a", "addresses", "city", {}, {}, "d")], now=desk.now)
    job = desk.open("a", pull=None)
    (request,) = desk.look()
    assert (request.job_name, request.partition_key) == ("process", "xx/a/addresses/city")
    assert request.tags == {"oa/kind": "person", "dagster/priority": "10", "oa/job": job}
    (run,) = desk.queue.submit([request])

    # what is to be published is not stopped with its job
    in_transaction(
        desk.engine, lambda c: jobs.set_status(c, job, JobStatus.CANCELLED, detail="by a person", now=desk.now)
    )
    desk.look()
    assert desk.dagsters(run) is DagsterRunStatus.QUEUED


# many at once


def test_one_look_asks_for_no_more_than_so_many_runs(desk: Desk) -> None:
    heartbeats.beat(desk.engine, Beat("worker", "host", 1, 100))
    desk.open(*(f"n{number:03}" for number in range(MOST_REQUESTS + 5)))
    assert [len(desk.go()), len(desk.go()), len(desk.go())] == [MOST_REQUESTS, 5, 0]


def test_an_author_has_no_more_in_the_queue_than_keeps_the_workers_busy(desk: Desk) -> None:
    desk.open(*(f"n{number:03}" for number in range(FEW + 2)))
    runs = desk.go()
    assert (len(runs), desk.look()) == (FEW, [])
    desk.end(runs[0])
    desk.look()
    assert len(desk.go()) <= 1


def test_whoever_comes_after_an_author_with_many_pull_requests_does_not_wait_for_them(desk: Desk) -> None:
    for number in range(40):
        desk.open("a", "b", "c", pull=1000 + number, author="busy")
    desk.go()
    job = desk.open("z", pull=5000, author="quiet")

    asked = desk.look()

    assert [request.tags["oa/job"] for request in asked] == [job]
    assert len(desk.queue.submitted) == FEW


def test_one_job_that_cannot_be_carried_forward_holds_up_no_other(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    broken, fine = desk.open("a"), desk.open("b", pull=OTHER, author="another")
    with desk.engine.begin() as connection:
        statement = sa.text("UPDATE oa.jobs SET files = '[7]' WHERE id = :id")
        connection.execute(statement, {"id": broken})
    assert [request.tags["oa/job"] for request in desk.look()] == [fine]
    assert broken in caplog.text
