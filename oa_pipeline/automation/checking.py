"""Carries jobs forward: what they need is asked for, what has ended is noted, what they no longer need is stopped.

Nothing is remembered between two looks but in the ledger, and a Dagster run is asked for under the same run key until
it is there, so that none is made twice.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from dagster import DagsterRunStatus, RunRecord, RunRequest, RunsFilter

from ..assets.source import PARTITIONS
from ..errors import OAError
from ..github.jobs import end_in_error, refreshed
from ..github.statuses import standing
from ..ledger import jobs, queries
from ..ledger.clock import passed
from ..ledger.engine import in_transaction
from ..ledger.heartbeats import live_slots
from ..ledger.members import runs_of
from ..ledger.reading import Row
from ..ledger.reuse import Wanted, result_for_job
from ..ledger.tables import RunStatus
from ..orchestration.tags import (
    AUTHOR_TAG,
    JOB_TAG,
    KIND_TAG,
    PARTITION_TAG,
    PERSON,
    PRIORITY_TAG,
    PROPOSALS,
    PULL_REQUEST,
    PULL_REQUEST_PRIORITY,
    RUN_KEY_TAG,
)
from ..orchestration.version import code_version
from .partitions import IN_PROGRESS

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from sqlalchemy import Connection, Engine

    from ..settings import Settings

PROPOSED, PUBLISHED = "check", "process"  # Dagster's jobs
PATIENCE = timedelta(seconds=60)  # until a Dagster run that was asked for is asked for again
TRIES = 2  # Dagster runs of a member whose process goes away
MOST_REQUESTS = 20  # a look
MOST_REUSED = 200  # results a look
FEW = 8  # runs that an author may have in the queue or at work, however few workers there are
SILENCE = timedelta(seconds=60)  # of a worker whose slots do not count
LOST = "its run was lost, and the second one too"
CANCELLED = "its run was cancelled"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a data source of a job ended. `run_id`: the ledger's run that counts; None: there is none."""

    run_id: int | None
    reused: bool = False
    detail: str = ""
    dagster_run_id: str = ""


@dataclass
class Checking:
    """One look at all open jobs."""

    instance: DagsterInstance
    engine: Engine
    settings: Settings
    now: datetime
    requests: list[RunRequest] = field(default_factory=list)
    ended: int = 0  # data sources
    reused: int = 0  # of them
    stopped: int = 0  # runs
    _over: list[str] = field(default_factory=list)

    def look(self) -> list[RunRequest]:
        """All that is to be done now; the runs to ask Dagster for."""
        for job in jobs.unfinished(self.engine):
            self._stop(job)
        for job in jobs.overdue(self.engine, now=self.now):
            self._too_late(job)
        open_jobs = jobs.in_turns(self.engine)
        members = jobs.members_of(self.engine, [job["id"] for job in open_jobs])
        seen = self._seen([member for each in members.values() for member in each])
        room = self._room(open_jobs, members)
        for job in open_jobs:
            try:
                self._forward(job, members[job["id"]], seen, room)
            except OAError:
                raise  # the ledger's, which concerns them all
            except Exception:  # one that cannot be carried forward holds up no other
                log.exception("job %s could not be carried forward", job["id"])
        return self.requests

    def _forward(
        self, job: Row, members: Sequence[Row], seen: Mapping[tuple[str, str], RunRecord], room: Counter[str]
    ) -> None:
        wanted: list[Row] = []
        ended: dict[str, Ended] = {}
        for member in members:
            if member["ended_at"] is not None:
                continue
            record = seen.get((job["id"], member["partition"]))
            if record is None:
                end, ask = self._begin(job, member, room)
            elif record.dagster_run.is_finished:
                end, ask = self._end(member, record)
            else:
                continue
            if end is not None:
                ended[member["key"]] = end
            if ask and len(self.requests) + len(wanted) < MOST_REQUESTS:
                wanted.append(member)
                room[job["author"]] -= not member["tries"]
        if ended or standing(job, members) != job["status"]:
            self._note(job["id"], ended)
        if wanted:
            self._ask(job, wanted, seen)

    # what is there

    def _seen(self, members: Sequence[Row]) -> dict[tuple[str, str], RunRecord]:
        """By job and partition Dagster's run of the last try, or a person's re-execution of it."""
        asked = {(m["job_id"], m["partition"]): m for m in members if m["tries"] and m["ended_at"] is None}
        if not asked:
            return {}
        tags = {JOB_TAG: sorted({job for job, _ in asked}), PARTITION_TAG: sorted({key for _, key in asked})}
        found: dict[tuple[str, str], RunRecord] = {}
        for record in sorted(self.instance.get_run_records(RunsFilter(tags=tags)), key=lambda r: r.storage_id):
            run = record.dagster_run
            which = (run.tags[JOB_TAG], run.tags[PARTITION_TAG])
            member = asked.get(which)
            if member and (run.parent_run_id or run.tags.get(RUN_KEY_TAG) == _run_key(member, member["tries"])):
                found[which] = record
        self._over = [r.dagster_run.run_id for r in found.values() if r.dagster_run.is_finished]
        return found

    @cached_property
    def _results(self) -> dict[str, Row]:
        """The ledger's runs of the Dagster runs that are over."""
        return runs_of(self.engine, self._over)

    def _room(self, open_jobs: Sequence[Row], members: Mapping[str, Sequence[Row]]) -> Counter[str]:
        """By author, for how many more runs we may ask: of nobody more wait than keep the workers busy.

        Whoever comes after them waits for those only, not for all that one author wants.
        """
        most = max(FEW, 2 * live_slots(self.engine, SILENCE))
        room = Counter({job["author"]: most for job in open_jobs})
        for job in open_jobs:
            room[job["author"]] -= sum(1 for m in members[job["id"]] if m["tries"] and m["ended_at"] is None)
        return room

    # how data sources end

    def _begin(self, job: Row, member: Row, room: Counter[str]) -> tuple[Ended | None, bool]:
        """How a member that has no run ends without one, or whether one is to be asked for."""
        if member["tries"]:
            return None, passed(member["queued_at"], self.now, PATIENCE)
        if room[job["author"]] <= 0 or len(self.requests) >= MOST_REQUESTS or self.reused >= MOST_REUSED:
            return None, False
        found = self._reusable(job, member)
        self.reused += found is not None
        return found, found is None

    def _reusable(self, job: Row, member: Row) -> Ended | None:
        """An earlier result of the same file, shown instead of running it; not of what is to be published."""
        if member["pull_request"] is None or job["rerun"]:
            return None
        wanted = Wanted(member["blob_sha"], member["layer"], member["name"], code_version())
        found = result_for_job(self.engine, wanted, now=self.now)
        if found is None or found["digest"] != member["digest"]:
            return None
        return Ended(found["id"], reused=True)

    def _end(self, member: Row, record: RunRecord) -> tuple[Ended | None, bool]:
        """How a member ended whose Dagster run is over, or whether another is to be asked for; neither: not known yet.

        A run that was lost is tried again, unless a newer one took over: then what that makes is what counts.
        """
        run = record.dagster_run
        row = self._results.get(run.run_id)
        row = row and (self._successor(row) or row)
        if row is not None and row["status"] == RunStatus.RUNNING:
            return None, False  # else its process went away, and the ledger is told of that within a minute
        said = ""
        if run.status is DagsterRunStatus.CANCELED:
            said = CANCELLED
        elif row is None or row["status"] == RunStatus.LOST:
            if member["tries"] < TRIES:
                return None, True
            said = LOST
        return Ended(row["id"] if row else None, detail=said, dagster_run_id=run.run_id), False

    def _successor(self, row: Row) -> Row | None:
        """The newest run that took over from a lost one of the same data source: what it makes is what counts."""
        found = None
        full = queries.run(self.engine, row["id"]) if row["status"] == RunStatus.LOST else None
        while full is not None and full["successor"] is not None:
            found = full = queries.run(self.engine, full["successor"])
        return found

    def _note(self, job_id: str, ended: Mapping[str, Ended]) -> None:
        """Notes ends, how the job stands by them, and what GitHub is owed, all at once."""

        def work(connection: Connection) -> None:
            jobs.locked(connection, job_id)
            for key, end in ended.items():
                jobs.end_member(
                    connection, job_id, key, now=self.now, run_id=end.run_id, reused=end.reused, detail=end.detail,
                    dagster_run_id=end.dagster_run_id,
                )  # fmt: skip
            refreshed(connection, self.settings, job_id, now=self.now)

        in_transaction(self.engine, work)
        self.ended += len(ended)

    # what is asked for, and what is stopped

    def _ask(self, job: Row, chosen: Sequence[Row], seen: Mapping[tuple[str, str], RunRecord]) -> None:
        for name, proposed in ((PROPOSALS, True), (PARTITIONS, False)):
            keys = [m["partition"] for m in chosen if (m["pull_request"] is not None) is proposed]
            if keys:
                self.instance.add_dynamic_partitions(name, keys)
        # A run that was asked for and never came to be is asked for under the same key. All is noted before it is
        # asked for: the run key is that of a try which the ledger has.
        again = {m["key"] for m in chosen if m["tries"] and (job["id"], m["partition"]) not in seen}
        jobs.queued(self.engine, job["id"], [m["key"] for m in chosen], now=self.now, same_try=again)
        for member in chosen:
            tries = member["tries"] if member["key"] in again else member["tries"] + 1
            self.requests.append(_request(job, member, tries))

    def _too_late(self, job: Row) -> None:
        hours = (job["deadline_at"] - job["created_at"]).total_seconds() / 3600
        end_in_error(self.engine, self.settings, job["id"], f"not done after {hours:.3g} hours", now=self.now)
        ended = jobs.job(self.engine, job["id"])
        assert ended is not None
        self._stop(ended)

    def _stop(self, job: Row) -> None:
        """Cancels what a job that has ended no longer needs. What is published meanwhile, is."""
        waiting = jobs.waiting_members(self.engine, job["id"])
        proposed = [m for m in waiting if m["pull_request"] is not None and m["tries"]]
        if proposed:
            ours = RunsFilter(
                tags={JOB_TAG: job["id"], PARTITION_TAG: [m["partition"] for m in proposed]}, statuses=IN_PROGRESS
            )
            for run in self.instance.get_runs(ours):
                cancel(self.instance, run.run_id, run.status)
                self.stopped += 1
        said = f"the job ended before: {job['detail'] or job['status']}"

        def work(connection: Connection) -> None:
            for member in waiting:
                jobs.end_member(connection, job["id"], member["key"], run_id=None, now=self.now, detail=said)

        in_transaction(self.engine, work)


def cancel(instance: DagsterInstance, run_id: str, status: DagsterRunStatus) -> None:
    """Takes a run out of the queue, or has its worker stop it."""
    if status is DagsterRunStatus.QUEUED:
        instance.run_coordinator.cancel_run(run_id)
    elif status is not DagsterRunStatus.CANCELING:
        instance.run_launcher.terminate(run_id)


def _run_key(member: Row, tries: int) -> str:
    return f"job/{member['job_id']}/{member['key']}/{tries}"


def _request(job: Row, member: Row, tries: int) -> RunRequest:
    proposed = member["pull_request"] is not None
    tags = {
        KIND_TAG: PULL_REQUEST if proposed else PERSON,
        PRIORITY_TAG: PULL_REQUEST_PRIORITY,
        JOB_TAG: job["id"],
    }
    if proposed and job["author"]:
        tags[AUTHOR_TAG] = job["author"]
    return RunRequest(
        run_key=_run_key(member, tries),
        job_name=PROPOSED if proposed else PUBLISHED,
        partition_key=member["partition"],
        tags=tags,
    )
