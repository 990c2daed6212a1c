"""What operators have been told: each thing once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from .engine import in_transaction
from .tables import notices

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
