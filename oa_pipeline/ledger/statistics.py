"""Numbers over all runs: how sets went, what is lost and what came back, and what the front page tells.

Only ended sets over everything count: one of a part of the sources is no point of a curve. A source is the first
addresses data source of its file, as it always was in these numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from .partitions import in_the_repository
from .reading import Row, row, rows
from .tables import RunStatus, SetStatus, partitions, pointers, runs, set_members, sets

PUBLIC = "addresses"
GOOD = (RunStatus.SUCCEEDED.value, RunStatus.HELD.value)  # what is held has addresses, too
ENDED = tuple(s.value for s in RunStatus if s is not RunStatus.RUNNING)
UNKNOWN = "not known"

_original = runs.alias("original")


def complete_sets(engine: sa.Engine) -> list[Row]:
    """The complete sets over everything, oldest first: `id`, `started_at`, `ended_at`."""
    query = (
        sa.select(sets.c.id, sets.c.started_at, sets.c.ended_at)
        .where(sets.c.status == SetStatus.COMPLETE.value, sets.c.only == "")
        .order_by(sets.c.started_at, sets.c.id)
    )
    return rows(engine, query)


def results_of_set(engine: sa.Engine, number: int) -> list[Row]:
    """What each source came to in the set: `source`, `addresses` (None: none), `cache_seconds`, `process_seconds`.

    The seconds of a copied result are those that it took when it was made.
    """
    newest = (
        sa.select(runs)
        .where(runs.c.set_id == number, runs.c.layer == PUBLIC, runs.c.status.in_(ENDED))
        .ext(distinct_on(runs.c.key))
        .order_by(runs.c.key, runs.c.id.desc())
        .subquery()
    )
    seconds = _original.c.seconds
    cache = sa.cast(seconds["download"].astext, sa.Float)
    query = (
        sa.select(
            newest.c.source,
            newest.c.rows.label("addresses"),
            cache.label("cache_seconds"),
            (sa.cast(seconds["total"].astext, sa.Float) - sa.func.coalesce(cache, 0)).label("process_seconds"),
        )
        .join(partitions, partitions.c.key == newest.c.key)
        .join(_original, _original.c.id == sa.func.coalesce(newest.c.copy_of, newest.c.id))
        .where(partitions.c.first)
        .order_by(newest.c.source)
    )
    return rows(engine, query)


def best_of_sources(engine: sa.Engine, names: Collection[str], numbers: Sequence[int]) -> list[Row]:
    """Of those sources that had addresses in one of these sets: `source`, the `most` they had, and when `last`."""
    query = (
        sa.select(runs.c.source, sa.func.max(runs.c.rows).label("most"), sa.func.max(sets.c.started_at).label("last"))
        .join(partitions, partitions.c.key == runs.c.key)
        .join(sets, sets.c.id == runs.c.set_id)
        .where(
            runs.c.source.in_(sorted(names)),
            runs.c.set_id.in_(list(numbers)),
            runs.c.layer == PUBLIC,
            partitions.c.first,
            runs.c.rows > 0,
        )
        .group_by(runs.c.source)
        .order_by(sa.desc("most"), runs.c.source)
    )
    return rows(engine, query) if names else []


def changes_between(engine: sa.Engine, before: int, after: int) -> list[Row]:
    """The data sources that gave a result in one of two sets and none in the other, ordered by key.

    `key`, `host`, `lost` (else it came back), and `problem`: what stood in the way in the set without a result.
    """
    then, since = _ended_in(before, "before"), _ended_in(after, "after")
    good_then, good_since = then.c.status.in_(GOOD), since.c.status.in_(GOOD)
    problem = sa.case((good_then, since.c.problem), else_=then.c.problem)
    status = sa.case((good_then, since.c.status), else_=then.c.status)
    query = (
        sa.select(
            since.c.key,
            sa.func.coalesce(sa.func.nullif(set_members.c.host, ""), UNKNOWN).label("host"),
            good_then.label("lost"),
            sa.func.coalesce(problem, sa.cast(status, sa.Text)).label("problem"),
        )
        .join(then, then.c.key == since.c.key)
        .outerjoin(set_members, sa.and_(set_members.c.set_id == after, set_members.c.key == since.c.key))
        .where(good_then != good_since)
        .order_by(since.c.key)
    )
    return rows(engine, query)


def _ended_in(number: int, name: str) -> sa.Subquery:
    """The newest ended run of each data source in the set."""
    query = (
        sa.select(runs.c.key, runs.c.status, runs.c.problem)
        .where(runs.c.set_id == number, runs.c.status.in_(ENDED))
        .ext(distinct_on(runs.c.key))
        .order_by(runs.c.key, runs.c.id.desc())
    )
    return query.subquery(name)


def index_numbers(engine: sa.Engine) -> dict[str, Any]:
    """What the front page tells: `addresses`, `sources`, `processed` and the `newest` good run's end.

    `layers` has, by layer, the `rows` of the results to date, how many `data_sources` there are, and how many of them
    are `processed`.
    """
    here = (
        sa.select(partitions.c.source, partitions.c.layer, runs.c.rows, runs.c.ended_at)
        .select_from(partitions)
        .outerjoin(pointers, pointers.c.key == partitions.c.key)
        .outerjoin(runs, runs.c.id == pointers.c.run_id)
        .where(*in_the_repository())
        .subquery()
    )
    done = here.c.ended_at.is_not(None)
    total = sa.func.coalesce(sa.func.sum(here.c.rows), 0)
    layers = sa.select(
        here.c.layer,
        total.label("rows"),
        sa.func.count().label("data_sources"),
        sa.func.count(here.c.ended_at).label("processed"),
    )
    by_layer = rows(engine, layers.group_by(here.c.layer).order_by(here.c.layer))
    files = sa.select(
        sa.func.count(here.c.source.distinct()).label("sources"),
        sa.func.count(here.c.source.distinct()).filter(done).label("processed"),
        sa.func.max(here.c.ended_at).label("newest"),
    )
    found = row(engine, files)
    assert found is not None  # an aggregate always has a row
    per_layer = {one["layer"]: {name: int(one[name]) for name in COUNTED} for one in by_layer}
    return {"addresses": per_layer.get(PUBLIC, {}).get("rows", 0), **found, "layers": per_layer}


COUNTED = ("rows", "data_sources", "processed")


def problems_to_date(engine: sa.Engine) -> dict[str, int]:
    """How many data sources of the repository ended their newest run with which problem, the most frequent first."""
    newest = (
        sa.select(runs.c.problem, runs.c.status)
        .where(runs.c.key == partitions.c.key, runs.c.status.in_(ENDED))
        .order_by(runs.c.id.desc())
        .limit(1)
        .lateral()
    )
    why = sa.func.coalesce(newest.c.problem, sa.cast(newest.c.status, sa.Text)).label("why")
    query = (
        sa.select(why, sa.func.count().label("count"))
        .select_from(partitions)
        .join(newest, sa.true())
        .where(*in_the_repository(), newest.c.status.not_in(GOOD))
        .group_by(why)
        .order_by(sa.desc("count"), why)
    )
    return {one["why"]: one["count"] for one in rows(engine, query)}


def newest_event(engine: sa.Engine) -> str:
    """Equal as long as no run began, ended or was let through, no set ended, and no data source changed."""
    asked = {
        "newest": sa.select(sa.func.max(runs.c.id)),
        "running": sa.select(sa.func.count()).where(runs.c.status == RunStatus.RUNNING.value),
        "swapped": sa.select(sa.func.max(pointers.c.swapped_at)),
        "set": sa.select(sa.func.max(sets.c.ended_at)),
        "changed": sa.select(sa.func.max(partitions.c.changed_at)),
        "removed": sa.select(sa.func.max(partitions.c.removed_at)),
    }
    query = sa.select(*(one.scalar_subquery().label(name) for name, one in asked.items()))
    found = row(engine, query)
    assert found is not None
    return " ".join("" if value is None else str(value) for value in found.values())
