"""How much work there is for workers, and how many of them, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from .engine import in_transaction
from .heartbeats import silence
from .tables import Debt, SetStatus, Stage, Step, assignments, heartbeats, outbox, set_members, sets

NOT_ASKED_FOR = (Step.WAITING.value, Step.PROBING.value, Step.CHANGED.value)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the ledger knows. Runs with an instance of their own are counted in `dedicated` only.

    `ready`: runs that were launched and not taken; `taken`: at work; `lost`: of them, those of silent workers.
    `members`: of the open set, those that no run has been asked for yet. `owed`: results that GitHub is to be told.
    `workers`: that beat; `taking`: of them, those that take runs.
    """

    ready: int
    taken: int
    lost: int
    dedicated: int
    members: int
    owed: int
    workers: int
    taking: int


def backlog(engine: sa.Engine, silent: timedelta) -> Backlog:
    """The numbers of this moment; a worker silent for that long is none."""
    ours, quiet = ~assignments.c.dedicated, silence() > silent.total_seconds()
    taken = assignments.c.stage == Stage.TAKEN.value
    pool = ~heartbeats.c.dedicated
    counts = (
        _count(assignments, ours, assignments.c.stage == Stage.READY.value),
        _count(assignments, ours, taken),
        _count(
            assignments.outerjoin(heartbeats, heartbeats.c.worker == assignments.c.worker),
            ours, taken, sa.or_(heartbeats.c.worker.is_(None), quiet),
        ),
        _count(assignments, ~ours, assignments.c.ended_at.is_(None)),
        _count(
            set_members.join(sets, sets.c.id == set_members.c.set_id),
            sets.c.status == SetStatus.OPEN.value, set_members.c.step.in_(NOT_ASKED_FOR),
        ),
        _count(outbox, outbox.c.debt == Debt.OWED.value),
        _count(heartbeats, pool, ~quiet),
        _count(heartbeats, pool, ~quiet, ~heartbeats.c.draining),
    )  # fmt: skip
    query = sa.select(*(one.scalar_subquery() for one in counts))
    return in_transaction(engine, lambda c: Backlog(*(int(n or 0) for n in c.execute(query).one())), outage_seconds=0)


def _count(table: sa.FromClause, *where: sa.ColumnElement[bool]) -> sa.Select[int]:
    return sa.select(sa.func.count()).select_from(table).where(*where)
