"""Rows that nobody asks for any more: of workers long gone, of deliveries long handled, of proposals long quiet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from .engine import in_transaction
from .reading import rows
from .retention import OPEN_JOBS
from .tables import (
    DeliveryStatus,
    RunStatus,
    Stage,
    assignments,
    deliveries,
    heartbeats,
    job_members,
    jobs,
    partitions,
    runs,
)

BLOCK = 1000  # rows a transaction


def old_rows(engine: sa.Engine, before: datetime) -> dict[str, int]:
    """By table, how many rows `forget` would remove."""
    found = {}
    for table, where in _old(before).items():
        query = sa.select(sa.func.count().label("count")).select_from(table).where(where)
        found[table.name] = int(rows(engine, query)[0]["count"])
    return found


def forget(engine: sa.Engine, before: datetime) -> dict[str, int]:
    """Removes what is older than that, some rows at a time; how many, by table."""
    return {table.name: _remove(engine, table, where) for table, where in _old(before).items()}


def _old(before: datetime) -> dict[sa.Table, sa.ColumnElement[bool]]:
    waiting = sa.exists().where(assignments.c.worker == heartbeats.c.worker, assignments.c.stage == Stage.TAKEN.value)
    return {
        assignments: assignments.c.ended_at < before,
        heartbeats: sa.and_(heartbeats.c.beat_at < before, ~waiting),
        deliveries: sa.and_(deliveries.c.status != DeliveryStatus.RECEIVED.value, deliveries.c.received_at < before),
    }


def _remove(engine: sa.Engine, table: sa.Table, where: sa.ColumnElement[bool]) -> int:
    key = sa.tuple_(*table.primary_key.columns)
    some = sa.select(*table.primary_key.columns).where(where).limit(BLOCK)
    statement = sa.delete(table).where(key.in_(some))

    def work(connection: sa.Connection) -> Any:
        return connection.execute(statement).rowcount

    total = 0
    while removed := int(in_transaction(engine, work)):
        total += removed
    return total


def quiet_proposals(engine: sa.Engine, before: datetime) -> list[str]:
    """Partitions of pull requests that are still there though nothing has happened to them since, the oldest first."""
    busy = sa.exists().where(
        runs.c.key == partitions.c.key,
        sa.or_(runs.c.status == RunStatus.RUNNING.value, runs.c.ended_at >= before),
    )
    asked = sa.exists().where(
        job_members.c.partition == partitions.c.key, job_members.c.job_id == jobs.c.id, jobs.c.status.in_(OPEN_JOBS)
    )
    query = (
        sa.select(partitions.c.key)
        .where(
            partitions.c.pull_request.is_not(None),
            partitions.c.removed_at.is_(None),
            partitions.c.changed_at < before,
            ~busy,
            ~asked,
        )
        .order_by(partitions.c.changed_at, partitions.c.key)
    )
    return [found["key"] for found in rows(engine, query)]


def forget_proposals(engine: sa.Engine, keys: Sequence[str], *, now: datetime) -> None:
    """Notes that these are no partitions of Dagster's any more. Their runs stay."""
    statement = sa.update(partitions).where(partitions.c.key.in_(keys)).values(removed_at=now)
    if keys:
        in_transaction(engine, lambda c: c.execute(statement))
