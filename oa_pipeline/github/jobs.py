"""The life of a job. Whatever changes one and what GitHub is then owed commit together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..ledger import jobs as ledger
from ..ledger import outbox
from ..ledger.engine import in_transaction
from ..ledger.jobs import NewJob, NewMember
from ..ledger.tables import JobStatus
from .checks import check_of
from .statuses import standing, status_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from ..ledger.queries import Row
    from ..settings import Settings

STATUS, REPORT, CHECK = "status", "comment", "check"
LONGEST = timedelta(hours=12)  # for which a job may go on


def open_job(
    connection: Connection, settings: Settings, job: NewJob, members: Sequence[NewMember], *, now: datetime
) -> str:
    """Writes a job and what GitHub is told of it; open ones of the same pull request are cancelled. Returns its id."""
    if job.pull_request:
        cancel_open(connection, job.pull_request, now=now, detail="a newer head took its place", but=job.id)
    if job.status is JobStatus.PENDING and not members:
        invalid = any(file["outcome"] in {"invalid", "refused"} for file in job.files)
        job = replace(job, status=JobStatus.FAILURE if invalid else JobStatus.NOTHING)
    ledger.insert(connection, job, members, now=now)
    _tell(connection, settings, job.id, now=now)
    return job.id


def refresh(engine: Engine, settings: Settings, job_id: str, *, now: datetime) -> JobStatus:
    """How the job stands by its runs now; what changed is owed to GitHub."""
    return in_transaction(engine, lambda connection: refreshed(connection, settings, job_id, now=now))


def refreshed(connection: Connection, settings: Settings, job_id: str, *, now: datetime) -> JobStatus:
    """As `refresh`, within the caller's transaction."""
    job = ledger.locked(connection, job_id)
    assert job is not None
    members = ledger.members(connection, job_id)
    status = standing(job, members)
    why = next((member["detail"] for member in members if member["detail"]), "") if status is JobStatus.ERROR else ""
    ledger.set_status(connection, job_id, status, detail=job["detail"] or why, now=now)
    _tell(connection, settings, job_id, now=now)
    return status


def reassert(connection: Connection, settings: Settings, job_id: str, *, now: datetime) -> None:
    """Tells GitHub once more how the job stands: somebody may have told it otherwise."""
    _tell(connection, settings, job_id, now=now, again=True)


def end_in_error(engine: Engine, settings: Settings, job_id: str, detail: str, *, now: datetime) -> None:
    """Ends a job through a fault of our own."""

    def work(connection: Connection) -> None:
        if ledger.set_status(connection, job_id, JobStatus.ERROR, detail=detail, now=now):
            _tell(connection, settings, job_id, now=now)

    in_transaction(engine, work)


def approve(connection: Connection, settings: Settings, pull_request: int, *, by: str, now: datetime) -> str | None:
    """Lets the waiting job of a pull request go on. Returns its id; None where none waits."""
    for job in ledger.of_pull_request(connection, pull_request):
        if job["status"] == JobStatus.WAITING:
            # From now on it goes on. A check run that has ended does not: the job gets another.
            ledger.change(connection, job["id"], trusted=True, deadline_at=now + LONGEST, check_id=None)
            ledger.set_status(connection, job["id"], JobStatus.PENDING, detail="", now=now)
            refreshed(connection, settings, job["id"], now=now)
            return str(job["id"])
    return None


def cancel_open(connection: Connection, pull_request: int, *, now: datetime, detail: str, but: str = "") -> list[str]:
    """Cancels the open jobs of a pull request; GitHub hears nothing more of them. Returns their ids."""
    found = [
        str(job["id"])
        for job in ledger.of_pull_request(connection, pull_request)
        if job["ended_at"] is None and job["id"] != but
    ]
    for job_id in found:
        ledger.set_status(connection, job_id, JobStatus.CANCELLED, detail=detail, now=now)
        outbox.forgive_job(connection, job_id, now=now, detail=detail)
    return found


def _tell(connection: Connection, settings: Settings, job_id: str, *, now: datetime, again: bool = False) -> None:
    """What GitHub is owed of the job: its commit's status or check run, and of a pull request the report."""
    job = ledger.job(connection, job_id)
    assert job is not None
    members = ledger.members(connection, job_id)
    status = status_of(job, members, public_url=settings.public_url)
    if status is None or settings.github_silent:
        return
    check = check_of(job, members, public_url=settings.public_url) if settings.github_checks else None
    kind, payload = (CHECK, {"job": job_id, **check}) if check is not None else (STATUS, status.as_json())
    outbox.owe(connection, job_id=job_id, kind=kind, target=job["head_sha"], payload=payload, now=now, again=again)
    if job["pull_request"] and (job["status"] != JobStatus.NOTHING or _was_reported(connection, job)):
        # The text is made when it is paid: then it tells what is true at that time.
        standing_now = {"job": job_id, "status": job["status"], "ended": _ended(members)}
        outbox.owe(
            connection, job_id=job_id, kind=REPORT, target=str(job["pull_request"]), payload=standing_now, now=now
        )


def _ended(members: Sequence[Row]) -> list[str]:
    return sorted(member["key"] for member in members if member["ended_at"] is not None)


def _was_reported(connection: Connection, job: Row) -> bool:
    """Whether the pull request has a report, which must not go on telling of an older head.

    One that has nothing to do with data sources gets no comment at all.
    """
    others = ledger.of_pull_request(connection, job["pull_request"])
    return any(other["id"] != job["id"] and other["status"] != JobStatus.NOTHING for other in others)
