"""Runs that found nothing changed when the publisher was asked: they begin and end in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from .engine import in_transaction
from .members import Ended, ended_as
from .runs import Ending, Opening, Ticket, columns_of, point_at
from .tables import Outcome, RunStatus, SetStatus, Step, partitions, pointers, run_numbers, runs, set_members, sets


@dataclass(frozen=True, slots=True)
class Basis:
    """What was compared: the latest good run, and the digest of the declaration it was compared by."""

    last: int
    digest: str


def record_copy(engine: sa.Engine, opening: Opening, basis: Basis, ending: Ending, *, now: datetime) -> int | None:
    """The number of a run that has ended as `ending`, with which the member of its set has ended too.

    None, and nothing is recorded, where that is no longer what it was when the publisher was asked: the set has ended,
    the member is not this Dagster run's to probe, the data source has a run at work, a newer result, or has changed.
    """

    def work(connection: sa.Connection) -> int | None:
        member = connection.execute(_member(opening)).one_or_none()
        if member is None:
            return None
        if member.step == Step.ENDED.value:
            return int(member.run_id)  # by this call, whose answer was lost
        held = connection.execute(sa.select(partitions).where(partitions.c.key == opening.key).with_for_update()).one()
        latest = connection.scalar(sa.select(pointers.c.run_id).where(pointers.c.key == opening.key))
        if (latest, held.digest) != (basis.last, basis.digest) or _at_work(connection, opening.key):
            return None
        number = connection.execute(sa.select(run_numbers.next_value())).scalar_one()
        same = ("key", "source", "layer", "name", "blob_sha", "digest", "commit_sha", "token")
        connection.execute(
            sa.insert(runs).values(
                id=number,
                dagster_run_id=opening.dagster_run_id,
                code_version=opening.code_version,
                set_id=opening.set_id,
                started_at=now,
                **{name: getattr(held, name) for name in same},
                **columns_of(ending),
            )
        )
        point_at(connection, Ticket(number, opening.key, held.token), ending.ended_at)
        ended = Ended(opening.key, Outcome.UNCHANGED, number, opening.dagster_run_id)
        connection.execute(
            sa.update(set_members)
            .where(set_members.c.set_id == opening.set_id, set_members.c.key == opening.key)
            .values(**ended_as(ended), moved_at=now)
        )
        return int(number)

    return in_transaction(engine, work)


def _member(opening: Opening) -> sa.Select[str, int]:
    return (
        sa.select(set_members.c.step, set_members.c.run_id)
        .join(sets, sets.c.id == set_members.c.set_id)
        .where(
            set_members.c.set_id == opening.set_id,
            set_members.c.key == opening.key,
            set_members.c.dagster_run_id == opening.dagster_run_id,
            set_members.c.step.in_([Step.PROBING.value, Step.ENDED.value]),
            sets.c.status == SetStatus.OPEN.value,
        )
        .with_for_update(of=set_members)
    )


def _at_work(connection: sa.Connection, key: str) -> bool:
    query = sa.select(runs.c.id).where(runs.c.key == key, runs.c.status == RunStatus.RUNNING.value)
    return connection.scalar(query) is not None
