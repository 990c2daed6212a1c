"""A worker's instance of EC2: it is protected while busy, watched for notices, and ended when it is of no more use.

All of that is a thread's work, as Amazon may take its time to answer and the worker's heart has to beat. The worker
never forks, so it may have threads.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..aws import group as groups
from ..aws.clients import CloudFault
from ..aws.instances import RUN_TAG
from ..aws.metadata import Identity, Metadata, NoMetadata
from ..errors import OAError
from .host import Host
from .signals import Told

if TYPE_CHECKING:
    from .logs import ShippedLog

log = logging.getLogger(__name__)
LOOK_SECONDS = 5.0  # between looks for notices: EC2 gives two minutes
AGAIN_SECONDS = 15.0  # until what Amazon did not do is asked for again
SETTLE_SECONDS = 10.0  # that the worker of a single run waits for it to be given back
STAY_SECONDS = 600.0  # for an instance that was told to end to do so


@dataclass(frozen=True, slots=True)
class Terms:
    """`group`: the instance's, empty where it is for one run. In seconds: without work until it ends, and for boot."""

    group: str
    idle: float
    boot: float = 600.0
    look: float = LOOK_SECONDS


@dataclass(slots=True)
class _Seen:
    """What the thread goes by."""

    busy: bool = False
    since: float = field(default_factory=lambda: time.monotonic())  # when it became busy or idle
    ever: bool = False  # whether it was busy at all


class Instance(Host):
    """This instance. `attend` starts seeing to it."""

    def __init__(self, metadata: Metadata, identity: Identity, terms: Terms, told: Told, *, only: str = "") -> None:
        """`told`: by it the worker is told to end."""
        self.instance, self.only = identity.instance, only
        self.leaving = ""  # why the instance is of no more use; the worker has been told to end
        self.log: ShippedLog | None = None
        self.needed: Callable[[], bool] = lambda: True  # whether runs wait; asked before the pool's last instance ends
        self._replace = False  # whether the group is to get another in its place
        self._doomed = False  # it ends whether we ask for that or not
        self._why, self._rested_at = "", 0
        self._metadata, self._terms, self._told = metadata, terms, told
        self._seen, self._rounds = _Seen(), 0
        self._protected = None if terms.group else False
        self._quiet_until = 0.0
        self._over, self._changed = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def attend(self) -> None:
        """Sees to it from now on."""
        self._over.clear()
        self._thread = threading.Thread(target=self._watch, name="instance", daemon=True)
        self._thread.start()

    def dismiss(self) -> None:
        """Sees to it no more."""
        self._over.set()
        self._changed.set()
        if self._thread is not None:
            self._thread.join(30)
        if self.log is not None:
            self.log.ship()

    def is_busy(self, busy: bool, *, able: bool = True) -> None:
        """The worker says whether it has runs; who is not able to have some yet does not idle."""
        self._rounds += 1
        if not busy and not able:
            self._seen.since = time.monotonic()
        if busy is not self._seen.busy:
            self._seen = _Seen(busy, ever=self._seen.ever or busy)
            self._changed.set()

    def end(self, told: Told) -> bool:
        """Ends the instance, and waits until it has. False where it is to live on: the group needs it."""
        if not self._terms.group:
            return True  # whoever started the worker shuts the machine down after it
        before = told.times
        try:
            groups.end(self.instance, smaller=not self._replace)
        except CloudFault as error:
            if not self._doomed:
                log.warning("the instance lives on: %s", error)
                return False
            log.info("the instance ends without us: %s", error)
        until = time.monotonic() + STAY_SECONDS
        while told.times == before and time.monotonic() < until:
            time.sleep(0.2)
        return True

    def stay(self, told: Told) -> None:
        """It is of use again."""
        told.times = 0
        # Why it was to be left comes last: till then the thread, which may look at any moment, leaves it no more.
        self._seen, self.resting, self.leaving = _Seen(), False, ""

    # the thread

    def _watch(self) -> None:
        while not self._over.is_set():
            for duty in (self._heed_notices, self._protect, self._leave_if_idle, self._ship):
                self._said(duty)
            self._changed.wait(self._terms.look if not self.resting else min(1.0, self._terms.look))
            self._changed.clear()

    def _said(self, duty: Callable[[], None]) -> None:
        try:
            duty()
        except NoMetadata as error:
            log.debug("%s", error)  # it may be away for a moment; the next look is in seconds
        except OAError as error:
            self._quiet_until = time.monotonic() + min(AGAIN_SECONDS, 3 * self._terms.look)
            log.warning("%s", error)
        except Exception:  # without its thread an instance is neither protected nor ever ended
            self._quiet_until = time.monotonic() + AGAIN_SECONDS
            log.exception("seeing to the instance failed, and is tried again")

    def _heed_notices(self) -> None:
        if self.leaving:
            return
        notice = self._metadata.notice()
        if notice is None:
            return
        if notice.urgent:
            self._why, self._replace, self._doomed = notice.what, True, True
            self._leave()
        elif not self.resting:
            self._rest(notice.what, replace=True)

    def _protect(self) -> None:
        busy = self._seen.busy
        if not self._terms.group or busy is self._protected or time.monotonic() < self._quiet_until:
            return
        groups.protect(self._terms.group, self.instance, busy)
        self._protected = busy

    def _leave_if_idle(self) -> None:
        rounds, seen = self._rounds, self._seen  # in this order: what is seen is of these rounds or of later ones
        if seen.busy or self.leaving or time.monotonic() < self._quiet_until:
            return
        if self.resting:
            if rounds >= self._rested_at + 2:  # else it may have taken a run that we have not heard of
                self._leave()
            return
        idle = time.monotonic() - seen.since
        if self.only:
            if idle >= (SETTLE_SECONDS if seen.ever else self._terms.boot):
                self._rest("its run has ended" if seen.ever else "its run never came", replace=False)
        elif idle >= self._terms.idle:
            self._rest_if_not_needed(idle)

    def _rest_if_not_needed(self, idle: float) -> None:
        group = groups.look(self._terms.group)
        if group.desired > max(group.least, 1) or (group.desired > group.least and not self.needed()):
            self._rest(f"it had nothing to do for {idle:.0f} seconds", replace=False)
        else:
            self._quiet_until = time.monotonic() + min(AGAIN_SECONDS, 3 * self._terms.look)

    def _rest(self, why: str, *, replace: bool) -> None:
        log.warning("no more runs are taken: %s", why)
        self._why, self._replace = why, replace
        self.resting = True
        self._rested_at = self._rounds  # last: who takes runs in a later round than this has read that it is to rest
        self._changed.set()

    def _leave(self) -> None:
        log.warning("instance %s is left: %s", self.instance, self._why)
        self.leaving = self._why
        self._told.hear(0, None)

    def _ship(self) -> None:
        if self.log is not None:
            self.log.ship_if_due()


def here(metadata: Metadata, terms: Terms, told: Told) -> Instance:
    """This instance; for one run where its tags say so. Raises NoMetadata."""
    identity = metadata.identity()
    only = metadata.tag(RUN_TAG)
    if only:
        terms = Terms("", terms.idle, terms.boot, terms.look)
    log.info("instance %s%s", identity.instance, f" is for run {only}" if only else "")
    return Instance(metadata, identity, terms, told, only=only)
