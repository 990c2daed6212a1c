"""Runs whose process went away: what is known of them, and their ends. All by the database's clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from . import clock
from .engine import in_transaction
from .reading import Row, row, rows
from .tables import RunStatus, Stage, assignments, runs

NOBODYS = "nobody has heard of its process any more"
GIVEN_UP = "its process is gone, and no worker has taken the run up again"


def silence() -> sa.ColumnElement[float]:
    """Seconds since a run beat."""
    return clock.silence(runs.c.beat_at)


def tries(engine: sa.Engine, dagster_run_id: str) -> Sequence[Row]:
    """The runs that one of Dagster's has made so far, the first first, each with its `age` in seconds."""
    age = sa.cast(sa.extract("epoch", sa.func.clock_timestamp() - runs.c.started_at), sa.Float)
    query = sa.select(runs, age.label("age")).where(runs.c.dagster_run_id == dagster_run_id).order_by(runs.c.id)
    return rows(engine, query)


def good_run_before(engine: sa.Engine, key: str, number: int) -> Row | None:
    """The newest good run of the data source that is older than this one."""
    query = (
        sa.select(runs)
        .where(runs.c.key == key, runs.c.id < number, runs.c.status == RunStatus.SUCCEEDED.value)
        .order_by(runs.c.id.desc())
        .limit(1)
    )
    return row(engine, query)


def end_given_up(engine: sa.Engine, silent: timedelta) -> list[int]:
    """Ends as lost the runs that were silent for so long, and that no worker has; which they were.

    Dagster may yet resume such a run, in a run of its own that names this one as its predecessor.
    """
    known = sa.exists().where(assignments.c.dagster_run_id == runs.c.dagster_run_id)
    return _end_silent(engine, silent, GIVEN_UP, known, ~known.where(assignments.c.stage == Stage.TAKEN.value))


def end_nobodys(engine: sa.Engine, silent: timedelta) -> list[int]:
    """Ends as lost the runs without a run of Dagster's that were silent for so long; which they were."""
    return _end_silent(engine, silent, NOBODYS, runs.c.dagster_run_id == "")


def _end_silent(engine: sa.Engine, silent: timedelta, detail: str, *which: sa.ColumnElement[bool]) -> list[int]:
    statement = (
        sa.update(runs)
        .where(runs.c.status == RunStatus.RUNNING.value, silence() > silent.total_seconds(), *which)
        .values(status=RunStatus.LOST.value, ended_at=sa.func.clock_timestamp(), detail=detail)
        .returning(runs.c.id)
    )
    return in_transaction(engine, lambda c: list(c.scalars(statement)))
