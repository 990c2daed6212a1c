"""Runs that the ledger holds to be running while Dagster knows that they are over: their process was killed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dagster import DagsterInstance, DagsterRunStatus

from ..ledger import queries
from ..ledger.runs import end_absent
from ..ledger.tables import RunStatus

if TYPE_CHECKING:
    from sqlalchemy import Engine

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


def _status(instance: DagsterInstance, run_id: str) -> RunStatus | None:
    """How the run must end; None while Dagster holds it to be alive."""
    if not run_id:
        return None  # not one of Dagster's
    run = instance.get_run_by_id(run_id)
    return RunStatus.LOST if run is None else OVER.get(run.status)
