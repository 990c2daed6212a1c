"""How much Dagster's queue can take, as its coordinator says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster import DagsterRunStatus, RunsFilter

from ..orchestration.tags import BATCH, KIND_TAG

if TYPE_CHECKING:
    from dagster import DagsterInstance

UNLIMITED = 10  # slots that a queue without a limit counts for
RUNS_PER_HOST = 2  # where the coordinator has no limit of its own


@dataclass(frozen=True, slots=True)
class Capacity:
    """`slots`: runs at once; `of_a_host`: of them, of one publisher's host."""

    slots: int
    of_a_host: int


def capacity(instance: DagsterInstance) -> Capacity:
    """What the queue can have at work at once; no slots where no worker lives."""
    from ..orchestration import dagster_private as private

    coordinator = instance.run_coordinator
    of_a_host = int(getattr(coordinator, "runs_per_host", RUNS_PER_HOST))
    if not isinstance(coordinator, private.QueuedRunCoordinator):
        return Capacity(1, of_a_host)
    slots = getattr(coordinator, "pool_slots", None)
    most = slots() if slots is not None else coordinator.get_run_queue_config().max_concurrent_runs
    return Capacity(UNLIMITED if most < 0 else most, of_a_host)


def batch_runs_waiting(instance: DagsterInstance) -> int:
    """How many runs of sets and backfills wait in the queue."""
    return instance.get_runs_count(RunsFilter(statuses=[DagsterRunStatus.QUEUED], tags={KIND_TAG: BATCH}))
