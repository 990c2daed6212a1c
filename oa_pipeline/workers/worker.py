"""The worker: takes launched runs, has them carried out, and sees to it that each ends once.

One thread and one loop. It talks to the ledger and to Dagster's storage; the children are forked by another process.
"""

from __future__ import annotations

import logging
import os
import secrets
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..crash import point
from ..errors import OAError
from ..ledger import assignments, heartbeats
from ..ledger.assignments import Assignment
from ..ledger.bell import Bell
from ..ledger.clock import steadiness
from .again import tried_again
from .code import fingerprint
from .endings import Ended, rescue, settle
from .host import Host
from .parents import Child, Parent
from .room import Room
from .signals import Told
from .usage import used

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from sqlalchemy import Engine

log = logging.getLogger(__name__)
LOOK_SECONDS = 2.0  # between looks for runs that are to end
POLL_SECONDS = 5.0  # between looks for runs to take, should nobody ring
AGAIN_SECONDS = 1.0  # until what failed is tried again
HOUSEKEEPING_SECONDS = 3600.0
LAST_WORDS_SECONDS = 15.0  # for the ends of runs to be written once the last child is gone
STILLBORN = 3  # parents that did not come up, one after the other, before the worker gives up


@dataclass(frozen=True, slots=True)
class Plan:
    """How a worker works: in seconds, but for `slots` (runs at once) and `recycle` (runs forked from one parent).

    `module` is Dagster's code location, `preload` are libraries that runs need and it does not import.
    """

    slots: int = 2
    module: str = "oa_pipeline.definitions"
    preload: tuple[str, ...] = ()
    beat: float = 20.0
    silent: float = 60.0
    drain: float = 90.0  # an interruption notice gives two minutes
    grace: float = 30.0
    recycle: int = 500
    folder: Path = Path()  # what runs work in; while its disk has less than `least_free_mib` nothing is taken
    least_free_mib: int = 0


@dataclass(slots=True)
class Clock:
    """When what is due again."""

    now: Callable[[], float] = time.monotonic
    due: dict[str, float] = field(default_factory=dict)

    def strikes(self, what: str, every: float) -> bool:
        """Whether it is time; then the next time is so many seconds away."""
        now = self.now()
        if now < self.due.get(what, 0.0):
            return False
        self.due[what] = now + every
        return True

    def put_off(self, what: str, seconds: float) -> None:
        """It is time in so many seconds, and not before."""
        self.due[what] = self.now() + seconds

    def hasten(self, what: str) -> None:
        """It is time now."""
        self.due.pop(what, None)


class Worker:
    """One worker from its start to its end."""

    def __init__(self, plan: Plan, engine: Engine, instance: DagsterInstance, host: Host | None = None) -> None:
        """`run` does the work. `host`: the machine, where it has duties."""
        self.plan, self.engine, self.instance, self.host = plan, engine, instance, host or Host()
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.children: dict[Assignment, Child] = {}
        self._parents: list[Parent] = []
        self._unsettled: dict[Assignment, Ended] = {}
        self._bell = Bell(engine)
        self._clock = Clock()
        self._drain_until: float | None = None
        self._stillborn, self._was_ready = 0, False
        self._unusable = ""
        self._room, self._told_full = Room(plan.folder, plan.least_free_mib), False

    def run(self, told: Told) -> int:
        """Works until it is told to end, and has drained. 0; 1 where no parent came up."""
        log.info("worker %s starts with %d slots", self.name, self.plan.slots)
        try:
            while True:
                self._wait(told)
                self._hear()
                self.host.is_busy(bool(self.children or self._unsettled), able=self._parent is not None)
                if self._stillborn >= STILLBORN:
                    log.error("the code location %s cannot be loaded; its last words are above", self.plan.module)
                    return 1
                if told.times:
                    self._drain(told.times)
                    if self._drained():
                        return 0
                self._tend()
        finally:
            self._close()

    def _tend(self) -> None:
        """All that is due, each on its own: what fails is said and tried again, and the rest goes on."""
        self._renew()
        for what, every, do in (
            ("beat", self.plan.beat, self._beat),
            ("look", LOOK_SECONDS, self._look),
            ("settle", AGAIN_SECONDS, self._settle),
            ("take", POLL_SECONDS, self._take),
            ("housekeeping", HOUSEKEEPING_SECONDS, self._housekeeping),
        ):
            if self._clock.strikes(what, every):
                with tried_again(what, log, partial(self._clock.put_off, what, AGAIN_SECONDS)):
                    do()
        self._put_down()

    # parents

    @property
    def _parent(self) -> Parent | None:
        """The one that forks at present."""
        return next((p for p in reversed(self._parents) if p.ready and not p.retired and not p.gone), None)

    def _renew(self) -> None:
        """Sees to it that there is a parent with the installed code that has not forked too often."""
        current = self._parent
        coming = any(not p.ready and not p.gone for p in self._parents)
        if current is None:
            worn = True
        else:
            worn = current.forked >= self.plan.recycle
            if not worn and self._clock.strikes("code", self.plan.beat):
                worn = fingerprint() != current.code
        if current is not None and worn and fingerprint() == self._unusable:
            worn = False  # better the old code than none, until it changes again
        if worn and not coming and not self._draining:
            self._parents.append(Parent(self.plan.module, self.plan.preload))

    def _hear(self) -> None:
        for parent in list(self._parents):
            before = parent.ready
            parent.hear(self._on_message)
            if parent.ready and not before:
                self._was_ready, self._stillborn = True, 0
                for former in self._parents:
                    if former is not parent and former.ready and not former.retired:
                        former.retire()
                self._clock.hasten("beat")
                self._clock.hasten("take")
            if parent.gone:
                self._bury(parent)

    def _bury(self, parent: Parent) -> None:
        self._parents.remove(parent)
        parent.close()
        if not parent.ready and self._parent is not None:
            log.error("the code that is installed now cannot be loaded; going on with that of before")
            self._unusable = parent.code
        elif not parent.ready:
            # One that never worked will not at the next try; one that did may have been updated half way.
            self._stillborn += 1 if self._was_ready else STILLBORN
        for child in [c for c in self.children.values() if c.parent is parent]:
            self._ended(child.assignment, "its parent process ended")
        self._clock.hasten("beat")

    def _on_message(self, message: dict[str, Any]) -> None:
        assignment = Assignment(message["run"], message["attempt"])
        child = self.children.get(assignment)
        if child is None:
            return
        if message["is"] == "started":
            child.pid = message["pid"]
            return
        status, said = message["status"], message["said"]
        how = said or (f"killed by signal {-status}" if status < 0 else f"exit status {status}")
        if "cpu" in message:
            how += f", {message['cpu']:.1f} CPU seconds, {message['memory'] >> 20} MiB"
        self._ended(assignment, how)

    def _ended(self, assignment: Assignment, how: str) -> None:
        child = self.children.pop(assignment)
        if child.killed and self._draining:
            how = f"handed back by a worker that ends ({how})"
        self._unsettled[assignment] = Ended(assignment, how)
        self._clock.hasten("settle")

    # runs

    @property
    def _draining(self) -> bool:
        return self._drain_until is not None

    def _take(self) -> None:
        parent = self._parent
        free = self.plan.slots - len(self.children) - len(self._unsettled)
        if parent is None or free <= 0 or self._draining:
            return
        if self._room.full or self.host.resting:
            if not self._told_full:
                self._clock.hasten("beat")  # so that no more is launched for us
            return
        for assignment in assignments.take(self.engine, self.name, free, only=self.host.only):
            point("worker.taken")
            self.children[assignment] = parent.start(assignment)

    def _settle(self) -> None:
        for ended in list(self._unsettled.values()):
            settle(self.engine, self.instance, self.name, ended)
            del self._unsettled[ended.assignment]
            self._clock.hasten("take")

    def _look(self) -> None:
        """Interrupts the runs that Dagster wants to end, holds to have ended, or no longer knows."""
        from dagster import DagsterRunStatus, RunsFilter

        if not self.children:
            return
        found = self.instance.get_runs(RunsFilter(run_ids=[a.run_id for a in self.children]))
        known = {run.run_id: run for run in found}
        now = self._clock.now()
        for child in self.children.values():
            run = known.get(child.assignment.run_id)
            cancelled = run is not None and run.status is DagsterRunStatus.CANCELING
            over = run is None or run.is_finished or cancelled
            if not over or child.doomed_at is not None:
                continue
            # A run that has just ended by itself is leaving: it has until the next look.
            if cancelled or child.leaving:
                child.interrupt(now)
            child.leaving = True

    def _put_down(self) -> None:
        """Kills what did not heed being asked."""
        now = self._clock.now()
        for child in self.children.values():
            if child.doomed_at is not None and not child.killed and now >= child.doomed_at + self.plan.grace:
                child.kill(now)

    def _beat(self) -> None:
        parent = self._parent
        self._told_full = self._room.full or self.host.resting
        usage = {c.assignment.run_id: used(c.pid) for c in self.children.values() if c.pid}
        heartbeats.beat(
            self.engine,
            heartbeats.Beat(
                self.name,
                socket.gethostname(),
                os.getpid(),
                self.plan.slots,
                parent.version if parent else "",
                draining=self._draining or parent is None or self._told_full,
                usage=usage,
                instance=self.host.instance,
                dedicated=bool(self.host.only),
            ),
        )
        self._reconcile()
        silent = timedelta(seconds=self.plan.silent)
        if not steadiness(self.engine).shaken(silent):  # else the others are silent by the clock alone
            rescue(self.engine, self.instance, silent)
            heartbeats.bury(self.engine, silent)

    def _reconcile(self) -> None:
        """What we have and what the ledger says we have becomes the same: others may have given us up."""
        ours = assignments.held(self.engine, self.name)
        now = self._clock.now()
        for assignment, child in self.children.items():
            if assignment not in ours and not child.killed:
                log.warning("run %s was given to others; ending it here", assignment.run_id)
                child.kill(now)
        for assignment in ours - self.children.keys() - self._unsettled.keys():
            # Taken, but the answer was lost on its way.
            self._unsettled[assignment] = Ended(assignment, "it was taken and never started")

    def _housekeeping(self) -> None:
        assignments.forget_ended(self.engine)

    # the end

    def _drain(self, times: int) -> None:
        now = self._clock.now()
        if self._drain_until is None:
            log.info("worker %s drains: %d runs have %g seconds", self.name, len(self.children), self.plan.drain)
            self._drain_until = now + self.plan.drain
            self._clock.hasten("beat")
        if times > 1:
            self._drain_until = min(self._drain_until, now)
        if now >= self._drain_until:
            for child in self.children.values():
                if not child.killed:
                    child.kill(now)

    def _drained(self) -> bool:
        if self.children:
            return False
        assert self._drain_until is not None
        return not self._unsettled or self._clock.now() > self._drain_until + LAST_WORDS_SECONDS

    def _close(self) -> None:
        for parent in self._parents:
            parent.close()
        self._bell.close()
        try:
            heartbeats.leave(self.engine, self.name)
        except OAError as error:
            log.warning("the worker's row stays until others remove it: %s", error)
        log.info("worker %s has ended", self.name)

    def _wait(self, told: Told) -> None:
        """Until somebody says something or something is due."""
        now = self._clock.now()
        until = min([now + AGAIN_SECONDS, *(self._clock.due.get(w, now) for w in ("beat", "look"))])
        if self._unsettled:
            until = min(until, self._clock.due.get("settle", now))
        if "take" not in self._clock.due and self._parent is not None and not self._draining:
            until = now
        bell = self._bell.fileno()
        sources: list[int] = [told.fileno(), *(p.socket.fileno() for p in self._parents)]
        ready, _, _ = select.select([*sources, *([bell] if bell is not None else [])], [], [], max(0.0, until - now))
        told.quiet()
        listening = bell in ready or (bell is None and self._clock.strikes("bell", AGAIN_SECONDS))
        if listening and self._bell.heard():
            self._clock.hasten("take")
            self._clock.hasten("look")
