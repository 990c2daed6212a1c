"""What has become different from one run of a data source to its next: new, recovered, lost, held, renamed, and jumps.

The history of a data source whose key changed goes on: its runs are compared with those under its former keys, as long
as it had them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import sqlalchemy as sa

from .reading import Row, row, rows
from .tables import RunStatus, renames, runs

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
    RENAMED = "renamed"  # nothing but its key


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
    `kind`, `former_key`, where it is the first run under another key than before, and `rows_before`: of the good result
    before it. As many runs are looked at as one answer allows: there may be fewer changes than `limit`, or none, and
    still something before. Pull requests' runs are none of it.
    """
    names = ("id", "key", "source", "layer", "status", "problem", "held_because", "rows", "ended_at")
    of_all = runs.c.pull_request.is_(None), runs.c.status.in_(_COUNTED)
    looked = sa.select(*(runs.c[name] for name in names)).where(*of_all).order_by(runs.c.id.desc()).limit(LOOKED_AT)
    if before is not None:
        looked = looked.where(runs.c.id < before)
    at = looked.cte("at")
    past = _past(at)
    former = _newest(at, past, _COUNTED, "former")
    good = _newest(at, past, (_GOOD,), "good")
    told = _kind(at, former, good)
    query = (
        sa.select(
            *at.c, told.label("kind"), _former_key(at, former).label("former_key"), good.c.rows.label("rows_before")
        )
        .select_from(at)
        .outerjoin(past, past.c.of == at.c.key)
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


def _past(at: sa.CTE) -> sa.CTE:
    """A row for each data source that was renamed: `of`, its `former_keys`, and `ends`, when each ended."""
    one = renames.alias("one")
    first = sa.select(one.c.new_key.label("of"), one.c.old_key.label("key"), one.c.at.label("until"))
    walk = first.where(one.c.new_key.in_(sa.select(at.c.key))).cte("walk", recursive=True)
    # Ever earlier: a rename there and back makes no circle, and who has a former key now is somebody else.
    step = sa.select(walk.c.of, one.c.old_key, one.c.at).join(one, one.c.new_key == walk.c.key)
    walk = walk.union_all(step.where(one.c.at < walk.c.until))
    told = sa.func.array_agg(walk.c.key).label("former_keys"), sa.func.array_agg(walk.c.until).label("ends")
    return sa.select(walk.c.of, *told).group_by(walk.c.of).cte("past")


def _newest(at: sa.CTE, past: sa.CTE, statuses: Sequence[str], name: str) -> sa.FromClause:
    """The run of the data source before, of those that ended like this, under whatever key it had."""
    one = runs.alias(f"{name}_one")
    now: sa.ColumnElement[datetime] = sa.literal_column("'infinity'::timestamptz")
    had = sa.func.array_append(past.c.former_keys, at.c.key), sa.func.array_append(past.c.ends, now)
    keys = sa.func.unnest(*had).table_valued("key", "until").render_derived(name=f"{name}_keys")
    of_key = (
        sa.select(one.c.id, one.c.key, one.c.status, one.c.rows)
        .where(one.c.key == keys.c.key, one.c.id < at.c.id, one.c.started_at < keys.c.until)
        .where(one.c.status.in_(statuses))
        .order_by(one.c.id.desc())
        .limit(1)
        .correlate(at, keys)
        .lateral(f"{name}_of_key")
    )
    query = sa.select(*of_key.c).select_from(keys.join(of_key, sa.true()))
    return query.order_by(of_key.c.id.desc()).limit(1).lateral(name)


def _former_key(at: sa.CTE, former: sa.FromClause) -> sa.ColumnElement[str | None]:
    return sa.case((former.c.key != at.c.key, former.c.key), else_=None)


def _kind(at: sa.CTE, former: sa.FromClause, good: sa.FromClause) -> sa.ColumnElement[str | None]:
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
        (former.c.key != at.c.key, Change.RENAMED.value),
        else_=None,
    )
