"""Carries open jobs forward: what they need is asked for, what has ended is noted, what they no longer need is stopped.

Nothing is remembered between two looks but in the ledger, and a Dagster run is asked for under the same run key until
it is there, so that none is made twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dagster import DagsterRunStatus, RunRecord, RunRequest, RunsFilter

from ..assets.source import PARTITIONS
from ..github.jobs import end_in_error, refresh
from ..ledger import jobs
from ..ledger.engine import in_transaction
from ..ledger.members import runs_of
from ..ledger.reading import Row
from ..ledger.reuse import Wanted, result_for_job
from ..ledger.tables import JobStatus, RunStatus
from ..orchestration.tags import (
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
    from sqlalchemy import Engine

    from ..settings import Settings

PROPOSED, PUBLISHED = "check", "process"  # Dagster's jobs
PATIENCE = timedelta(seconds=60)  # until a Dagster run that was asked for is asked for again
TRIES = 2  # Dagster runs of a member whose process goes away
MOST_REQUESTS = 60  # a look
LOST = "its run was lost, and the second one too"


@dataclass
class Checking:
    """One look at all open jobs."""

    instance: DagsterInstance
    engine: Engine
    settings: Settings
    now: datetime
    requests: list[RunRequest] = field(default_factory=list)
    ended: int = 0
    stopped: int = 0

    def look(self) -> list[RunRequest]:
        """All that is to be done now; the runs to ask Dagster for."""
        for job in jobs.unfinished(self.engine):
            self._stop(job)
        for job in jobs.open_jobs(self.engine):
            if job["status"] == JobStatus.WAITING:
                continue
            if self.now >= job["deadline_at"]:
                self._too_late(job)
            else:
                self._forward(job)
        return self.requests

    def _forward(self, job: Row) -> None:
        waiting = jobs.waiting_members(self.engine, job["id"])
        seen = self._seen(job["id"], waiting)
        over = {run.dagster_run.run_id for run in seen.values() if run.dagster_run.is_finished}
        results = runs_of(self.engine, over) if over else {}
        wanted = []
        changed = False
        for member in waiting:
            record = seen.get(member["key"])
            if record is None:
                if not member["tries"] and not job["rerun"] and self._reuse(job, member):
                    changed = True
                elif member["queued_at"] is None or self.now - member["queued_at"] >= PATIENCE:
                    wanted.append(member)
            elif record.dagster_run.is_finished:
                again = self._end(job, member, record, results.get(record.dagster_run.run_id))
                wanted += [member] if again else []
                changed |= not again
        # Asked of every job at every look, so that one whose last change was not written to the end is made good.
        refresh(self.engine, self.settings, job["id"], now=self.now)
        self.ended += changed
        self._ask(job, wanted)

    def _seen(self, job_id: str, waiting: Sequence[Row]) -> dict[str, RunRecord]:
        """Dagster's run of each member's last try, or a person's re-execution of it."""
        asked = {member["partition"]: member for member in waiting if member["tries"]}
        if not asked:
            return {}
        found: dict[str, RunRecord] = {}
        by_job = RunsFilter(tags={JOB_TAG: job_id, PARTITION_TAG: list(asked)})
        for record in sorted(self.instance.get_run_records(by_job), key=lambda record: record.storage_id):
            run = record.dagster_run
            member = asked[run.tags[PARTITION_TAG]]
            if run.parent_run_id or run.tags.get(RUN_KEY_TAG) == _run_key(job_id, member, member["tries"]):
                found[member["key"]] = record
        return found

    def _reuse(self, job: Row, member: Row) -> bool:
        """Shows an earlier result of the same file instead of running it; not of what is to be published."""
        if member["pull_request"] is None:
            return False
        wanted = Wanted(member["blob_sha"], member["layer"], member["name"], code_version())
        found = result_for_job(self.engine, wanted, now=self.now)
        if found is None or found["digest"] != member["digest"]:
            return False
        return self._note(job, member, run_id=found["id"], reused=True)

    def _end(self, job: Row, member: Row, record: RunRecord, row: Row | None) -> bool:
        """Notes how a member's run ended; True where it is to be run once more."""
        run = record.dagster_run
        if row is not None and row["status"] == RunStatus.RUNNING:
            return False  # its process went away; the ledger is told of it within a minute
        lost = row is None or row["status"] == RunStatus.LOST
        if lost and run.status is not DagsterRunStatus.CANCELED and member["tries"] < TRIES:
            return True
        said = LOST if lost else ""
        if run.status is DagsterRunStatus.CANCELED:
            said = "its run was cancelled"
        self._note(job, member, run_id=row["id"] if row else None, detail=said, dagster_run_id=run.run_id)
        return False

    def _note(self, job: Row, member: Row, **facts: object) -> bool:
        return in_transaction(
            self.engine,
            lambda c: jobs.end_member(c, job["id"], member["key"], now=self.now, **facts),  # type: ignore[arg-type]
        )

    def _ask(self, job: Row, wanted: Sequence[Row]) -> None:
        chosen = wanted[: max(0, MOST_REQUESTS - len(self.requests))]
        if not chosen:
            return
        for name, proposed in ((PROPOSALS, True), (PARTITIONS, False)):
            keys = [m["partition"] for m in chosen if (m["pull_request"] is not None) is proposed]
            if keys:
                self.instance.add_dynamic_partitions(name, keys)
        # Noted before it is asked for: the run key is that of a try which the ledger has.
        again = {m["key"] for m in chosen if m["queued_at"] is not None and self._lost_request(m)}
        jobs.queued(self.engine, job["id"], [m["key"] for m in chosen], now=self.now, same_try=again)
        self.requests += [_request(job["id"], m, m["tries"] if m["key"] in again else m["tries"] + 1) for m in chosen]

    def _lost_request(self, member: Row) -> bool:
        """Whether the run that was asked for never came to be: then it is asked for under the same key."""
        filter_ = RunsFilter(tags={RUN_KEY_TAG: _run_key(member["job_id"], member, member["tries"])})
        return bool(member["tries"]) and not self.instance.get_runs_count(filter_)

    def _too_late(self, job: Row) -> None:
        hours = (job["deadline_at"] - job["created_at"]).total_seconds() / 3600
        end_in_error(self.engine, self.settings, job["id"], f"not done after {hours:g} hours", now=self.now)
        self._stop(job)

    def _stop(self, job: Row) -> None:
        """Cancels what a job that has ended no longer needs. What is published meanwhile, is."""
        waiting = jobs.waiting_members(self.engine, job["id"])
        proposed = [m for m in waiting if m["pull_request"] is not None]
        if proposed:
            ours = RunsFilter(
                tags={JOB_TAG: job["id"], PARTITION_TAG: [m["partition"] for m in proposed]}, statuses=IN_PROGRESS
            )
            for run in self.instance.get_runs(ours):
                cancel(self.instance, run.run_id, run.status)
                self.stopped += 1
        for member in waiting:
            self._note(job, member, run_id=None, detail=f"the job ended before: {job['detail'] or job['status']}")


def cancel(instance: DagsterInstance, run_id: str, status: DagsterRunStatus) -> None:
    """Takes a run out of the queue, or has its worker stop it."""
    if status is DagsterRunStatus.QUEUED:
        instance.run_coordinator.cancel_run(run_id)
    else:
        instance.run_launcher.terminate(run_id)


def _run_key(job_id: str, member: Row, tries: int) -> str:
    return f"job/{job_id}/{member['key']}/{tries}"


def _request(job_id: str, member: Row, tries: int) -> RunRequest:
    proposed = member["pull_request"] is not None
    tags: Mapping[str, str] = {
        KIND_TAG: PULL_REQUEST if proposed else PERSON,
        PRIORITY_TAG: PULL_REQUEST_PRIORITY,
        JOB_TAG: job_id,
    }
    return RunRequest(
        run_key=_run_key(job_id, member, tries),
        job_name=PROPOSED if proposed else PUBLISHED,
        partition_key=member["partition"],
        tags=dict(tags),
    )
