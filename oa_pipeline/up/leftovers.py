"""Runs that an earlier `oa up` of this home left unended, because it was killed or the machine went down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from ..automation.lost import end_lost_runs
from ..orchestration.dagster_private import GRPC_INFO_TAG  # where the launcher notes the code server

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun
    from sqlalchemy import Engine


def end_leftovers(instance: DagsterInstance, engine: Engine, socket: Path) -> list[str]:
    """Ends the runs that the code server of this socket had started, and gives their ids. Runs in the queue stay.

    To be called before that server starts again. Dagster itself would hold such runs to be running for hours, and
    count each among those that may run at the same time.
    """
    from dagster import DagsterRunStatus, RunsFilter

    begun = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    ended = []
    for run in instance.get_runs(RunsFilter(statuses=begun)):
        if _socket(run) != str(socket):
            continue
        if run.status is DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, "Its process was gone when `oa up` started again.")
        else:
            instance.report_run_failed(run, "Its process was gone when `oa up` started again: run it once more.")
        ended.append(run.run_id)
    if ended:
        end_lost_runs(instance, engine)
    return ended


def _socket(run: DagsterRun) -> str | None:
    try:
        held = json.loads(run.tags.get(GRPC_INFO_TAG, "{}"))
    except ValueError:
        return None
    return held.get("socket") if isinstance(held, dict) else None
