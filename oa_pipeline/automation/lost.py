"""Runs whose process was killed: what the ledger and Dagster hold to be running is ended."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dagster import DagsterInstance, DagsterRunStatus

from ..ledger import queries
from ..ledger.runs import end_absent
from ..ledger.tables import RunStatus

if TYPE_CHECKING:
    from sqlalchemy import Engine

SILENCE = timedelta(minutes=5)  # a run beats three times a minute
OVER = {
    DagsterRunStatus.SUCCESS: RunStatus.LOST,
    DagsterRunStatus.FAILURE: RunStatus.LOST,
    DagsterRunStatus.CANCELED: RunStatus.CANCELLED,
}


def end_lost_runs(instance: DagsterInstance, engine: Engine, *, now: datetime | None = None) -> list[int]:
    """Ends the ledger's runs whose Dagster run is over or gone, and gives their numbers."""
    ended = []
    for row in queries.running(engine):
        status = _status(instance, row["dagster_run_id"])
        if status is None:
            continue
        detail = "its process ended without a result"
        if end_absent(engine, row["id"], status, detail, now=now or datetime.now(UTC)):
            ended.append(row["id"])
    return ended


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
    moment = now or datetime.now(UTC)
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


def _status(instance: DagsterInstance, run_id: str) -> RunStatus | None:
    """How the run must end; None while Dagster holds it to be alive."""
    if not run_id:
        return None  # not one of Dagster's
    run = instance.get_run_by_id(run_id)
    return RunStatus.LOST if run is None else OVER.get(run.status)
