"""What GitHub is owed. It is written in the transaction that changes a job, and paid by whoever reaches GitHub."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..text import clean_json, clean_text
from .clock import is_due
from .engine import in_transaction
from .reading import Row, rows
from .tables import Debt, outbox


def owe(
    connection: sa.Connection,
    *,
    job_id: str,
    kind: str,
    target: str,
    payload: Mapping[str, Any],
    now: datetime,
    again: bool = False,
) -> bool:
    """Notes that GitHub is to be told `payload` about `target`, within the caller's transaction.

    False: that is what it was told last, or will be, and nothing changed (`again`: it is told once more). What it was
    to be told before and was not is forgiven, since this takes its place.
    """
    held, _ = clean_json(dict(payload))
    same = (outbox.c.kind == kind, outbox.c.target == target)
    last = connection.execute(
        sa.select(outbox.c.payload, outbox.c.debt, outbox.c.job_id)
        .where(*same, outbox.c.debt != Debt.FORGIVEN.value)
        .order_by(outbox.c.id.desc())
        .limit(1)
    ).one_or_none()
    if last is not None and last.payload == held and (last.debt == Debt.OWED.value or not again):
        return False
    connection.execute(
        sa.update(outbox)
        .where(*same, outbox.c.debt == Debt.OWED.value)
        .values(debt=Debt.FORGIVEN.value, settled_at=now, detail="something newer took its place")
    )
    connection.execute(
        sa.insert(outbox).values(job_id=job_id, kind=kind, target=target, payload=held, owed_at=now, try_at=now)
    )
    return True


def forgive_job(connection: sa.Connection, job_id: str, *, now: datetime, detail: str) -> None:
    """Of that job nothing more is told."""
    connection.execute(
        sa.update(outbox)
        .where(outbox.c.job_id == job_id, outbox.c.debt == Debt.OWED.value)
        .values(debt=Debt.FORGIVEN.value, settled_at=now, detail=clean_text(detail)[0])
    )


def due(engine: sa.Engine, *, now: datetime, limit: int = 50) -> list[Row]:
    """What can be paid now, in the order in which it came to be owed."""
    query = (
        sa.select(outbox)
        .where(outbox.c.debt == Debt.OWED.value, is_due(outbox.c.try_at, now))
        .order_by(outbox.c.id)
        .limit(limit)
    )
    return rows(engine, query)


def owed(engine: sa.Engine) -> int:
    """How much is owed."""
    query = sa.select(sa.func.count()).select_from(outbox).where(outbox.c.debt == Debt.OWED.value)
    return in_transaction(engine, lambda c: c.scalar(query)) or 0


def of_job(engine: sa.Engine, job_id: str) -> list[Row]:
    """All that a job had GitHub told, in order."""
    query = sa.select(outbox).where(outbox.c.job_id == job_id).order_by(outbox.c.id)
    return rows(engine, query)


def paid(engine: sa.Engine, number: int, *, now: datetime, detail: str = "") -> None:
    """Notes that GitHub was told."""
    _settle(engine, number, Debt.PAID, detail, now)


def forgive(engine: sa.Engine, number: int, *, now: datetime, detail: str) -> None:
    """Notes that GitHub will not be told, and why."""
    _settle(engine, number, Debt.FORGIVEN, detail, now)


def _settle(engine: sa.Engine, number: int, debt: Debt, detail: str, now: datetime) -> None:
    statement = (
        sa.update(outbox)
        .where(outbox.c.id == number, outbox.c.debt == Debt.OWED.value)
        .values(debt=debt.value, detail=clean_text(detail)[0], settled_at=now, tries=outbox.c.tries + 1)
    )
    in_transaction(engine, lambda c: c.execute(statement))


def later(engine: sa.Engine, number: int, *, at: datetime, detail: str) -> None:
    """Notes that it could not be paid, and has it tried again at that time."""
    statement = (
        sa.update(outbox)
        .where(outbox.c.id == number, outbox.c.debt == Debt.OWED.value)
        .values(try_at=at, detail=clean_text(detail)[0], tries=outbox.c.tries + 1)
    )
    in_transaction(engine, lambda c: c.execute(statement))


def put_off_all(engine: sa.Engine, *, until: datetime) -> None:
    """Nothing is tried before that time: GitHub asked for a pause, or is away."""
    statement = sa.update(outbox).where(outbox.c.debt == Debt.OWED.value, outbox.c.try_at < until).values(try_at=until)
    in_transaction(engine, lambda c: c.execute(statement))
