"""What became of one data source over time, and where its public names lead today."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ..sources.keys import source_of
from .engine import in_transaction
from .partitions import former_keys
from .reading import Row, row, rows
from .tables import RunStatus, jobs, partitions, pointers, renames, runs

PAGE = 50
LAYER = "addresses"  # what a source's own name means: names of data sources are newer than the addresses of old


def source_history(engine: sa.Engine, what: str, *, before: int | None = None, limit: int = PAGE) -> list[Row]:
    """The ended runs of a data source (by its key) or of a whole source file (by its path), newest first.

    A run and the runs that only confirmed it (copies) are one row: the run's own, with `confirmed`, how often, and
    `confirmed_at`, when last; it stands where its last confirmation does. Runs of pull requests are among them only
    once their job was merged, and the history goes on through renames. `newest` of a page's last row is the `before`
    of the next page.
    """
    keys = _keys(engine, what)
    if not keys:
        return []
    seen = _visible(keys).cte("seen")
    root = sa.func.coalesce(seen.c.copy_of, seen.c.id)
    newest = sa.func.max(seen.c.id)
    folded = (
        sa.select(
            sa.func.min(seen.c.id).label("id"),
            newest.label("newest"),
            (sa.func.count() - 1).label("confirmed"),
            sa.func.max(seen.c.ended_at).label("confirmed_at"),
        )
        .group_by(root)
        .order_by(newest.desc())
        .limit(limit)
    )
    if before is not None:
        folded = folded.having(newest < before)
    page = folded.subquery("page")
    query = (
        sa.select(
            runs,
            page.c.newest,
            page.c.confirmed,
            sa.case((page.c.confirmed > 0, page.c.confirmed_at)).label("confirmed_at"),
        )
        .join(page, page.c.id == runs.c.id)
        .order_by(page.c.newest.desc())
    )
    return rows(engine, query)


def latest_run(engine: sa.Engine, what: str) -> Row | None:
    """The run that the public is sent to for a key, or for a source's path: its latest good one.

    Where there never was one, the newest that ended; None where none has, or where nothing has that name. A data
    source that was renamed and not run since is still served by what it had under its former key.
    """
    key = key_named(engine, what)
    if key is None:
        return None
    keys = [key, *former_keys(engine, key)]
    rank = sa.func.array_position(sa.cast(keys, sa.ARRAY(sa.Text)), pointers.c.key)
    good = (
        sa.select(runs)
        .join(pointers, pointers.c.run_id == runs.c.id)
        .where(pointers.c.key.in_(keys))
        .order_by(rank)
        .limit(1)
    )
    newest = (
        sa.select(runs)
        .where(runs.c.key == key, runs.c.status != RunStatus.RUNNING.value)
        .order_by(runs.c.id.desc())
        .limit(1)
    )
    return row(engine, good) or row(engine, newest)


def key_named(engine: sa.Engine, what: str) -> str | None:
    """The data source that a public name means: a key, or the path of a source file (`us/ca/alameda`).

    A path stands for the first data source of addresses in its file. Where that was renamed since, it is the data
    source of today; one that was removed for good keeps its name.
    """
    named = sa.select(partitions.c.key, partitions.c.removed_at).where(partitions.c.pull_request.is_(None))
    by_path = named.where(
        partitions.c.source == source_of(what), partitions.c.layer == LAYER, partitions.c.first
    ).order_by(partitions.c.removed_at.desc().nulls_first(), partitions.c.key)
    found = row(engine, named.where(partitions.c.key == what)) or row(engine, by_path.limit(1))
    if found is None:
        return None
    key: str = found["key"]
    return key if found["removed_at"] is None else _today(engine, key) or key


def _today(engine: sa.Engine, key: str) -> str | None:
    """The data source of today that this one was renamed to, by however many steps."""
    # Renames can make a circle: UNION (not UNION ALL) ends it.
    step = sa.select(renames.c.new_key, renames.c.at).where(renames.c.old_key == key).cte("walk", recursive=True)
    walk = step.union(sa.select(renames.c.new_key, renames.c.at).where(renames.c.old_key == step.c.new_key))
    query = (
        sa.select(walk.c.new_key)
        .join(partitions, partitions.c.key == walk.c.new_key)
        .where(partitions.c.removed_at.is_(None))
        .order_by(walk.c.at.desc())
        .limit(1)
    )
    return in_transaction(engine, lambda c: c.scalar(query))


def _keys(engine: sa.Engine, what: str) -> list[str]:
    """The keys of what was asked for, and all that they were before."""
    key = sa.select(partitions.c.key).where(partitions.c.key == what)
    known = row(engine, key) is not None  # a key is one even if it should read like a path
    of = partitions.c.key == what if known else partitions.c.source == source_of(what)
    start = sa.select(partitions.c.key).where(of, partitions.c.pull_request.is_(None)).cte("walk", recursive=True)
    walk = start.union(sa.select(renames.c.old_key).where(renames.c.new_key == start.c.key))
    return [r["key"] for r in rows(engine, sa.select(walk.c.key))]


def _visible(keys: Sequence[str]) -> sa.CompoundSelect[Any]:
    """The ended runs of these data sources, and those of merged proposals of them."""
    columns = (runs.c.id, runs.c.copy_of, runs.c.ended_at)
    ended = runs.c.status != RunStatus.RUNNING.value
    own = sa.select(*columns).where(runs.c.key.in_(keys), runs.c.pull_request.is_(None), ended)
    proposed = (
        sa.select(*columns)
        .join(partitions, partitions.c.key == runs.c.key)
        .join(jobs, jobs.c.id == runs.c.job_id)
        .where(partitions.c.proposes.in_(keys), jobs.c.merged, ended)
    )
    return own.union_all(proposed)
