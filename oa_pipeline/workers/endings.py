"""What becomes of an attempt whose process has ended: Dagster and the ledger are brought to say the same."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

from ..ledger import assignments
from ..ledger.assignments import Assignment
from ..ledger.tables import Stage

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger(__name__)
MOST_DELIVERIES = 3  # of a run that never got to its start
UNSTARTED = (DagsterRunStatus.STARTING, DagsterRunStatus.NOT_STARTED, DagsterRunStatus.QUEUED)


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt without a process, and how that came."""

    assignment: Assignment
    how: str


def settle(engine: Engine, instance: DagsterInstance, worker: str, ended: Ended, *, deliveries: int = 0) -> None:
    """Ends the attempt that `worker` has, by what Dagster holds of its run.

    A run that is over is done. One that was being cancelled is now cancelled. One that never started is offered again,
    and fails at the third time. One that had started is broken: run monitoring resumes or fails it.
    """
    assignment = ended.assignment
    run = instance.get_run_by_id(assignment.run_id)
    if run is None or run.is_finished:
        assignments.end(engine, worker, assignment, Stage.DONE, ended.how)
    elif run.status is DagsterRunStatus.CANCELING:
        if assignments.end(engine, worker, assignment, Stage.DONE, f"cancelled; {ended.how}"):
            instance.report_run_canceled(run, f"Cancelled; its process ended: {ended.how}.")
    elif run.status in UNSTARTED:
        _again_or_failed(engine, instance, worker, ended, run)
    else:
        assignments.end(engine, worker, assignment, Stage.BROKEN, ended.how)


def _again_or_failed(engine: Engine, instance: DagsterInstance, worker: str, ended: Ended, run: DagsterRun) -> None:
    count = assignments.deliveries(engine, [ended.assignment]).get(ended.assignment, 0)
    if count < MOST_DELIVERIES:
        log.warning("run %s did not start (%s) and is offered again", run.run_id, ended.how)
        assignments.give_back(engine, worker, ended.assignment)
    elif assignments.end(engine, worker, ended.assignment, Stage.DONE, ended.how):
        instance.report_run_failed(run, f"It did not start in {count} attempts; the last: {ended.how}.")


def rescue(engine: Engine, instance: DagsterInstance, silent: timedelta) -> None:
    """Sees to what silent workers had taken, as far as run monitoring does not: it looks at started runs only."""
    for assignment, worker, _count in assignments.abandoned(engine, silent):
        run = instance.get_run_by_id(assignment.run_id)
        if run is None or run.status is not DagsterRunStatus.STARTED:
            settle(engine, instance, worker, Ended(assignment, f"worker {worker} fell silent"))
