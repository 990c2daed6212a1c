"""What the decision is made of: Dagster's queue, the ledger, and the group."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from dagster import DagsterRunStatus, RunsFilter

from ...aws.group import Group
from ...ledger import machines
from ...ledger.backlog import Backlog, backlog
from ...orchestration.tags import BATCH, DEDICATED, KIND_TAG, WORKER_TAG
from .decision import Demand, Pool

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from sqlalchemy import Engine


@dataclass(frozen=True, slots=True)
class Queue:
    """Runs that wait in Dagster's queue: for workers of the pool, of them those of sets, and for instances."""

    pool: int
    batch: int
    dedicated: int


@dataclass(frozen=True, slots=True)
class Work:
    """All work there is."""

    queue: Queue
    known: Backlog

    @property
    def waiting(self) -> int:
        """Runs that wait for a worker."""
        return self.queue.pool + self.known.ready

    @property
    def any(self) -> bool:
        """Whether anything waits, were it only a set's members."""
        return bool(self.waiting or self.known.members)

    def metrics(self) -> dict[str, int]:
        """The counts under the names that the original's alarms and graphs have always had."""
        return {
            "tasks queue": self.waiting,
            "done queue": self.known.owed,
            "due queue": self.known.lost,
            "expected results": self.waiting + self.known.workers,
            "active workers": self.known.workers,
        }

    def demand(self, elsewhere: int) -> Demand:
        """What waits for the pool; `elsewhere`: slots of workers that are not the group's."""
        known = self.known
        return Demand(
            urgent=self.queue.pool - self.queue.batch,
            batch=self.queue.batch + known.ready + known.members,
            at_work=known.taken - known.lost,
            elsewhere=elsewhere,
        )


def work(dagster: DagsterInstance, engine: Engine, silent: timedelta) -> Work:
    """The counts of this moment. Raises what Dagster and the ledger raise."""
    return Work(queue(dagster), backlog(engine, silent))


def queue(dagster: DagsterInstance) -> Queue:
    """What waits in Dagster's queue."""

    def count(**tags: str) -> int:
        asked = {name.replace("__", "/"): value for name, value in tags.items()}
        return dagster.get_runs_count(RunsFilter(statuses=[DagsterRunStatus.QUEUED], tags=asked))

    own, batch = {WORKER_TAG: DEDICATED}, {KIND_TAG: BATCH}
    dedicated = count(**own)
    return Queue(count() - dedicated, count(**batch) - (count(**own, **batch) if dedicated else 0), dedicated)


def pool(group: Group, heard: set[str]) -> Pool:
    """The group as the decision sees it."""
    return Pool(group.least, group.most, group.desired, len(group.present), len(group.present & heard))


def slots_elsewhere(engine: Engine, group: Group, silent: timedelta) -> int:
    """The slots of workers that live and take runs, and are on none of the group's instances."""
    from ...ledger.heartbeats import workers

    return sum(
        row["slots"]
        for row in workers(engine)
        if row["silent"] <= silent.total_seconds()
        and not row["draining"]
        and not row["dedicated"]
        and row["instance"] not in group.present
    )


def heard(engine: Engine, silent: timedelta) -> set[str]:
    """Instances whose workers live."""
    return machines.heard(engine, silent)
