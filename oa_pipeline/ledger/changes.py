"""What has become different from one run of a data source to its next: new, recovered, lost, held, and jumps."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import sqlalchemy as sa

from .reading import Row, row, rows
from .tables import RunStatus, runs

LOOKED_AT = 2_000  # runs for one answer, at most: a week that changed nothing is not looked through at once
JUMP = 0.2  # of the rows of the good result before
FEWEST = 20  # rows: of fewer a share says nothing
_GOOD, _HELD = RunStatus.SUCCEEDED.value, RunStatus.HELD.value
_GONE = (RunStatus.FAILED.value, RunStatus.SKIPPED.value)
_COUNTED = (_GOOD, _HELD, *_GONE)  # what is lost or cancelled says nothing about the data


class Change(StrEnum):
    """What has become different."""

    NEW = "new"  # its first result
    RECOVERED = "recovered"  # a result after failures
    LOST = "lost"  # no result, after one
    HELD = "held"  # it lost too much, and waits for somebody to look
    JUMP = "jump"  # many more or fewer rows than before


class Changes(NamedTuple):
    """Some changes, the newest first, and the run before which to go on; None: there is nothing before."""

    found: Sequence[Row]
    before: int | None


def changes(
    engine: sa.Engine,
    *,
    before: int | None = None,
    kind: str = "",
    layer: str = "",
    area: str = "",
    limit: int = 100,
) -> Changes:
    """The changes that runs before this one brought; `kind`, `layer` and `area` (the path's first part): only those.

    A row has the run's `id`, `key`, `source`, `layer`, `status`, `problem`, `held_because`, `rows` and `ended_at`, then
    `kind` and `rows_before`: of the good result before it. As many runs are looked at as one answer allows: there may
    be fewer changes than `limit`, or none, and still something before. Pull requests' runs are none of it.
    """
    names = ("id", "key", "source", "layer", "status", "problem", "held_because", "rows", "ended_at")
    of_all = runs.c.pull_request.is_(None), runs.c.status.in_(_COUNTED)
    looked = sa.select(*(runs.c[name] for name in names)).where(*of_all).order_by(runs.c.id.desc()).limit(LOOKED_AT)
    if before is not None:
        looked = looked.where(runs.c.id < before)
    at = looked.subquery("at")
    former, good = _former(at), _good(at)
    told = _kind(at, former, good)
    query = (
        sa.select(*at.c, told.label("kind"), good.c.rows.label("rows_before"))
        .select_from(at)
        .outerjoin(former, sa.true())
        .outerjoin(good, sa.true())
        .where(told == kind if kind else told.is_not(None))
        .order_by(at.c.id.desc())
        .limit(limit)
    )
    if layer:
        query = query.where(at.c.layer == layer)
    if area:
        query = query.where(sa.or_(at.c.source == area, at.c.source.startswith(f"{area}/", autoescape=True)))
    found = rows(engine, query)
    if len(found) == limit:
        return Changes(found, int(found[-1]["id"]))
    last = row(engine, sa.select(sa.func.count().label("count"), sa.func.min(at.c.id).label("least")))
    return Changes(found, int(last["least"]) if last and last["count"] == LOOKED_AT else None)


def _former(at: sa.Subquery) -> sa.FromClause:
    """The run of the data source before."""
    one = runs.alias("former")
    query = sa.select(one.c.status, one.c.rows).where(
        one.c.key == at.c.key, one.c.id < at.c.id, one.c.status.in_(_COUNTED)
    )
    return query.order_by(one.c.id.desc()).limit(1).lateral("before")


def _good(at: sa.Subquery) -> sa.FromClause:
    """The good run of the data source before."""
    one = runs.alias("good")
    query = sa.select(one.c.id, one.c.rows).where(one.c.key == at.c.key, one.c.id < at.c.id, one.c.status == _GOOD)
    return query.order_by(one.c.id.desc()).limit(1).lateral("good_before")


def _kind(at: sa.Subquery, former: sa.FromClause, good: sa.FromClause) -> sa.ColumnElement[str | None]:
    is_good, difference = at.c.status == _GOOD, sa.func.abs(at.c.rows - good.c.rows)
    return sa.case(
        (sa.and_(at.c.status == _HELD, former.c.status.is_distinct_from(_HELD)), Change.HELD.value),
        (sa.and_(at.c.status.in_(_GONE), former.c.status.in_((_GOOD, _HELD))), Change.LOST.value),
        (sa.and_(is_good, good.c.id.is_(None)), Change.NEW.value),
        (sa.and_(is_good, former.c.status.in_(_GONE)), Change.RECOVERED.value),
        (
            sa.and_(is_good, difference >= sa.func.greatest(FEWEST, JUMP * good.c.rows)),
            Change.JUMP.value,
        ),
        else_=None,
    )
