"""From a job's first request to what GitHub is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from dagster import DagsterRunStatus

from oa_pipeline.automation.checking import PATIENCE
from oa_pipeline.github.jobs import approve
from oa_pipeline.ledger import jobs
from oa_pipeline.ledger.engine import in_transaction
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.tables import JobStatus, RunStatus
from oa_pipeline.orchestration.tags import PROPOSALS

from .desk import FAILED, OTHER, PULL, Desk


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


def test_one_job_that_cannot_be_carried_forward_holds_up_no_other(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    broken, fine = desk.open("a"), desk.open("b", pull=OTHER, author="another")
    with desk.engine.begin() as connection:
        statement = sa.text("UPDATE oa.jobs SET files = '[7]' WHERE id = :id")
        connection.execute(statement, {"id": broken})
    assert [request.tags["oa/job"] for request in desk.look()] == [fine]
    assert broken in caplog.text
