"""The run launcher: a run that Dagster launches becomes an assignment in the ledger, for a worker to take.

Dagster's run monitoring fails or resumes a run on one bad answer about its worker, so none is given that is not known
to be true: who cannot see says that the worker runs.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dagster import DagsterRun, Field, IntSource, StringSource

from ..errors import OAError, PublishError, SettingsError
from ..settings import Settings
from . import dagster_private as private
from .launching.health import described, judged, running
from .storage import database_url
from .tags import DEDICATED, WORKER_TAG

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from ..aws.instances import State, Watch
    from ..ledger.assignments import Assignment, Standing
    from ..ledger.clock import Steadiness

SILENT_SECONDS = 60  # three beats of a worker
PRIORITY_TAG = "dagster/priority"
LOCAL, EC2 = "local", "ec2"
MODES = (LOCAL, EC2)
log = logging.getLogger(__name__)


class Ec2RunLauncher(private.RunLauncher, private.ConfigurableClass):
    """The `run_launcher` class of dagster.yaml."""

    def __init__(
        self,
        mode: str = "local",
        heartbeat_timeout_seconds: int = SILENT_SECONDS,
        inst_data: private.ConfigurableClassData | None = None,
    ) -> None:
        """`heartbeat_timeout_seconds`: how long a worker may be silent before its runs are given up."""
        if mode not in MODES:
            raise SettingsError(f"run_launcher: there is no mode {mode!r}", cure=f"use one of {', '.join(MODES)}")
        self._inst_data = inst_data
        self.mode = mode
        self.heartbeat_timeout_seconds = heartbeat_timeout_seconds
        self._blind_until = 0.0
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> private.ConfigurableClassData | None:
        """Where it was configured."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Field]:
        """What may stand below `config:`."""
        return {
            "mode": Field(
                StringSource,
                is_required=False,
                default_value="local",
                description="where workers come from; 'local': whoever starts `oa worker`; 'ec2': instances too, "
                "of the pool or, where OA_EC2_LAUNCH_TEMPLATE is set, of a run's own",
            ),
            "heartbeat_timeout_seconds": Field(
                IntSource,
                is_required=False,
                default_value=SILENT_SECONDS,
                description="a worker silent for longer is lost, and its runs are resumed or failed",
            ),
        }

    @classmethod
    def from_config_value(
        cls, inst_data: private.ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Ec2RunLauncher:
        """Made by Dagster from dagster.yaml."""
        return cls(inst_data=inst_data, **config_value)

    @cached_property
    def _engine(self) -> Engine:
        from ..ledger.engine import ledger_engine

        return ledger_engine(database_url())

    @cached_property
    def _settings(self) -> Settings:
        return Settings.from_env()

    @cached_property
    def _watch(self) -> Watch:
        from ..aws.instances import Watch
        from ..ledger.machines import named

        return Watch(lambda: named(self._engine))

    @cached_property
    def _steadiness(self) -> Steadiness:
        from ..ledger.clock import steadiness

        return steadiness(self._engine)

    @property
    def dedicated_most(self) -> int:
        """How many runs may have instances of their own at once; 0 where none gets one."""
        return self._settings.ec2_dedicated_most if self.mode == EC2 and self._settings.ec2_launch_template else 0

    def launch_run(self, context: private.LaunchRunContext) -> None:
        """Offers the run to the workers. A second call for the same run does nothing."""
        self._offer(context.dagster_run, 0)

    @property
    def supports_resume_run(self) -> bool:
        """A run whose worker was lost goes on under its own id."""
        return True

    def resume_run(self, context: private.ResumeRunContext) -> None:
        """Offers the next attempt; what the former one may still do is refused by the ledger."""
        self._offer(context.dagster_run, context.resume_attempt_number or 1)

    def _offer(self, run: DagsterRun, attempt: int) -> None:
        from ..ledger.assignments import Assignment, offer

        assignment = Assignment(run.run_id, attempt)
        dedicated = bool(self.dedicated_most) and run.tags.get(WORKER_TAG) == DEDICATED
        offer(self._engine, assignment, priority=priority(run), dedicated=dedicated)
        if dedicated:
            self._provide(run, assignment)

    def _provide(self, run: DagsterRun, assignment: Assignment) -> None:
        """Asks for the run's instance. What is throttled or not to be had now is asked for again by `oa capacity`."""
        from ..aws.clients import CloudFault
        from ..ledger.assignments import withdraw
        from .launching.dedicated import provide

        try:
            number = provide(self._engine, self._instance, self._settings, run, assignment)
        except CloudFault as error:
            if not error.passing:
                withdraw(self._engine, run.run_id)
                raise
            log.warning("run %s has no instance yet: %s", run.run_id, error)
            self._instance.report_engine_event(f"No instance yet, it is asked for again: {error}", run)
        else:
            self._instance.report_engine_event(f"Instance {number} is for attempt {assignment.attempt}.", run)

    def terminate(self, run_id: str) -> bool:
        """Asks for the run to end: its worker sees CANCELING and interrupts it. False where nobody has it."""
        from ..ledger.assignments import standing, withdraw
        from ..ledger.tables import Stage

        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        if withdraw(self._engine, run_id):
            self._end_instance(run_id)
            self._instance.report_run_canceled(run, "Cancelled before a worker took it.")
            return True
        found = standing(self._engine, run_id)
        if found is None or found.stage is not Stage.TAKEN:
            return False
        self._wake_workers()
        return True

    def _end_instance(self, run_id: str) -> None:
        """Ends the instance that a run no longer needs; should it not be done, `oa capacity` does it."""
        from ..ledger.assignments import standing

        found = standing(self._engine, run_id)
        if found is None or not found.dedicated or not found.instance:
            return
        from ..aws import instances

        try:
            instances.end(found.instance)
        except OAError as error:
            log.warning("the instance of run %s ends later: %s", run_id, error)

    def _wake_workers(self) -> None:
        from ..ledger.bell import ring
        from ..ledger.engine import in_transaction

        in_transaction(self._engine, ring)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring may ask."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> private.CheckRunHealthResult:
        """How the worker of a started run is. RUNNING wherever that cannot be seen."""
        try:
            found = self._standing(run.run_id)
        except OAError as error:
            # Whoever was silent meanwhile may have been as blind as we are: it gets as long to be heard again.
            self._blind_until = time.monotonic() + self.heartbeat_timeout_seconds
            return running(f"the ledger cannot be asked: {error}")
        if found is None:
            return running("no assignment is known; it was not launched here")
        if self._clock_jumped():
            self._blind_until = time.monotonic() + self.heartbeat_timeout_seconds
        excused = time.monotonic() < self._blind_until
        return judged(found, self.heartbeat_timeout_seconds, excused=excused, state=self._state(found))

    def _clock_jumped(self) -> bool:
        """Whether all workers are silent because the clock that says so has been set."""
        try:
            return self._steadiness.shaken(timedelta(seconds=self.heartbeat_timeout_seconds))
        except OAError:
            return True  # who cannot see excuses

    def _state(self, found: Standing) -> State | None:
        """How EC2 says that the run's instance is; None where there is none, or EC2 does not say."""
        if self.mode != EC2 or not found.instance:
            return None
        try:
            return self._watch.state(found.instance)
        except OAError as error:
            log.warning("EC2 does not say how instances are: %s", error)
            return None

    def get_run_worker_debug_info(self, run: DagsterRun, include_container_logs: bool | None = True) -> str | None:
        """What is known of the run's worker, for the message that ends a run."""
        try:
            found = self._standing(run.run_id)
        except OAError as error:
            return f"The ledger cannot be asked: {error}"
        return None if found is None else described(found, self._state(found))

    def _standing(self, run_id: str) -> Standing | None:
        from ..ledger.assignments import standing

        try:
            return standing(self._engine, run_id)
        except OAError:
            raise
        except Exception as error:  # a driver's error that the ledger does not know is blindness all the same
            raise PublishError(f"{type(error).__name__}: {error}") from error


def priority(run: DagsterRun) -> int:
    """Dagster's priority of a run; 0 where it is none."""
    try:
        return int(run.tags.get(PRIORITY_TAG, "0"))
    except ValueError:
        return 0
