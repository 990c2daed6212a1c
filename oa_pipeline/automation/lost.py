"""Runs whose process went away: what the ledger and Dagster hold to be running is ended."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from ..ledger import assignments, ends, queries
from ..ledger.clock import LedgerClock, Steadiness, steadiness
from ..ledger.runs import end_absent
from ..ledger.tables import RunStatus

if TYPE_CHECKING:
    from sqlalchemy import Engine

SILENCE = timedelta(minutes=2)  # a run beats three times a minute
OVER = {
    DagsterRunStatus.SUCCESS: RunStatus.LOST,
    DagsterRunStatus.FAILURE: RunStatus.LOST,
    DagsterRunStatus.CANCELED: RunStatus.CANCELLED,
}


def end_lost_runs(instance: DagsterInstance, engine: Engine, *, now: datetime | None = None) -> list[int]:
    """Ends the ledger's runs whose Dagster run is over or gone, and gives their numbers."""
    rows = [row for row in queries.running(engine) if row["dagster_run_id"]]
    known = _known(instance, (row["dagster_run_id"] for row in rows))
    ended = []
    for row in rows:
        run = known.get(row["dagster_run_id"])
        status = RunStatus.LOST if run is None else OVER.get(run.status)
        if status is None:
            continue
        if end_absent(engine, row["id"], status, "its process ended without a result", now=now):
            ended.append(row["id"])
    return ended


def end_forsaken_runs(engine: Engine, steady: Steadiness | None = None) -> list[int]:
    """Ends the ledger's runs that have long been silent and that nobody will hear of again, and gives their numbers.

    None where the clock has just jumped: all are silent then, until they beat again.
    """
    if (steady or steadiness(engine)).shaken(SILENCE):
        return []
    return [*ends.end_given_up(engine, SILENCE / 2), *ends.end_nobodys(engine, SILENCE)]


def end_silent_runs(
    instance: DagsterInstance, engine: Engine, suspects: Collection[int], *, now: datetime | None = None
) -> tuple[list[int], list[int]]:
    """Fails the runs that Dagster holds to be running though they have long been silent.

    Gives the numbers of those that were ended, and of those that are silent for the first time: the next look's
    `suspects`. A run is ended at the second look only, since after an outage of the database, or of the whole machine,
    all runs are silent for a moment.
    """
    if instance.run_launcher.supports_check_run_worker_health:
        return [], []  # run monitoring asks the launcher, which knows more: such a run may wait to be resumed
    moment = now or LedgerClock(engine)()
    ended, silent = [], []
    for row in queries.running(engine, silent_since=moment - SILENCE):
        run = instance.get_run_by_id(row["dagster_run_id"]) if row["dagster_run_id"] else None
        if run is None or run.status is not DagsterRunStatus.STARTED:
            continue
        if row["id"] not in suspects:
            silent.append(row["id"])
            continue
        instance.report_run_failed(run, f"Its process has not been heard of since {row['beat_at']:%Y-%m-%d %H:%M:%S}.")
        end_absent(engine, row["id"], RunStatus.LOST, "its process fell silent", now=moment)
        ended.append(row["id"])
    return ended, silent


def withdraw_ended(instance: DagsterInstance, engine: Engine) -> list[str]:
    """Takes back what waits for a worker though Dagster's run is over or gone; which runs they were."""
    waiting = assignments.waiting(engine)
    known = _known(instance, waiting)
    over = [run_id for run_id in waiting if (run := known.get(run_id)) is None or run.is_finished]
    return [run_id for run_id in over if assignments.withdraw(engine, run_id)]


def _known(instance: DagsterInstance, run_ids: Iterable[str]) -> dict[str, DagsterRun]:
    """Those of these runs that Dagster has, in one question."""
    wanted = sorted(set(run_ids))
    return {run.run_id: run for run in instance.get_runs(RunsFilter(run_ids=wanted))} if wanted else {}
