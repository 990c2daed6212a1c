"""The workers that live: each has a row that it refreshes, and that goes when it leaves or has long been silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from . import clock
from .engine import in_transaction
from .tables import Stage, assignments, heartbeats


@dataclass(frozen=True, slots=True)
class Beat:
    """What a worker says of itself. `usage` is by Dagster run: {pid, memory, cpu_seconds}."""

    worker: str
    host: str
    pid: int
    slots: int
    code_version: str = ""
    draining: bool = False
    usage: Mapping[str, Mapping[str, Any]] | None = None
    instance: str = ""  # EC2's number of the instance that it is on
    dedicated: bool = False  # its slots are for one run alone


def silence() -> sa.ColumnElement[float]:
    """Seconds since a worker beat."""
    return clock.silence(heartbeats.c.beat_at)


def beat(engine: sa.Engine, said: Beat) -> None:
    """Records that the worker lives; also where its row had been removed."""
    values = {
        "host": said.host,
        "pid": said.pid,
        "slots": said.slots,
        "code_version": said.code_version,
        "draining": said.draining,
        "usage": dict(said.usage or {}),
        "instance": said.instance,
        "dedicated": said.dedicated,
        "beat_at": sa.func.clock_timestamp(),
    }
    put = insert(heartbeats).values(worker=said.worker, **values)
    put = put.on_conflict_do_update(index_elements=[heartbeats.c.worker], set_=values)
    in_transaction(engine, lambda c: c.execute(put), outage_seconds=0)


def leave(engine: sa.Engine, worker: str) -> None:
    """Removes the row of a worker that ends."""
    in_transaction(engine, lambda c: c.execute(sa.delete(heartbeats).where(heartbeats.c.worker == worker)))


def bury(engine: sa.Engine, silent: timedelta) -> list[str]:
    """Removes the rows of workers that have been silent for so long, and that no run waits for; who they were."""
    waiting = sa.exists().where(assignments.c.worker == heartbeats.c.worker, assignments.c.stage == Stage.TAKEN.value)
    statement = sa.delete(heartbeats).where(silence() > silent.total_seconds(), ~waiting).returning(heartbeats.c.worker)
    return in_transaction(engine, lambda c: list(c.scalars(statement)), outage_seconds=0)


def live_slots(engine: sa.Engine, silent: timedelta) -> int:
    """How many runs can be carried out at once: the slots of all workers that beat and take any run."""
    query = sa.select(sa.func.coalesce(sa.func.sum(heartbeats.c.slots), 0)).where(
        ~heartbeats.c.draining, ~heartbeats.c.dedicated, silence() <= silent.total_seconds()
    )
    return in_transaction(engine, lambda c: int(c.scalar(query) or 0), outage_seconds=0)


def workers(engine: sa.Engine) -> list[Mapping[str, Any]]:
    """Every worker with what it last said, and for how many seconds it has been silent."""
    query = sa.select(heartbeats, silence().label("silent")).order_by(heartbeats.c.started_at)
    return in_transaction(engine, lambda c: [dict(row) for row in c.execute(query).mappings()], outage_seconds=0)
