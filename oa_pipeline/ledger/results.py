"""Which result a run has: its own, or that of the run it copies, or one with the very same rows."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from .reading import Row, rows
from .tables import runs

BLOCK = 10_000  # numbers a statement


def identity(run: Row) -> str:
    """Equal for runs of one data source that published the same rows."""
    return run["content_hash"] or f"run {run['copy_of'] or run['id']}"


def owner(run: Row) -> int:
    """The number of the run whose objects these are."""
    return int(run["copy_of"] or run["id"])


def identities(engine: sa.Engine, numbers: Collection[int]) -> dict[int, tuple[str, str]]:
    """The data source's key and the result's identity of each of these runs."""
    found: dict[int, tuple[str, str]] = {}
    ordered = sorted(numbers)
    columns = (runs.c.id, runs.c.key, runs.c.content_hash, runs.c.copy_of)
    for start in range(0, len(ordered), BLOCK):
        query = sa.select(*columns).where(runs.c.id.in_(ordered[start : start + BLOCK]))
        found.update((run["id"], (run["key"], identity(run))) for run in rows(engine, query))
    return found
