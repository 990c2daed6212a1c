"""The loop of `oa capacity`: metrics, the pool's size, instances of single runs, notices; each on its own.

Of several such loops one is in charge. What fails is said and tried again at the next round; a round whose facts are
not to be had changes nothing.
"""

from __future__ import annotations

import logging
import random
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ...aws import group as groups
from ...aws.telling import put_metrics, tell
from ...ledger.charge import Charge
from ...orchestration.launching import dedicated
from ..again import tried_again
from ..signals import Told
from . import facts
from .decision import Memory, Rules, decide, unheard
from .notices import NOBODY_SECONDS, Notices

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from sqlalchemy import Engine

    from ...settings import Settings

log = logging.getLogger(__name__)
ROUND_SECONDS = 30.0
CHARGE = "oa capacity"


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: between rounds, after which a worker is silent, and for which runs may wait while there is none."""

    round: float = ROUND_SECONDS
    silent: float = 60.0
    nobody: float = NOBODY_SECONDS


class Loop:
    """One process that sees to capacity."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        dagster: DagsterInstance,
        pace: Pace,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`run` does the work."""
        self._settings, self._engine, self._dagster, self._pace, self._clock = settings, engine, dagster, pace, clock
        self._silent = timedelta(seconds=pace.silent)
        self._charge = Charge(engine, CHARGE)
        self._memory = Memory()
        self._missing: dict[str, float] = {}
        self._was_in_charge: bool | None = None
        self._notices = Notices(engine, self._tell, nobody_seconds=pace.nobody)
        self._rules = Rules(
            slots=settings.ec2_slots,
            cooldown=settings.ec2_cooldown_seconds,
            patience=settings.ec2_patience_seconds,
            boot=settings.ec2_boot_seconds,
        )

    def run(self, told: Told) -> None:
        """Rounds, until it is told to end."""
        try:
            while not told.times:
                self.round()
                pause = self._pace.round * random.uniform(0.9, 1.1)  # noqa: S311 - so that many do not ask at once
                select.select([told.fileno()], [], [], pause)
                told.quiet()
        finally:
            self._charge.close()

    def round(self) -> bool:
        """Sees to everything once. False where another is in charge, or the facts were not to be had."""
        held = self._charge.held()
        if held is not self._was_in_charge:
            log.info("this process is in charge of capacity" if held else "another process is in charge of capacity")
            self._was_in_charge = held
        if not held:
            return False
        work: list[facts.Work] = []
        with tried_again("asking what waits", log):
            work.append(facts.work(self._dagster, self._engine, self._silent))
        for found in work:
            self._see_to(found)
        return bool(work)

    def _see_to(self, work: facts.Work) -> None:
        settings = self._settings
        log.info("%s", ", ".join(f"{name} {count}" for name, count in work.metrics().items()))
        if settings.cloudwatch_namespace:
            with tried_again("metrics", log):
                put_metrics(settings.cloudwatch_namespace, work.metrics())
        if settings.ec2_group:
            with tried_again("the pool's size", log):
                self._fit(work)
        if settings.ec2_launch_template:
            with tried_again("instances of single runs", log):
                dedicated.tend(self._engine, self._dagster, settings)
        with tried_again("notices", log):
            self._notices.look(work, self._clock())

    def _fit(self, work: facts.Work) -> None:
        now = self._clock()
        group = groups.look(self._settings.ec2_group)
        heard = facts.heard(self._engine, self._silent)
        elsewhere = facts.slots_elsewhere(self._engine, group, self._silent)
        demand = work.demand(elsewhere)
        decision, memory = decide(facts.pool(group, heard), demand, self._rules, self._memory, now)
        if decision.desired != group.desired:
            log.info("%s: from %d instances to %d: %s", group.name, group.desired, decision.desired, decision.why)
            groups.set_desired(group.name, decision.desired)
        self._memory = memory  # what was refused or throttled is decided anew
        silent = unheard(group.present, heard, self._missing, now, self._rules.boot)
        if silent:
            smaller = decision.desired == group.desired and self._one_less(work, elsewhere, group)
            log.warning("%s is ended: its worker has not been heard for %g seconds", silent, self._rules.boot)
            groups.end(silent, smaller=smaller)
            del self._missing[silent]

    def _one_less(self, work: facts.Work, elsewhere: int, group: groups.Group) -> bool:
        from .decision import Pool, bounds, instances

        demand = work.demand(elsewhere)
        floor, _ = bounds(Pool(group.least, group.most, group.desired, 0, 0), demand)
        return max(instances(demand.waiting, demand, self._rules), floor) < group.desired

    def _tell(self, subject: str, body: str) -> None:
        if self._settings.sns_topic:
            tell(self._settings.sns_topic, subject, body)
