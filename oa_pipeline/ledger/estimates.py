"""What the runs of the next set are likely to take, from what they took before."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from .engine import in_transaction
from .tables import RunStatus, pointers, runs, set_members, sets

SETS = 3  # so many times in a row a run has to time out before its data source counts as dead
LOOKED_AT = 20  # sets, the newest


@dataclass(frozen=True, slots=True)
class Estimate:
    """`seconds` of wall clock; None where the data source never ran. `dead`: its last runs in sets all timed out."""

    seconds: float | None
    dead: bool = False


def estimates(engine: sa.Engine, keys: Collection[str], *, deadline: timedelta) -> dict[str, Estimate]:
    """What each of these took: its last good run's own work, not that of copies; without one, its newest ended run.

    A run that was at work for `deadline`, or longer, has timed out.
    """
    asked = sorted(keys)

    def work(connection: sa.Connection) -> dict[str, Estimate]:
        seconds = {key: float(taken) for key, taken in connection.execute(_newest_ended(asked))}
        seconds.update({key: float(taken) for key, taken in connection.execute(_good(asked))})
        dead = set(connection.scalars(_dead(deadline)))
        return {key: Estimate(seconds.get(key), key in dead) for key in asked}

    return in_transaction(engine, work)


def _taken(run: sa.FromClause) -> sa.ColumnElement[float]:
    return sa.cast(sa.extract("epoch", run.c.ended_at - run.c.started_at), sa.Float)


def _good(keys: list[str]) -> sa.Select[str, float]:
    latest, original = runs.alias("latest"), runs.alias("original")
    return (
        sa.select(pointers.c.key, _taken(original))
        .join(latest, latest.c.id == pointers.c.run_id)
        .join(original, original.c.id == sa.func.coalesce(latest.c.copy_of, latest.c.id))
        .where(pointers.c.key == sa.any_(sa.cast(keys, ARRAY(sa.Text))))
    )


def _newest_ended(keys: list[str]) -> sa.Select[str, float]:
    asked = sa.select(sa.func.unnest(sa.cast(keys, ARRAY(sa.Text))).label("key")).subquery("asked")
    newest = (
        sa.select(_taken(runs).label("taken"))
        .where(runs.c.key == asked.c.key, runs.c.status != RunStatus.RUNNING.value)
        .order_by(runs.c.id.desc())
        .limit(1)
        .lateral("newest")
    )
    without = ~sa.exists().where(pointers.c.key == asked.c.key)
    return sa.select(asked.c.key, newest.c.taken).join(newest, sa.true()).where(without)


def _dead(deadline: timedelta) -> sa.Select[str]:
    """Keys of members whose runs timed out in each of the last sets that they were in."""
    timed_out = sa.and_(
        runs.c.status.in_([RunStatus.FAILED.value, RunStatus.LOST.value, RunStatus.CANCELLED.value]),
        runs.c.ended_at - runs.c.started_at >= deadline,
    )
    newest_sets = sa.select(sets.c.id).order_by(sets.c.id.desc()).limit(LOOKED_AT)
    place = sa.func.row_number().over(partition_by=set_members.c.key, order_by=set_members.c.set_id.desc())
    last = (
        sa.select(set_members.c.key, set_members.c.run_id, place.label("place"))
        .where(set_members.c.set_id.in_(newest_sets))
        .subquery("last")
    )
    return (
        sa.select(last.c.key)
        .join(runs, runs.c.id == last.c.run_id)
        .where(last.c.place <= SETS, timed_out)
        .group_by(last.c.key)
        .having(sa.func.count() == SETS)
    )
