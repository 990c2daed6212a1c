"""Questions to the ledger, one function each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from .engine import in_transaction
from .tables import RunStatus, late_results, pointers, runs

Row = Mapping[str, Any]


def _rows(engine: sa.Engine, query: sa.Select[Any]) -> list[Row]:
    return in_transaction(engine, lambda c: [dict(r) for r in c.execute(query).mappings()])


def _row(engine: sa.Engine, query: sa.Select[Any]) -> Row | None:
    found = _rows(engine, query)
    return found[0] if found else None


def run(engine: sa.Engine, number: int) -> Row | None:
    """One run."""
    return _row(engine, sa.select(runs).where(runs.c.id == number))


def latest_good_run(engine: sa.Engine, key: str) -> Row | None:
    """The run that the public is sent to for this data source."""
    return _row(engine, sa.select(runs).join(pointers, pointers.c.run_id == runs.c.id).where(pointers.c.key == key))


def latest_good_runs(engine: sa.Engine, keys: Sequence[str]) -> dict[str, Row]:
    """The runs that the public is sent to for these data sources, by key."""
    query = sa.select(runs).join(pointers, pointers.c.run_id == runs.c.id).where(pointers.c.key.in_(keys))
    return {row["key"]: row for row in _rows(engine, query)} if keys else {}


def latest_runs(engine: sa.Engine, keys: Sequence[str]) -> dict[str, Row]:
    """The newest run of each of these data sources, however it stands."""
    query = (
        sa.select(runs).where(runs.c.key.in_(keys)).ext(distinct_on(runs.c.key)).order_by(runs.c.key, runs.c.id.desc())
    )
    return {row["key"]: row for row in _rows(engine, query)}


def history(engine: sa.Engine, key: str, limit: int = 50) -> list[Row]:
    """The runs of one data source, newest first."""
    return _rows(engine, sa.select(runs).where(runs.c.key == key).order_by(runs.c.id.desc()).limit(limit))


def running(engine: sa.Engine, *, silent_since: datetime | None = None, limit: int = 500) -> list[Row]:
    """The runs that have not ended, the longest silent first; `silent_since`: only those that have not beaten since."""
    query = sa.select(runs).where(runs.c.status == RunStatus.RUNNING.value).order_by(runs.c.beat_at).limit(limit)
    if silent_since is not None:
        query = query.where(runs.c.beat_at < silent_since)
    return _rows(engine, query)


def counts_by_status(engine: sa.Engine) -> dict[str, int]:
    """How many runs stand how."""
    query = sa.select(runs.c.status, sa.func.count().label("n")).group_by(runs.c.status)
    return {row["status"]: row["n"] for row in _rows(engine, query)}


def late(engine: sa.Engine, number: int) -> list[Row]:
    """The results of this run that came too late."""
    return _rows(engine, sa.select(late_results).where(late_results.c.run_id == number).order_by(late_results.c.id))
