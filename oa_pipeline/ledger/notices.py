"""What operators have been told: each thing once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ..errors import Problem
from .engine import in_transaction
from .reading import Row, rows
from .tables import notices, runs

KEPT = timedelta(days=90)


def untold(engine: sa.Engine, keys: Collection[str]) -> set[str]:
    """Those of these that nobody has been told yet."""
    query = sa.select(notices.c.key).where(notices.c.key.in_(sorted(keys)))
    return set(keys) - in_transaction(engine, lambda c: set(c.scalars(query)), outage_seconds=0) if keys else set()


def told(engine: sa.Engine, key: str) -> None:
    """They have been told that."""
    put = insert(notices).values(key=key).on_conflict_do_nothing()
    in_transaction(engine, lambda c: c.execute(put), outage_seconds=0)


def over(engine: sa.Engine, key: str) -> None:
    """It is no longer so; should it come again, they are told again."""
    in_transaction(engine, lambda c: c.execute(sa.delete(notices).where(notices.c.key == key)), outage_seconds=0)


def forget(engine: sa.Engine, older: timedelta = KEPT) -> None:
    """Removes what was told longer ago than that."""
    old = sa.delete(notices).where(notices.c.said_at < sa.func.now() - older)
    in_transaction(engine, lambda c: c.execute(old), outage_seconds=0)


def our_faults(engine: sa.Engine, moment: datetime, newest: int = 500) -> list[Row]:
    """Of the newest runs, those that we ourselves failed since then: `detail`, how many `runs`, the newest's `key`."""
    latest = sa.select(runs).order_by(runs.c.id.desc()).limit(newest).subquery()
    query = (
        sa.select(latest.c.detail, sa.func.count().label("runs"), sa.func.max(latest.c.key).label("key"))
        .where(latest.c.problem == str(Problem.OUR_FAULT), latest.c.ended_at >= moment)
        .group_by(latest.c.detail)
        .order_by(sa.desc("runs"), latest.c.detail)
    )
    return rows(engine, query)
