"""Runs of a job that are lost, cancelled, overtaken or too late."""

from __future__ import annotations

import pytest
from dagster import DagsterRun, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from oa_pipeline.github.jobs import cancel_open
from oa_pipeline.ledger import assignments, jobs
from oa_pipeline.ledger.assignments import Assignment
from oa_pipeline.ledger.engine import in_transaction
from oa_pipeline.ledger.runs import Ending, end_run
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline_tests.workers.system import remote_origin

from .desk import PULL, Desk

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
