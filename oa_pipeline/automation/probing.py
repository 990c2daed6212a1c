"""Asks publishers whether anything has changed, many at once and none more than it bears, before runs are launched.

What is unchanged is recorded there and then: a run in the ledger that copies the last good one, and a materialization
in Dagster with the same data version. All else is left to a run of its own.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..assets.runless import tell_unchanged
from ..errors import OAError
from ..fetch import Budget, Guard, Hosts
from ..ledger import members, queries
from ..ledger.copies import Basis, record_copy
from ..ledger.partitions import Declared, declared_ones
from ..ledger.runs import Opening
from ..orchestration import endings
from ..orchestration.redrawn import lacking
from ..orchestration.unchanged import publisher_says_unchanged, reusable
from ..orchestration.version import code_version
from ..process.steps import guard_of
from ..sources.hosts import host_of
from ..sources.parse import parse_declared
from .feed import BLOCK

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from ..orchestration.workplace import Workplace
    from ..publish.store import Store
    from ..sources.model import DataSource

AT_ONCE = 32  # publishers
FLUSH = 25  # members that are due are told in groups
SAID_EVERY = 100
TROUBLES = 5  # that are told
# A publisher that does not answer soon is asked by the run, which has hours.
BUDGET = Budget(bytes=16 * 1024 * 1024, seconds=30.0, connect_seconds=10.0, read_seconds=15.0, attempts=2, requests=30)
SLOW = 20.0  # seconds without a proof, after which the others of that host are not asked


@dataclass(frozen=True, slots=True)
class Candidate:
    """A data source with the good run that it may still be like."""

    data_source: DataSource
    last: queries.Row


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of a block. `asked`: publishers; the others were due without asking."""

    taken: int = 0
    asked: int = 0
    unchanged: int = 0
    due: int = 0

    def __str__(self) -> str:
        return f"{self.taken:,} data sources: {self.asked:,} asked, {self.unchanged:,} unchanged, {self.due:,} due"


class Probing:
    """One Dagster run's block of one set."""

    def __init__(
        self,
        workplace: Workplace,
        instance: DagsterInstance,
        number: int,
        dagster_run_id: str,
        *,
        say: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`number` is the set's; `say` gets a few lines about how it goes."""
        self.engine, self.store = workplace.ledger(), workplace.store()
        self.instance, self.number, self.run_id = instance, number, dagster_run_id
        self.settings, self.hosts = workplace.settings, workplace.hosts
        self.guard = guard_of(self.settings)
        self.say, self.now = say, now
        self.done = Probed()
        self._due: list[str] = []

    def block(self, limit: int = BLOCK) -> Probed:
        """Takes up the next members and sees each of them to its end, or notes that it is due.

        However this is left, nothing stays taken up: what was not finished is taken up again by another run.
        """
        members.release(self.engine, self.number, [self.run_id], now=self.now())  # an earlier attempt's of this run
        try:
            keys = members.claim(self.engine, self.number, self.run_id, limit, now=self.now())
            self.done = Probed(taken=len(keys))
            candidates = self._candidates(keys)
            for key in keys:
                if key not in candidates:
                    self._is_due(key)
            asking = Asking(candidates, self.store, self.guard, self.hosts)
            with contextlib.closing(asking.answers()) as answers:
                for key, unchanged in answers:
                    self._take(candidates[key], unchanged)
            self._flush()
            for trouble in asking.troubles[:TROUBLES]:
                self.say(trouble)
            return self.done
        finally:
            members.release(self.engine, self.number, [self.run_id], now=self.now())

    def _candidates(self, keys: Sequence[str]) -> dict[str, Candidate]:
        """Those with a good run of the same declaration and code, and all its maps; the others need a run anyway."""
        latest = queries.latest_good_runs(self.engine, keys)
        found = {}
        for held in declared_ones(self.engine, keys):
            last = latest.get(held.key)
            if last is None or (last["digest"], last["code_version"]) != (held.digest, code_version()):
                continue
            if lacking(last, self.settings):
                continue
            with contextlib.suppress(OAError):  # its run says what is wrong with it
                found[held.key] = Candidate(parsed(held), last)
        return found

    def _take(self, one: Candidate, unchanged: bool) -> None:
        self.done = replace(self.done, asked=self.done.asked + 1)
        if not (unchanged and self._record(one)):
            self._is_due(one.data_source.key)
        if self.done.asked % SAID_EVERY == 0:
            self.say(str(self.done))

    def _record(self, one: Candidate) -> bool:
        """Records that nothing has changed; False where a run is to look after all."""
        now, key = self.now(), one.data_source.key
        opening = Opening(key, self.run_id, code_version=code_version(), set_id=self.number)
        ending = endings.same_as(one.last, None, now)
        basis = Basis(one.last["id"], one.data_source.digest)
        number = record_copy(self.engine, opening, basis, ending, now=now)
        if number is None:
            return False
        self.done = replace(self.done, unchanged=self.done.unchanged + 1)
        tell_unchanged(self.instance, key, number, ending, set=self.number)
        return True

    def _is_due(self, key: str) -> None:
        self.done = replace(self.done, due=self.done.due + 1)
        self._due.append(key)
        if len(self._due) >= FLUSH:
            self._flush()

    def _flush(self) -> None:
        if self._due:
            members.due(self.engine, self.number, self._due, self.run_id, now=self.now())
            self._due.clear()


def parsed(held: Declared) -> DataSource:
    """The data source, with the digest by which the ledger knows it."""
    one = parse_declared(held.declared, held.coverage, held.source, held.layer, first=held.first)
    return replace(one, digest=held.digest)


class Asking:
    """The publishers' answers, in whatever order they come.

    Each host has a queue of its own and as many threads as it gets requests at a time, so that a slow one holds up
    nobody else.
    """

    def __init__(self, candidates: Mapping[str, Candidate], store: Store, guard: Guard, hosts: Hosts) -> None:
        self._lanes: dict[str, deque[Candidate]] = defaultdict(deque)
        for one in candidates.values():
            self._lanes[host_of(one.data_source.data)].append(one)
        self._count = len(candidates)
        self._store, self._guard, self._hosts = store, guard, hosts
        self._answers: queue.SimpleQueue[tuple[str, bool]] = queue.SimpleQueue()
        self._silent: set[str] = set()
        self._stopping = threading.Event()
        self.troubles: list[str] = []  # of ours, by which a data source was not asked about

    def answers(self) -> Generator[tuple[str, bool], None, None]:
        """Key and whether nothing has changed, once for each. Closing it early asks nobody any more."""
        pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="probe")
        try:
            for host in sorted(self._lanes, key=lambda host: -len(self._lanes[host])):
                for _ in range(min(self._hosts.limit(host), len(self._lanes[host]))):
                    pool.submit(self._lane, host)
            for _ in range(self._count):
                yield self._answers.get()
        finally:
            self._stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def _lane(self, host: str) -> None:
        lane = self._lanes[host]
        while not self._stopping.is_set():
            try:
                one = lane.popleft()
            except IndexError:
                return
            self._answers.put((one.data_source.key, self._unchanged(host, one)))

    def _unchanged(self, host: str, one: Candidate) -> bool:
        try:
            if host in self._silent or not reusable(one.last, one.data_source, self._store):
                return False
            began = time.monotonic()
            unchanged = publisher_says_unchanged(
                one.data_source, one.last, budget=BUDGET, guard=self._guard, hosts=self._hosts
            )
            if host and not unchanged and time.monotonic() - began > SLOW:
                self._silent.add(host)
            return unchanged
        except Exception as error:
            # The store's trouble, say. Nobody else is held up by it, and the run that follows has the words for it.
            self.troubles.append(f"{one.data_source.key} could not be asked about: {type(error).__name__}: {error}")
            return False
