"""The run coordinator: Dagster's queue, told how many runs the live workers can carry out.

Runs wait in Dagster's own queue and nowhere else. Without a worker they all wait there, visible and cancellable.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dagster import DagsterRun, Field, IntSource

from ..errors import OAError
from ..settings import MIB, Settings
from ..sources.hosts import host_of
from . import dagster_private as private
from .deadline import MARGIN, deadline_of
from .launcher import SILENT_SECONDS
from .storage import database_url
from .tags import (
    AUTHOR_TAG,
    BACKFILL_TAG,
    BATCH,
    DEDICATED,
    HOST_TAG,
    KIND_TAG,
    PARTITION_TAG,
    PERSON,
    POOL,
    PULL_REQUEST,
    SET_TAG,
    SHARED_TAG,
    WORKER_TAG,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine

LONGEST_TAG = "dagster/max_runtime"  # instead of run monitoring's max_runtime_seconds
DEQUEUE_SECONDS = 0.5  # how often a free slot is looked for; a look costs a few milliseconds
log = logging.getLogger(__name__)


class CapacityRunCoordinator(private.QueuedRunCoordinator):
    """The `run_coordinator` class of dagster.yaml. All that Dagster's own can be told it can be told too."""

    def __init__(
        self,
        pull_request_slots: int = 1,
        runs_per_host: int = 2,
        heartbeat_timeout_seconds: int = SILENT_SECONDS,
        **dagsters: Any,
    ) -> None:
        """`pull_request_slots`: kept free for pull requests; `runs_per_host`: at once, of one publisher's host."""
        self.pull_request_slots = pull_request_slots
        self.runs_per_host = runs_per_host
        self.silent = timedelta(seconds=heartbeat_timeout_seconds)
        self._given = dagsters.get("dequeue_interval_seconds")
        super().__init__(**dagsters)

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """What may stand below `config:`."""
        ours = {
            "pull_request_slots": (1, "slots that only runs of pull requests may have"),
            "runs_per_host": (2, "runs at once of one publisher's host"),
            "heartbeat_timeout_seconds": (SILENT_SECONDS, "the slots of a worker silent for longer do not count"),
        }
        fields = {
            name: Field(IntSource, is_required=False, default_value=default, description=says)
            for name, (default, says) in ours.items()
        }
        return {**dict(super().config_type()), **fields}  # type: ignore[arg-type]

    @classmethod
    def from_config_value(
        cls, inst_data: private.ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> CapacityRunCoordinator:
        """Made by Dagster from dagster.yaml."""
        return cls(inst_data=inst_data, **config_value)

    @property
    def dequeue_interval_seconds(self) -> Any:
        """Half a second unless the configuration says otherwise."""
        return self._given if self._given is not None else DEQUEUE_SECONDS

    @cached_property
    def _engine(self) -> Engine:
        from ..ledger.engine import ledger_engine

        return ledger_engine(database_url())

    def get_run_queue_config(self) -> private.RunQueueConfig:
        """What Dagster asks before each look into the queue: nothing starts while the ledger cannot be asked."""
        slots, own = self.pool_slots(), self._dedicated_most
        config = super().get_run_queue_config()
        apart = [
            {"key": WORKER_TAG, "value": POOL, "limit": slots},
            {"key": WORKER_TAG, "value": DEDICATED, "limit": own},
        ]
        return config._replace(
            max_concurrent_runs=slots + own,
            tag_concurrency_limits=[
                *config.tag_concurrency_limits,
                *self._limits(slots),
                *(apart if own else []),
            ],
        )

    def pool_slots(self) -> int:
        """How many runs the workers that live can carry out at once; none while they are not known."""
        from ..ledger.heartbeats import live_slots

        try:
            return live_slots(self._engine, self.silent)
        except OAError as error:
            log.warning("no run starts, as the live workers are not known: %s", error)
            return 0

    @property
    def _dedicated_most(self) -> int:
        """How many runs may have an instance of their own, beside the workers' slots."""
        return int(getattr(self._instance.run_launcher, "dedicated_most", 0)) if self.has_instance else 0

    def _limits(self, slots: int) -> list[dict[str, Any]]:
        # Of a single slot none can be kept, or nothing but pull requests would ever run.
        shared = max(1, slots - self.pull_request_slots)
        return [
            {"key": SHARED_TAG, "limit": shared},
            {"key": HOST_TAG, "value": {"applyLimitPerUniqueValue": True}, "limit": self.runs_per_host},
            # What is published goes on, however many pull requests come from somebody at once.
            {"key": AUTHOR_TAG, "value": {"applyLimitPerUniqueValue": True}, "limit": max(1, slots // 2)},
        ]

    def submit_run(self, context: private.SubmitRunContext) -> DagsterRun:
        """Puts a run into the queue, with the tags by which its turn is decided, whoever launched it."""
        run = context.dagster_run
        missing = {name: value for name, value in self._tags(run).items() if name not in run.tags}
        if missing:
            self._instance.add_run_tags(run.run_id, missing)
        return super().submit_run(context)

    def _tags(self, run: DagsterRun) -> dict[str, str]:
        kind = run.tags.get(KIND_TAG) or (BATCH if {BACKFILL_TAG, SET_TAG} & run.tags.keys() else PERSON)
        tags = {KIND_TAG: kind, **self._longest(run, kind)}
        key = run.tags.get(PARTITION_TAG)
        whose = run.tags.get(WORKER_TAG) or (DEDICATED if key and kind != PULL_REQUEST and self._huge(key) else POOL)
        if self._dedicated_most:
            tags[WORKER_TAG] = whose
        if kind != PULL_REQUEST and not (self._dedicated_most and whose == DEDICATED):
            tags[SHARED_TAG] = "shared"
        host = self._host(key) if key and HOST_TAG not in run.tags else ""
        return {**tags, HOST_TAG: host} if host else tags

    def _longest(self, run: DagsterRun, kind: str) -> dict[str, str]:
        """When run monitoring ends a data source's run: a little after it should have ended itself."""
        if PARTITION_TAG not in run.tags:
            return {}
        deadline = deadline_of(Settings.from_env(), pull_request=kind == PULL_REQUEST)
        if deadline == deadline_of(Settings(), pull_request=False):
            return {}  # dagster.yaml has it
        return {LONGEST_TAG: str(int(deadline.seconds) + MARGIN)}

    def _huge(self, key: str) -> bool:
        """Whether the data source's last download was too big for a slot among others."""
        limit = Settings.from_env().ec2_huge_mib
        if not limit or not self._dedicated_most:
            return False
        from ..ledger.queries import latest_good_runs

        try:
            found = latest_good_runs(self._engine, [key]).get(key)
        except OAError as error:
            log.warning("the run of %s is queued as one of usual size: %s", key, error)
            return False
        return found is not None and (found["cache_size"] or 0) > limit * MIB

    def _host(self, key: str) -> str:
        """The host that a data source is downloaded from; empty where it is not known or there is none."""
        from ..ledger.partitions import declared

        try:
            found = declared(self._engine, key)
        except OAError as error:
            log.warning("the run of %s is queued without its host: %s", key, error)
            return ""
        return host_of(found.declared.get("data")) if found is not None else ""
