"""Feeds the open set into Dagster's queue in drips, and sees how far it has come.

Nothing is remembered between two looks but in the ledger: a look that was broken off, anywhere, is made good by the
next one. A Dagster run is asked for under the same run key until it is there, so none is made twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dagster import DagsterRunStatus, RunRecord, RunRequest, RunsFilter

from ..assets.source import PARTITIONS
from ..ledger import members, sets
from ..ledger.clock import passed
from ..ledger.members import Ended
from ..ledger.reading import Row
from ..ledger.sets import Tally
from ..ledger.tables import Outcome, RunStatus, SetStatus, Step
from ..orchestration.tags import (
    BATCH,
    BATCH_PRIORITY,
    HOST_TAG,
    KIND_TAG,
    PARTITION_TAG,
    PRIORITY_TAG,
    RUN_KEY_TAG,
    SET_TAG,
)
from .capacity import Capacity, batch_runs_waiting
from .partitions import IN_PROGRESS, in_use
from .progress import conclusion

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from sqlalchemy import Engine

JOB, PROBE_JOB = "process", "probe"
PATIENCE = timedelta(seconds=60)  # until a Dagster run that was asked for is asked for again
TRIES = 2  # Dagster runs of a member whose process goes away
AHEAD = 2  # so many runs wait in the queue for each slot
BLOCK = 500  # members that one probe run takes up
SPARE_PROBES = 10  # runs for probing beyond twice the needed ones, before members are run unasked
LAUNCHED_BY_NOBODY = {DagsterRunStatus.NOT_STARTED}
WAITING = {DagsterRunStatus.QUEUED}


@dataclass
class Feeding:
    """One look at one open set."""

    instance: DagsterInstance
    engine: Engine
    row: Row
    capacity: Capacity
    now: datetime
    waiting: Counter[str] = field(default_factory=Counter)  # runs of the set that wait, by host
    unseen: int = 0  # of them, those that Dagster does not know yet

    @property
    def number(self) -> int:
        """The set's."""
        return int(self.row["id"])

    # ---- what has become of what was asked for ------------------------------------------------------------

    def reconcile(self) -> list[RunRequest]:
        """Ends the members whose Dagster runs have ended; gives the requests that came to nothing, once more."""
        held = members.queued(self.engine, self.number)
        if not held:
            return []
        seen = self._seen(held)
        over = {one["key"]: seen[one["key"]] for one in held if _is_over(seen.get(one["key"]))}
        self._end(over, {one["key"]: one["tries"] for one in held})
        again = []
        for one in held:
            record = seen.get(one["key"])
            status = record.dagster_run.status if record else None
            if status is None or status in LAUNCHED_BY_NOBODY:
                self.unseen += 1
                if passed(one["moved_at"], self.now, PATIENCE):
                    again.append(one)
            if status is None or status in LAUNCHED_BY_NOBODY | WAITING:
                self.waiting[one["host"]] += 1
        known = self._known([one["key"] for one in again])
        members.asked_again(self.engine, self.number, known, now=self.now)
        return [self._request(one["key"], one["host"], one["tries"]) for one in again if one["key"] in known]

    def _seen(self, held: Sequence[Row]) -> dict[str, RunRecord]:
        """Dagster's newest run of each member's last try, or a person's re-execution of one."""
        wanted = {one["key"]: self._run_key(one["key"], one["tries"]) for one in held}
        asked = RunsFilter(tags={SET_TAG: str(self.number), PARTITION_TAG: list(wanted)})
        found: dict[str, RunRecord] = {}
        for record in sorted(self.instance.get_run_records(asked), key=lambda record: record.storage_id):
            run = record.dagster_run
            key = run.tags[PARTITION_TAG]
            if run.parent_run_id or run.tags.get(RUN_KEY_TAG) == wanted[key]:
                found[key] = record
        return found

    def _end(self, over: Mapping[str, RunRecord], tries: Mapping[str, int]) -> None:
        results = members.runs_of(self.engine, [record.dagster_run.run_id for record in over.values()])
        ended, lost = [], []
        for key, record in over.items():
            row = results.get(record.dagster_run.run_id)
            if row is not None and row["status"] == RunStatus.RUNNING:
                continue  # its process went away; the ledger is told of it within a minute
            one = ending(key, record, row)
            if one.outcome is Outcome.LOST and tries[key] < TRIES:
                lost.append(key)
            else:
                ended.append(one)
        members.another_try(self.engine, self.number, lost, "its first run was lost", now=self.now)
        members.end(self.engine, self.number, ended, now=self.now)

    def release_probes(self) -> int:
        """Gives up the probing of Dagster runs that have ended; how many members are being probed."""
        probing = members.probed_by(self.engine, self.number)
        dead = [run_id for run_id in probing if _gone(self.instance, run_id)]
        if dead:
            members.release(self.engine, self.number, dead, now=self.now)
        return sum(count for run_id, count in probing.items() if run_id not in dead)

    # ---- what is asked for next ---------------------------------------------------------------------------

    def drip(self) -> list[RunRequest]:
        """As many runs as leave few waiting, at most so many of a host as it gets at a time."""
        room = AHEAD * self.capacity.slots - batch_runs_waiting(self.instance) - self.unseen
        if room <= 0:
            return []
        limit = self.capacity.of_a_host
        candidates = members.next_due(self.engine, self.number, of_a_host=limit, limit=4 * room + 100)
        keys = [one["key"] for one in candidates]
        if not keys:
            return []
        known, busy = self._known(keys), in_use(self.instance)(keys)
        free = [one for one in candidates if one["key"] in known and one["key"] not in busy]
        chosen = choose(free, room=room, waiting=self.waiting, of_a_host=limit)
        hosts = {one["key"]: one["host"] for one in candidates}
        tries = members.queue(self.engine, self.number, chosen, now=self.now)
        return [self._request(key, hosts[key], tries[key]) for key in chosen if key in tries]

    def _known(self, keys: Collection[str]) -> set[str]:
        """Those that are partitions; the others left the source repository, and end."""
        known = {key for key in keys if self.instance.has_dynamic_partition(PARTITIONS, key)}
        gone = [Ended(key, Outcome.REMOVED, detail="left the source repository") for key in keys if key not in known]
        if gone:
            members.end(self.engine, self.number, gone, now=self.now)
        return known

    def probe(self, tally: Tally, probing: int) -> list[RunRequest]:
        """A run that asks the next publishers, once nobody is being asked and few members are due."""
        left = tally.steps.get(Step.WAITING, 0)
        plenty = max(50, 2 * AHEAD * self.capacity.slots)
        if not left or probing or not self.capacity.slots or tally.steps.get(Step.CHANGED, 0) >= plenty:
            return []
        ours = {SET_TAG: str(self.number)}
        if self.instance.get_runs_count(RunsFilter(job_name=PROBE_JOB, tags=ours, statuses=IN_PROGRESS)):
            return []
        before = self.instance.get_runs_count(RunsFilter(job_name=PROBE_JOB, tags=ours))
        if before >= 2 * -(-tally.members // BLOCK) + SPARE_PROBES:
            members.probe_none(self.engine, self.number, now=self.now)
            return []
        tags = {KIND_TAG: BATCH, PRIORITY_TAG: BATCH_PRIORITY, **ours}
        return [RunRequest(run_key=f"set/{self.number}/probe/{before}", job_name=PROBE_JOB, tags=tags)]

    def _run_key(self, key: str, tries: int) -> str:
        return f"set/{self.number}/{key}/{tries}"

    def _request(self, key: str, host: str, tries: int) -> RunRequest:
        tags = {KIND_TAG: BATCH, PRIORITY_TAG: BATCH_PRIORITY, SET_TAG: str(self.number)}
        force = {"ops": {"source": {"config": {"force": True}}}} if self.row["force"] else None
        return RunRequest(
            run_key=self._run_key(key, tries),
            job_name=JOB,
            partition_key=key,
            run_config=force,
            tags={**tags, HOST_TAG: host} if host else tags,
        )

    # ---- the end ------------------------------------------------------------------------------------------

    def conclude(self, tally: Tally) -> bool:
        """Ends the set where all members have, or its time is over; whether it ended."""
        complete = tally.ended == tally.members
        if not complete and self.now < self.row["deadline_at"]:
            return False
        status = SetStatus.COMPLETE if complete else SetStatus.INCOMPLETE
        stop_set(self.instance, self.engine, self.number, status, now=self.now)
        return True


def feed_set(feeding: Feeding) -> list[RunRequest]:
    """All that one look does for the open set; the runs that it asks for."""
    if feeding.conclude(sets.tally(feeding.engine, feeding.number)):
        return []
    again = feeding.reconcile()
    probing = feeding.release_probes()
    dripped = feeding.drip()
    tally = sets.tally(feeding.engine, feeding.number)
    if feeding.conclude(tally):
        return []
    return [*again, *dripped, *feeding.probe(tally, probing)]


def choose(candidates: Iterable[Row], *, room: int, waiting: Mapping[str, int], of_a_host: int) -> list[str]:
    """The first keys, at most `room`, with no host having more than `of_a_host` of those and of the ones that wait."""
    held = Counter(waiting)
    chosen: list[str] = []
    for one in candidates:
        if len(chosen) >= room:
            break
        if one["host"] and held[one["host"]] >= of_a_host:
            continue
        held[one["host"]] += 1
        chosen.append(one["key"])
    return chosen


def ending(key: str, record: RunRecord, row: Row | None) -> Ended:
    """How a member ended whose Dagster run has; `row`: the ledger's run of it, None where there is none."""
    run_id, status = record.dagster_run.run_id, record.dagster_run.status
    if row is not None:
        return Ended(key, members.outcome_of(row), row["id"], run_id)
    if status is DagsterRunStatus.CANCELED:
        return Ended(key, Outcome.CANCELLED, None, run_id, "cancelled before it began")
    return Ended(key, Outcome.LOST, None, run_id, "Dagster's run ended before it began")


def stop_set(
    instance: DagsterInstance, engine: Engine, number: int, status: SetStatus, *, why: str = "", now: datetime
) -> bool:
    """Ends the set, and takes its runs out of the queue; those at work go on. False where it had ended before."""
    tally = sets.tally(engine, number)
    detail = conclusion(engine, number, tally, status, why)
    done = sets.end_set(engine, number, status, detail=detail, counts=tally.as_json(), now=now)
    cancel_queued(instance, number)
    return done


def cancel_queued(instance: DagsterInstance, number: int) -> int:
    """Takes the runs of a set out of the queue; how many they were."""
    found = instance.get_runs(RunsFilter(tags={SET_TAG: str(number)}, statuses=[DagsterRunStatus.QUEUED]))
    for run in found:
        instance.run_coordinator.cancel_run(run.run_id)
    return len(found)


def _is_over(record: RunRecord | None) -> bool:
    return record is not None and record.dagster_run.is_finished


def _gone(instance: DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is None or run.is_finished
