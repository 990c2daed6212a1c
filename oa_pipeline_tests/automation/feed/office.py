"""A set at work, as far as the ledger and Dagster see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    RunRequest,
    SensorResult,
)

from oa_pipeline.assets.source import PARTITIONS
from oa_pipeline.automation.weekly import look_at_sets
from oa_pipeline.ledger import heartbeats, sets
from oa_pipeline.ledger.heartbeats import Beat
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.runs import Ending, Opening, end_run, open_run
from oa_pipeline.ledger.sets import Member, NewSet, open_set
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline_tests.automation.publishers import Queue, key

NOW = datetime(2026, 3, 6, 21, tzinfo=UTC)
FAILED = "Could not download source data"


@dataclass
class Look:
    """What one look at sets led to."""

    requests: list[RunRequest]
    events: list[Any]
    said: str

    @property
    def keys(self) -> list[str]:
        return [one.partition_key or one.job_name or "" for one in self.requests]


@dataclass
class Office:
    """A set, the sensor that feeds it, and a queue into which its requests go only where the test puts them."""

    instance: DagsterInstance
    engine: sa.Engine
    workplace: Workplace
    queue: Queue
    now: datetime = NOW
    cursor: str | None = None
    number: int = 0
    tickets: dict[str, Any] = field(default_factory=dict)

    def begin(self, hosts: dict[str, str], *, force: bool = True, hours: float = 60) -> int:
        """A set of these names, all of them due unless `force` is false."""
        declared = [Declared(key(n), f"xx/{n}", "addresses", "city", {}, {}, n) for n in hosts]
        record(self.engine, declared, now=self.now)
        self.instance.add_dynamic_partitions(PARTITIONS, [key(n) for n in hosts])
        new = NewSet("a/b", self.now + timedelta(hours=hours), force=force)
        self.number = open_set(self.engine, new, [Member(key(n), h, 60.0) for n, h in hosts.items()], now=self.now)
        return self.number

    def slots(self, count: int) -> None:
        heartbeats.beat(self.engine, Beat("worker", "host", 1, count))

    def look(self, *, seconds: float = 0, save: bool = True) -> Look:
        """One look, so many seconds later. Without `save` the sensor's process died before the cursor was stored."""
        self.now += timedelta(seconds=seconds)
        found = look_at_sets(self.instance, self.cursor, self.workplace, now=self.now)
        assert isinstance(found, SensorResult)
        if save:
            self.cursor = found.cursor
        said = found.skip_reason.skip_message if found.skip_reason else ""
        return Look(list(found.run_requests or []), list(found.asset_events), said or "")

    def go(self, *, seconds: float = 0) -> list[DagsterRun]:
        """A look whose requests Dagster's daemon puts into the queue."""
        return self.queue.submit(self.look(seconds=seconds).requests)

    def to(self, run: DagsterRun, status: DagsterRunStatus) -> None:
        from dagster import DagsterEvent, DagsterEventType

        kind = {
            DagsterRunStatus.STARTED: DagsterEventType.RUN_START,
            DagsterRunStatus.SUCCESS: DagsterEventType.RUN_SUCCESS,
            DagsterRunStatus.FAILURE: DagsterEventType.RUN_FAILURE,
            DagsterRunStatus.CANCELED: DagsterEventType.RUN_CANCELED,
        }[status]
        event = DagsterEvent(kind.value, run.job_name, message="by a test")
        self.instance.report_dagster_event(event, run_id=run.run_id)

    def ran(self, run: DagsterRun, status: RunStatus | None, dagsters: DagsterRunStatus, **ending: Any) -> int | None:
        """Carries a run out, as far as ledger and Dagster see it."""
        number = None
        if status is not None:
            opening = Opening(run.tags["dagster/partition"], run.run_id, set_id=int(run.tags["oa/set"]))
            ticket = open_run(self.engine, opening, now=self.now)
            number = ticket.number
            if status is not RunStatus.RUNNING:
                problem = FAILED if status is RunStatus.FAILED else None
                assert end_run(self.engine, ticket, Ending(status, self.now, problem=problem, **ending))
        self.to(run, dagsters)
        return number

    @property
    def row(self) -> dict[str, Any]:
        return dict(sets.set_of(self.engine, self.number) or {})

    def steps(self) -> dict[str, int]:
        return dict(sets.tally(self.engine, self.number).steps)
