"""Held runs: results that lost too much against the latest one, until somebody, or a later run, decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from ..errors import OAError
from ..text import clean_text
from .engine import in_transaction
from .reading import Row, rows
from .runs import Ticket, let_through, point_at
from .tables import RunStatus, partitions, pointers, runs

MOST = 50  # earlier held runs that are looked at: those since the last good one


class NotHeld(OAError):  # noqa: N818 - a fact about a run
    """There is nothing to decide about this run."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A run about which somebody decided. `row` is the run's, after it; `already`: it was so before.

    `published`: the public is sent to this run.
    """

    row: Row
    published: bool
    already: bool = False


def held(
    engine: sa.Engine, *, keys: Sequence[str] | None = None, set_id: int | None = None, limit: int = 500
) -> list[Row]:
    """The held runs that wait for a decision, newest first; `keys`: only of these data sources; `set_id`: of that set.

    Those that a newer good run has overtaken do not wait.
    """
    query = (
        sa.select(runs)
        .outerjoin(pointers, pointers.c.key == runs.c.key)
        .where(
            runs.c.held_because.is_not(None),
            runs.c.status == RunStatus.HELD.value,
            runs.c.rejected_at.is_(None),
            sa.func.coalesce(pointers.c.run_id, 0) < runs.c.id,
        )
        .order_by(runs.c.id.desc())
        .limit(limit)
    )
    if keys is not None:
        query = query.where(runs.c.key == sa.any_(sa.cast(keys, ARRAY(sa.Text))))
    if set_id is not None:
        query = query.where(runs.c.set_id == set_id)
    return rows(engine, query)


def held_against(engine: sa.Engine, key: str, compared_with: int) -> list[Row]:
    """The runs of this data source that were held against that good run, newest first; rejected ones too."""
    query = (
        sa.select(runs)
        .where(
            runs.c.key == key,
            runs.c.id > compared_with,
            runs.c.status == RunStatus.HELD.value,
            runs.c.compared_with == compared_with,
        )
        .order_by(runs.c.id.desc())
        .limit(MOST)
    )
    return rows(engine, query)


def accept(engine: sa.Engine, number: int, by: str, *, now: datetime) -> Decided:
    """Lets a held run through: it is a good run, and the latest unless a newer good one is that already.

    A run that has been let through before stays as it is. Raises NotHeld.
    """

    def work(connection: sa.Connection, row: Row) -> bool:
        if row["status"] == RunStatus.SUCCEEDED.value:
            return False
        if row["pruned_at"] is not None:
            raise NotHeld(
                f"the objects of run {number} were removed from the store on {row['pruned_at']:%Y-%m-%d}",
                cure=f"process {row['key']} again",
            )
        let_through(connection, [number], by, now)
        point_at(connection, Ticket(number, row["key"], row["token"]), now)
        return True

    return _decide(engine, number, work)


def reject(engine: sa.Engine, number: int, by: str, *, now: datetime) -> Decided:
    """Says that a held run shall not be published, nor a later one that agrees with it, unless somebody accepts it.

    A run that was rejected before stays as it is. Raises NotHeld.
    """

    def work(connection: sa.Connection, row: Row) -> bool:
        if row["status"] == RunStatus.SUCCEEDED.value:
            raise NotHeld(
                f"run {number} was let through on {row['accepted_at']:%Y-%m-%d} by {row['accepted_by']}",
                cure=f"what is published stays; process {row['key']} again once its publisher or source file is mended",
            )
        if row["rejected_at"] is not None:
            return False
        values = {"rejected_at": now, "rejected_by": clean_text(by)[0]}
        connection.execute(sa.update(runs).where(runs.c.id == number).values(values))
        return True

    return _decide(engine, number, work)


def _decide(engine: sa.Engine, number: int, work: Callable[[sa.Connection, Row], bool]) -> Decided:
    """Does `work` on a run that is or was held; the partition is locked first, as by a run that ends."""

    def decide(connection: sa.Connection) -> Decided:
        key = connection.scalar(sa.select(runs.c.key).where(runs.c.id == number))
        if key is None:
            raise NotHeld(f"there is no run {number}", cure="`oa runs list --held` lists those that wait")
        connection.execute(sa.select(partitions.c.token).where(partitions.c.key == key).with_for_update())
        found = connection.execute(sa.select(runs).where(runs.c.id == number).with_for_update()).mappings().one()
        if found["held_because"] is None or found["status"] not in (RunStatus.HELD.value, RunStatus.SUCCEEDED.value):
            raise NotHeld(
                f"run {number} is not held: it {_STANDS[found['status']]}",
                cure="`oa runs list --held` lists those that wait",
            )
        done = work(connection, dict(found))
        after = connection.execute(sa.select(runs).where(runs.c.id == number)).mappings().one()
        latest = connection.scalar(sa.select(pointers.c.run_id).where(pointers.c.key == key))
        return Decided(dict(after), latest == number, not done)

    return in_transaction(engine, decide)


_STANDS = {
    RunStatus.RUNNING.value: "is at work",
    RunStatus.SUCCEEDED.value: "has succeeded",
    RunStatus.HELD.value: "is held",
    RunStatus.FAILED.value: "has failed",
    RunStatus.SKIPPED.value: "was skipped",
    RunStatus.CANCELLED.value: "was cancelled",
    RunStatus.LOST.value: "was lost",
}
