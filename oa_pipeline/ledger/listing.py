"""Lists of runs as an operator asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from .engine import in_transaction
from .gate import held
from .reading import Row, rows
from .tables import RunStatus, late_results, partitions, runs


class Which(StrEnum):
    """Which runs to list."""

    ALL = "all"
    HELD = "held"  # and not decided
    FAILED = "failed"
    RUNNING = "running"
    LATE = "late"  # runs whose result came after they had been ended


def list_runs(
    engine: sa.Engine,
    which: Which = Which.ALL,
    *,
    pattern: str | None = None,
    set_id: int | None = None,
    limit: int = 50,
) -> list[Row]:
    """The newest such runs, newest first.

    `pattern` is a glob that their keys match, as in `us/ca/*`; `set_id`: only runs of that set, copies among them.
    """
    keys = _matching(engine, pattern) if pattern is not None else None
    if keys == []:
        return []
    if which is Which.HELD:
        return held(engine, keys=keys, set_id=set_id, limit=limit)
    query = sa.select(runs).order_by(runs.c.id.desc()).limit(limit)
    if which is Which.LATE:
        query = query.where(runs.c.id.in_(_late(limit if keys is None else None)))
    if which in _CONDITIONS:
        query = query.where(_CONDITIONS[which])
    if set_id is not None:
        query = query.where(runs.c.set_id == set_id)
    if keys is not None:
        query = query.where(runs.c.key == sa.any_(sa.cast(keys, ARRAY(sa.Text))))
    return rows(engine, query)


def _late(limit: int | None) -> sa.Select[tuple[int]]:
    """The newest runs with results that came late."""
    return sa.select(late_results.c.run_id).distinct().order_by(late_results.c.run_id.desc()).limit(limit)


def _matching(engine: sa.Engine, pattern: str) -> list[str]:
    every = in_transaction(engine, lambda c: list(c.scalars(sa.select(partitions.c.key))))
    return [key for key in every if fnmatchcase(key, pattern)]


_CONDITIONS: Mapping[Which, sa.ColumnElement[bool]] = {
    Which.FAILED: runs.c.status == RunStatus.FAILED.value,
    Which.RUNNING: runs.c.status == RunStatus.RUNNING.value,
}
