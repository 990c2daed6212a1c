"""Runs on their way from Dagster's launcher to a worker: offered, taken, ended.

One row for each attempt at a Dagster run, so that offering it a second time does nothing. Times are the database's: it
has one clock, the workers have many.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ..text import clean_text
from .bell import ring
from .engine import in_transaction
from .heartbeats import silence
from .tables import Stage, assignments, heartbeats

OPEN = (Stage.READY.value, Stage.TAKEN.value)
KEPT = timedelta(days=7)  # ended rows, for those who ask what became of a run


@dataclass(frozen=True, slots=True, order=True)
class Assignment:
    """One attempt at one Dagster run."""

    run_id: str
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How the newest attempt at a run stands. `silent`: seconds since its worker beat; None: it has no such worker."""

    assignment: Assignment
    stage: Stage
    worker: str
    host: str
    deliveries: int
    detail: str
    silent: float | None
    usage: Mapping[str, Any]
    dedicated: bool = False
    instance: str = ""  # of EC2, that it is on or is to be on


def offer(engine: sa.Engine, assignment: Assignment, *, priority: int = 0, dedicated: bool = False) -> bool:
    """Makes an attempt ready to be taken, in place of an earlier one. False, and nothing done, where it was before.

    `dedicated`: by the worker of an instance of its own, and by nobody else.
    """

    def work(connection: sa.Connection) -> bool:
        known = sa.select(assignments.c.attempt).where(
            assignments.c.dagster_run_id == assignment.run_id, assignments.c.attempt >= assignment.attempt
        )
        if connection.execute(known.limit(1)).first() is not None:
            return False
        connection.execute(
            sa.update(assignments)
            .where(assignments.c.dagster_run_id == assignment.run_id, assignments.c.stage.in_(OPEN))
            .values(stage=Stage.BROKEN.value, ended_at=sa.func.now(), detail="a later attempt took its place")
        )
        put = insert(assignments).values(
            dagster_run_id=assignment.run_id, attempt=assignment.attempt, priority=priority, dedicated=dedicated
        )
        done = connection.execute(put.on_conflict_do_nothing())
        ring(connection)
        return done.rowcount == 1

    return in_transaction(engine, work)


def take(engine: sa.Engine, worker: str, limit: int, *, only: str = "") -> list[Assignment]:
    """Up to so many ready attempts, now this worker's: the highest priority first, then the longest ready.

    `only`: the run that the worker's instance is for.
    """
    whose = [assignments.c.dagster_run_id == only] if only else [~assignments.c.dedicated]
    picked = (
        sa.select(assignments.c.dagster_run_id, assignments.c.attempt)
        .where(assignments.c.stage == Stage.READY.value, *whose)
        .order_by(assignments.c.priority.desc(), assignments.c.ready_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("picked")
    )
    statement = (
        sa.update(assignments)
        .where(assignments.c.dagster_run_id == picked.c.dagster_run_id, assignments.c.attempt == picked.c.attempt)
        .values(
            stage=Stage.TAKEN.value,
            worker=worker,
            taken_at=sa.func.now(),
            deliveries=assignments.c.deliveries + 1,
        )
        .returning(assignments.c.dagster_run_id, assignments.c.attempt, assignments.c.priority, assignments.c.ready_at)
    )

    def work(connection: sa.Connection) -> list[Assignment]:
        rows = sorted(connection.execute(statement).all(), key=lambda row: (-row.priority, row.ready_at))
        return [Assignment(row.dagster_run_id, row.attempt) for row in rows]

    return in_transaction(engine, work, outage_seconds=0)


def held(engine: sa.Engine, worker: str) -> set[Assignment]:
    """What this worker has taken and not ended."""
    query = sa.select(assignments.c.dagster_run_id, assignments.c.attempt).where(
        assignments.c.stage == Stage.TAKEN.value, assignments.c.worker == worker
    )
    return in_transaction(engine, lambda c: {Assignment(*row) for row in c.execute(query)}, outage_seconds=0)


def end(engine: sa.Engine, worker: str, assignment: Assignment, stage: Stage, detail: str) -> bool:
    """Ends what this worker has, as DONE or BROKEN. False where it is no longer this worker's."""
    return _leave(engine, worker, assignment, stage=stage.value, ended_at=sa.func.now(), detail=clean_text(detail)[0])


def give_back(engine: sa.Engine, worker: str, assignment: Assignment) -> bool:
    """Makes what this worker has ready for others. False where it is no longer this worker's."""

    def work(connection: sa.Connection) -> bool:
        done = connection.execute(_of(worker, assignment).values(stage=Stage.READY.value))
        ring(connection)
        return done.rowcount == 1

    return in_transaction(engine, work, outage_seconds=0)


def _leave(engine: sa.Engine, worker: str, assignment: Assignment, **values: Any) -> bool:
    statement = _of(worker, assignment).values(**values)
    return in_transaction(engine, lambda c: c.execute(statement).rowcount == 1, outage_seconds=0)


def _of(worker: str, assignment: Assignment) -> sa.Update:
    return sa.update(assignments).where(
        assignments.c.dagster_run_id == assignment.run_id,
        assignments.c.attempt == assignment.attempt,
        assignments.c.stage == Stage.TAKEN.value,
        assignments.c.worker == worker,
    )


def withdraw(engine: sa.Engine, run_id: str) -> bool:
    """Ends the attempt that nobody has taken yet. False where there is none."""
    statement = (
        sa.update(assignments)
        .where(assignments.c.dagster_run_id == run_id, assignments.c.stage == Stage.READY.value)
        .values(stage=Stage.DONE.value, ended_at=sa.func.now(), detail="withdrawn before a worker took it")
    )
    return in_transaction(engine, lambda c: c.execute(statement).rowcount == 1)


def waiting(engine: sa.Engine) -> list[str]:
    """The runs that are ready for a worker."""
    query = sa.select(assignments.c.dagster_run_id).where(assignments.c.stage == Stage.READY.value)
    return in_transaction(engine, lambda c: list(c.scalars(query)), outage_seconds=0)


def standing(engine: sa.Engine, run_id: str) -> Standing | None:
    """How the newest attempt at this run stands; None where it never was an assignment."""
    query = (
        sa.select(
            assignments,
            heartbeats.c.host,
            heartbeats.c.usage,
            heartbeats.c.instance.label("runs_on"),
            silence().label("silent"),
        )
        .outerjoin(heartbeats, heartbeats.c.worker == assignments.c.worker)
        .where(assignments.c.dagster_run_id == run_id)
        .order_by(assignments.c.attempt.desc())
        .limit(1)
    )
    row = in_transaction(engine, lambda c: c.execute(query).one_or_none(), outage_seconds=0)
    if row is None:
        return None
    return Standing(
        Assignment(row.dagster_run_id, row.attempt),
        Stage(row.stage),
        row.worker or "",
        row.host or "",
        row.deliveries,
        row.detail,
        None if row.host is None else float(row.silent),
        (row.usage or {}).get(run_id, {}),
        row.dedicated,
        row.runs_on or row.instance,
    )


def abandoned(engine: sa.Engine, silent: timedelta) -> list[tuple[Assignment, str, int]]:
    """What was taken by workers that have been silent for so long, or are gone: it, who had it, how often taken."""
    query = (
        sa.select(assignments.c.dagster_run_id, assignments.c.attempt, assignments.c.worker, assignments.c.deliveries)
        .outerjoin(heartbeats, heartbeats.c.worker == assignments.c.worker)
        .where(
            assignments.c.stage == Stage.TAKEN.value,
            sa.or_(heartbeats.c.worker.is_(None), silence() > silent.total_seconds()),
        )
    )
    rows = in_transaction(engine, lambda c: c.execute(query).all(), outage_seconds=0)
    return [(Assignment(row.dagster_run_id, row.attempt), row.worker, row.deliveries) for row in rows]


def deliveries(engine: sa.Engine, wanted: Iterable[Assignment]) -> dict[Assignment, int]:
    """How often each of these has been taken."""
    keys = [(one.run_id, one.attempt) for one in wanted]
    query = sa.select(assignments.c.dagster_run_id, assignments.c.attempt, assignments.c.deliveries).where(
        sa.tuple_(assignments.c.dagster_run_id, assignments.c.attempt).in_(keys)
    )
    rows = in_transaction(engine, lambda c: c.execute(query).all(), outage_seconds=0) if keys else []
    return {Assignment(row.dagster_run_id, row.attempt): row.deliveries for row in rows}


def forget_ended(engine: sa.Engine, older: timedelta = KEPT) -> int:
    """Removes attempts that ended longer ago than that; how many they were."""
    statement = sa.delete(assignments).where(assignments.c.ended_at < sa.func.now() - older)
    return in_transaction(engine, lambda c: c.execute(statement).rowcount, outage_seconds=0)
