"""Questions to the ledger, one function each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from .reading import Row, row, rows
from .tables import RunStatus, late_results, pointers, runs

__all__ = ["Row", "history", "late", "latest_good_run", "latest_good_runs", "latest_runs", "named", "run", "running"]


def run(engine: sa.Engine, number: int) -> Row | None:
    """One run."""
    return row(engine, sa.select(runs).where(runs.c.id == number))


def named(engine: sa.Engine, number: int) -> Row | None:
    """Of which data source the run is: source, layer, name, and the pull request that proposed it."""
    wanted = sa.select(runs.c.source, runs.c.layer, runs.c.name, runs.c.pull_request)
    return row(engine, wanted.where(runs.c.id == number))


def latest_good_run(engine: sa.Engine, key: str) -> Row | None:
    """The run that the public is sent to for this data source."""
    return row(engine, sa.select(runs).join(pointers, pointers.c.run_id == runs.c.id).where(pointers.c.key == key))


def latest_good_runs(engine: sa.Engine, keys: Sequence[str]) -> dict[str, Row]:
    """The runs that the public is sent to for these data sources, by key."""
    query = sa.select(runs).join(pointers, pointers.c.run_id == runs.c.id).where(pointers.c.key.in_(keys))
    return {found["key"]: found for found in rows(engine, query)} if keys else {}


def latest_runs(engine: sa.Engine, keys: Sequence[str]) -> dict[str, Row]:
    """The newest run of each of these data sources, however it stands."""
    # One look into the index a key: all runs of thousands of keys would be all runs there are.
    asked = sa.select(sa.func.unnest(sa.cast(keys, ARRAY(sa.Text))).label("key")).subquery("asked")
    newest = sa.select(runs).where(runs.c.key == asked.c.key).order_by(runs.c.id.desc()).limit(1).lateral("newest")
    query = sa.select(newest).select_from(asked.join(newest, sa.true()))
    return {found["key"]: found for found in rows(engine, query)} if keys else {}


def history(engine: sa.Engine, key: str, limit: int = 50) -> list[Row]:
    """The runs of one data source, newest first."""
    return rows(engine, sa.select(runs).where(runs.c.key == key).order_by(runs.c.id.desc()).limit(limit))


def running(engine: sa.Engine, *, silent_since: datetime | None = None, limit: int = 500) -> list[Row]:
    """The runs that have not ended, the longest silent first; `silent_since`: only those that have not beaten since."""
    query = sa.select(runs).where(runs.c.status == RunStatus.RUNNING.value).order_by(runs.c.beat_at).limit(limit)
    if silent_since is not None:
        query = query.where(runs.c.beat_at < silent_since)
    return rows(engine, query)


def late(engine: sa.Engine, number: int) -> list[Row]:
    """The results of this run that came too late."""
    return rows(engine, sa.select(late_results).where(late_results.c.run_id == number).order_by(late_results.c.id))
