"""The webhook's deliveries: each is kept once, by the id that GitHub gave it, until somebody has looked at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ..text import clean_text
from .clock import is_due
from .engine import in_transaction
from .reading import Row, rows
from .tables import DeliveryStatus, deliveries

HOOK_PATIENCE = 1.0  # seconds for which a lost database is tried again: GitHub waits ten for its answer


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as it came: `body` are the bytes that were signed."""

    guid: str
    event: str
    body: bytes
    action: str = ""
    repository: str = ""
    sender: str = ""


def receive(
    engine: sa.Engine,
    delivery: Delivery,
    *,
    status: DeliveryStatus = DeliveryStatus.RECEIVED,
    detail: str = "",
    now: datetime,
) -> bool:
    """Keeps the delivery. False: it was there already, and nothing changed."""
    values = {
        "guid": delivery.guid,
        "event": delivery.event,
        "action": _text(delivery.action),
        "repository": _text(delivery.repository),
        "sender": _text(delivery.sender),
        "body": delivery.body,
        "status": status.value,
        "detail": _text(detail),
        "received_at": now,
        "try_at": now,
        "handled_at": None if status is DeliveryStatus.RECEIVED else now,
    }
    statement = insert(deliveries).values(values).on_conflict_do_nothing().returning(deliveries.c.guid)
    kept = in_transaction(engine, lambda c: c.execute(statement).one_or_none(), outage_seconds=HOOK_PATIENCE)
    return kept is not None


def waiting(engine: sa.Engine, *, now: datetime, limit: int = 100) -> list[Row]:
    """The deliveries that are to be looked at now: the first of each sender, then the second of each, and so on."""
    order = (deliveries.c.received_at, deliveries.c.guid)
    turn = sa.func.row_number().over(partition_by=deliveries.c.sender, order_by=order).label("turn")
    due = (
        sa.select(deliveries.c.guid, turn)
        .where(deliveries.c.status == DeliveryStatus.RECEIVED.value, is_due(deliveries.c.try_at, now))
        .subquery()
    )
    query = sa.select(deliveries).join(due, due.c.guid == deliveries.c.guid).order_by(due.c.turn, *order).limit(limit)
    return rows(engine, query)


def settle(
    connection: sa.Connection,
    guid: str,
    status: DeliveryStatus,
    *,
    now: datetime,
    detail: str = "",
    job_id: str | None = None,
) -> bool:
    """Notes what came of a delivery, in the transaction that makes it so. False: somebody else has done it."""
    done = connection.execute(
        sa.update(deliveries)
        .where(deliveries.c.guid == guid, deliveries.c.status == DeliveryStatus.RECEIVED.value)
        .values(status=status.value, detail=_text(detail), job_id=job_id, handled_at=now)
    )
    return done.rowcount == 1


def put_off(engine: sa.Engine, guid: str, *, detail: str, seconds: float, now: datetime) -> int:
    """Has the delivery looked at again later. Returns how often it has been tried."""
    statement = (
        sa.update(deliveries)
        .where(deliveries.c.guid == guid, deliveries.c.status == DeliveryStatus.RECEIVED.value)
        .values(try_at=now + timedelta(seconds=seconds), tries=deliveries.c.tries + 1, detail=_text(detail))
        .returning(deliveries.c.tries)
    )
    return in_transaction(engine, lambda c: c.scalar(statement)) or 0


def put_off_all(engine: sa.Engine, *, until: datetime) -> None:
    """None is looked at before that time, as GitHub wants to be left alone; nobody's tries count for that."""
    statement = (
        sa.update(deliveries)
        .where(deliveries.c.status == DeliveryStatus.RECEIVED.value, deliveries.c.try_at < until)
        .values(try_at=until)
    )
    in_transaction(engine, lambda c: c.execute(statement))


def counts(engine: sa.Engine, *, since: datetime) -> list[Row]:
    """How many deliveries of each event stand how, of those that came since."""
    query = (
        sa.select(deliveries.c.event, deliveries.c.status, sa.func.count().label("n"))
        .where(deliveries.c.received_at >= since)
        .group_by(deliveries.c.event, deliveries.c.status)
        .order_by(deliveries.c.event, deliveries.c.status)
    )
    return rows(engine, query)


def _text(text: str) -> str:
    return clean_text(text)[0]
