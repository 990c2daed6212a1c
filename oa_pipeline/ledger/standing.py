"""How every data source of the repository stands, in few words: for lists, counts and coverage."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON

from .partitions import in_the_repository
from .reading import Row, rows
from .tables import RunStatus, partitions, pointers, runs

NAMED = ("ISO 3166", "US Census")  # the parts of a coverage that name a place


def standing(engine: sa.Engine, *, source: str | None = None) -> list[Row]:
    """All data sources that are in the repository now, ordered by key; `source`: of this source file only.

    Of each: `key`, `source`, `layer`, `name`, `first`, `first_seen`, `data` (the publisher's address) and `places` (its
    declared coverage; of the geometry only whether there is one); `good_run_id` and `good_at` (when it was made or last
    confirmed), `rows`, `licence`, `attribution_required`, `attribution_name`, `share_alike`, `website`, `bounds` of
    its latest good run; `run_id`, `status`, `problem` and `ended_at` of its newest ended one. None where there is none.
    """
    good = runs.alias("good")
    newest = (
        sa.select(runs.c.id, runs.c.status, runs.c.problem, runs.c.ended_at)
        .where(runs.c.key == partitions.c.key, runs.c.status != RunStatus.RUNNING.value)
        .order_by(runs.c.id.desc())
        .limit(1)
        .lateral("newest")
    )
    of_good = ("rows", "licence", "attribution_required", "attribution_name", "share_alike", "website", "bounds")
    query = (
        sa.select(
            *(partitions.c[name] for name in ("key", "source", "layer", "name", "first", "first_seen")),
            partitions.c.declared["data"].as_string().label("data"),
            _places().label("places"),
            good.c.id.label("good_run_id"),
            good.c.ended_at.label("good_at"),
            *(good.c[name] for name in of_good),
            newest.c.id.label("run_id"),
            newest.c.status,
            newest.c.problem,
            newest.c.ended_at,
        )
        .select_from(partitions)
        .outerjoin(pointers, pointers.c.key == partitions.c.key)
        .outerjoin(good, good.c.id == pointers.c.run_id)
        .outerjoin(newest, sa.true())
        .where(*in_the_repository())
        .order_by(partitions.c.key)
    )
    return rows(engine, query if source is None else query.where(partitions.c.source == source))


def _places() -> sa.ColumnElement[Any]:
    """The declared coverage as its readers need it: a geometry may be larger than all the rest."""
    declared = partitions.c.coverage
    named = [part for name in NAMED for part in (sa.literal_column(f"'{name}'"), declared[name])]
    has_geometry = declared["geometry"].is_not(None)
    return sa.func.json_build_object(*named, sa.literal_column("'geometry'"), has_geometry, type_=JSON)


def reasons(engine: sa.Engine, numbers: Collection[int]) -> dict[int, Row]:
    """Why these runs ended as they did, by number: `status`, `problem`, `detail`, `cure`, `held_because`."""
    told = ("id", "status", "problem", "detail", "cure", "held_because")
    query = sa.select(*(runs.c[name] for name in told)).where(runs.c.id.in_(sorted(numbers)))
    return {found["id"]: found for found in rows(engine, query)} if numbers else {}
