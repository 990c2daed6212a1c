"""Keeps Dagster's event log small.

A run writes some sixteen rows into it, of which four tell anything once the run is long over: what was materialized,
observed and checked, and how the run and its steps began and ended. The others are how the engine went about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from dagster import DagsterEventType

from . import dagster_private as private

if TYPE_CHECKING:
    from dagster import DagsterInstance

CURSOR = "oa_event_log"  # the last of Dagster's rows of runs that is done with
BLOCK = 200  # runs a statement
FINISHED = ("SUCCESS", "FAILURE", "CANCELED")

# What goes, by name: a kind of event that a newer Dagster brings stays until somebody has looked at it. Rows without
# any kind are the lines that code has logged.
NOISE = (
    DagsterEventType.ENGINE_EVENT,
    DagsterEventType.STEP_WORKER_STARTING,
    DagsterEventType.STEP_WORKER_STARTED,
    DagsterEventType.RESOURCE_INIT_STARTED,
    DagsterEventType.RESOURCE_INIT_SUCCESS,
    DagsterEventType.RESOURCE_INIT_FAILURE,
    DagsterEventType.STEP_INPUT,
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.LOADED_INPUT,
    DagsterEventType.HANDLED_OUTPUT,
    DagsterEventType.OBJECT_STORE_OPERATION,
    DagsterEventType.LOGS_CAPTURED,
    DagsterEventType.HOOK_COMPLETED,
    DagsterEventType.HOOK_SKIPPED,
)


@dataclass(frozen=True, slots=True)
class Swept:
    """What was found of runs that are long over, and what of it was removed."""

    runs: int = 0
    rows_before: int = 0
    bytes_before: int = 0
    rows_removed: int = 0
    bytes_removed: int = 0

    def __add__(self, other: Swept) -> Swept:
        """Both together."""
        return Swept(*(getattr(self, name) + getattr(other, name) for name in Swept.__dataclass_fields__))

    @property
    def rows_left(self) -> int:
        """Rows that stay."""
        return self.rows_before - self.rows_removed

    @property
    def bytes_left(self) -> int:
        """Bytes of events that stay."""
        return self.bytes_before - self.bytes_removed


def prune_event_log(instance: DagsterInstance, before: datetime) -> Swept:
    """Removes from the log of runs that ended before that how the engine went about them, some runs at a time.

    What asset history, the status of partitions, checks, the pages of runs, and the statistics of runs and steps are
    made of stays. Safe to break off and to repeat; each run is looked at once. Raises SettingsError where Dagster's
    storage is not PostgreSQL.
    """
    private.require_postgres(instance)
    done = Swept()
    cursor = int(instance.run_storage.get_cursor_values({CURSOR}).get(CURSOR, 0))
    settled = True  # no run so far has been passed over
    while block := _runs_after(instance, cursor, before):
        cursor = block[-1].id
        ended = [run.run_id for run in block if run.over]
        if ended:
            done += _sweep(instance, ended)
        open_ones = [run.id for run in block if not run.over]
        if settled:
            # Whoever has not ended yet is looked at again the next time, and all that follow.
            settled = not open_ones
            first = min(open_ones, default=cursor + 1)
            instance.run_storage.set_cursor_values({CURSOR: str(first - 1)})
    return done


def _runs_after(instance: DagsterInstance, cursor: int, before: datetime) -> Sequence[Any]:
    runs = private.RunsTable
    ended = sa.func.coalesce(runs.c.end_time, sa.extract("epoch", runs.c.update_timestamp))
    over = sa.and_(runs.c.status.in_(FINISHED), ended < before.timestamp())
    query = sa.select(runs.c.id, runs.c.run_id, over.label("over")).where(runs.c.id > cursor)
    with private.run_connection(instance) as connection:
        return connection.execute(query.order_by(runs.c.id).limit(BLOCK)).all()


def _sweep(instance: DagsterInstance, run_ids: Sequence[str]) -> Swept:
    """Removes the noise of these runs in one statement."""
    events = private.SqlEventLogStorageTable
    size = sa.func.octet_length(events.c.event)
    measure = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(size), 0)).where(events.c.run_id.in_(run_ids))
    kind = events.c.dagster_event_type
    noise = sa.or_(kind.is_(None), kind.in_([one.value for one in NOISE]))
    gone = (
        sa.delete(events)
        .where(events.c.run_id.in_(run_ids), events.c.asset_key.is_(None), noise)
        .returning(size.label("size"))
        .cte("gone")
    )
    counted = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(gone.c.size), 0)).select_from(gone)
    with private.event_connection(instance) as connection:
        rows, held = connection.execute(measure).one()
        removed, freed = connection.execute(counted).one()
    return Swept(len(run_ids), int(rows), int(held), int(removed), int(freed))
