"""Instances of EC2, as far as runs and workers are on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from .assignments import OPEN, Assignment
from .engine import in_transaction
from .heartbeats import silence
from .tables import Stage, assignments, heartbeats


@dataclass(frozen=True, slots=True)
class Owner:
    """An attempt that has, had or is to have an instance of its own. `seconds` since it came where it stands."""

    assignment: Assignment
    stage: Stage
    instance: str
    seconds: float


def owners(engine: sa.Engine, ended_within: timedelta) -> list[Owner]:
    """Attempts with an instance of their own that have not ended, or not longer ago than that."""
    since = sa.func.coalesce(assignments.c.ended_at, assignments.c.taken_at, assignments.c.ready_at)
    seconds = sa.cast(sa.extract("epoch", sa.func.clock_timestamp() - since), sa.Float)
    query = (
        sa.select(assignments, seconds.label("seconds"))
        .where(
            assignments.c.dedicated,
            sa.or_(assignments.c.ended_at.is_(None), assignments.c.ended_at > sa.func.now() - ended_within),
        )
        .order_by(assignments.c.ready_at)
    )
    rows = in_transaction(engine, lambda c: c.execute(query).all(), outage_seconds=0)
    return [Owner(Assignment(r.dagster_run_id, r.attempt), Stage(r.stage), r.instance, r.seconds) for r in rows]


def has_instance(engine: sa.Engine, assignment: Assignment, former: str, instance: str) -> bool:
    """Notes the instance of an attempt that has not ended. False where it no longer has the `former` one, or ended."""
    statement = (
        sa.update(assignments)
        .where(
            assignments.c.dagster_run_id == assignment.run_id,
            assignments.c.attempt == assignment.attempt,
            assignments.c.stage.in_(OPEN),
            assignments.c.instance.in_([former, instance]),
        )
        .values(instance=instance)
    )
    return in_transaction(engine, lambda c: c.execute(statement).rowcount == 1, outage_seconds=0)


def heard(engine: sa.Engine, silent: timedelta) -> set[str]:
    """The instances with a worker that has beaten within that time."""
    query = sa.select(heartbeats.c.instance).where(heartbeats.c.instance != "", silence() <= silent.total_seconds())
    return in_transaction(engine, lambda c: set(c.scalars(query)), outage_seconds=0)


def named(engine: sa.Engine) -> set[str]:
    """The instances that a worker is on, or a run that has not ended is to be on."""
    query = sa.union(
        sa.select(heartbeats.c.instance).where(heartbeats.c.instance != ""),
        sa.select(assignments.c.instance).where(assignments.c.dedicated, assignments.c.stage.in_(OPEN)),
    )
    return in_transaction(engine, lambda c: set(c.scalars(query)), outage_seconds=0) - {""}
