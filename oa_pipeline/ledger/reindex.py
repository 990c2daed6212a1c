"""Enters runs a second time of which the ledger knows nothing, since it was restored from a backup."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from .engine import in_transaction
from .runs import Ending, Ticket, columns_of, let_through, point_at
from .tables import SCHEMA, RunStatus, builds, jobs, partitions, pointers, runs, sets

# What is numbered: where the next number comes from, and which were used.
SEQUENCES = {
    "runs": (sa.table("run_numbers", schema=SCHEMA), runs.c.id),
    "builds": (sa.table("builds_id_seq", schema=SCHEMA), builds.c.id),
    "sets": (sa.table("sets_id_seq", schema=SCHEMA), sets.c.id),
}


@dataclass(frozen=True, slots=True)
class Former:
    """What a run was opened with."""

    number: int
    key: str
    digest: str
    code_version: str
    blob_sha: str
    commit_sha: str
    dagster_run_id: str
    attempt: int
    set_id: int | None
    job_id: str | None
    started_at: datetime


def unknown_runs(engine: sa.Engine, numbers: Collection[int]) -> set[int]:
    """Those of these numbers that are no run's."""
    query = sa.select(runs.c.id).where(runs.c.id.in_(numbers))
    return set(numbers) - in_transaction(engine, lambda c: set(c.scalars(query)))


def unknown_sources(engine: sa.Engine, keys: Collection[str]) -> set[str]:
    """Those of these keys that are no data source's."""
    query = sa.select(partitions.c.key).where(partitions.c.key.in_(keys))
    return set(keys) - in_transaction(engine, lambda c: set(c.scalars(query)))


def go_on_after(engine: sa.Engine, highest: Mapping[str, int]) -> None:
    """New runs, builds and sets get numbers above these, and above those that are known."""

    def work(connection: sa.Connection) -> None:
        for what, (sequence, column) in SEQUENCES.items():
            known = connection.scalar(sa.select(sa.func.max(column))) or 0
            given = connection.execute(sa.select(sa.text("last_value, is_called")).select_from(sequence)).one()
            after = max(highest.get(what, 0), known)
            if after > (given.last_value if given.is_called else 0):
                connection.execute(sa.select(sa.func.setval(f"{SCHEMA}.{sequence.name}", after)))

    in_transaction(engine, work)


def enter(engine: sa.Engine, former: Former, ending: Ending) -> bool:
    """Enters a run that had ended; a good one becomes the latest of its data source unless a newer one is.

    Entering it twice changes nothing. False: the ledger does not know its data source.
    """

    def work(connection: sa.Connection) -> bool:
        held = connection.execute(
            sa.select(partitions).where(partitions.c.key == former.key).with_for_update()
        ).one_or_none()
        if held is None:
            return False
        if connection.scalar(sa.select(runs.c.id).where(runs.c.id == former.number)) is not None:
            return True
        # A set or a job that the backup does not have is forgotten.
        set_id = connection.scalar(sa.select(sets.c.id).where(sets.c.id == former.set_id))
        job_id = connection.scalar(sa.select(jobs.c.id).where(jobs.c.id == former.job_id))
        same = ("key", "digest", "code_version", "blob_sha", "commit_sha", "dagster_run_id", "attempt", "started_at")
        connection.execute(
            sa.insert(runs).values(
                id=former.number,
                token=0,  # nobody's: it has ended
                set_id=set_id,
                job_id=job_id,
                pull_request=held.pull_request,
                **{name: getattr(held, name) for name in ("source", "layer", "name")},
                **{name: getattr(former, name) for name in same},
                **columns_of(ending),
            )
        )
        if ending.status is RunStatus.SUCCEEDED and held.pull_request is None:
            let_through(connection, ending.agrees_with, f"run {former.number}", ending.ended_at)
            point_at(connection, Ticket(former.number, former.key, 0), ending.ended_at)
        return True

    return in_transaction(engine, work)


def is_latest(engine: sa.Engine, number: int) -> bool:
    """Whether the public is sent to this run."""
    query = sa.select(pointers.c.key).where(pointers.c.run_id == number)
    return in_transaction(engine, lambda c: c.scalar(query)) is not None
