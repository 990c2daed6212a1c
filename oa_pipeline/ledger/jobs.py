"""Jobs: what one event of GitHub's asked for. Those who write give their connection: what follows commits with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as put

from ..text import clean_json, clean_text
from .engine import in_transaction
from .partitions import Declared
from .reading import Row, row, rows
from .tables import JobStatus, RunStatus, job_members, jobs, partitions, runs

OPEN = frozenset({JobStatus.WAITING, JobStatus.PENDING, JobStatus.FAILING})
# Of a member's run, under these names: what a job's status, its report and its page need.
RUN_COLUMNS = (
    "status", "problem", "detail", "cure", "warnings", "rows", "counters", "outputs", "prefix", "digest",
    "content_hash", "started_at", "ended_at", "code_version", "copy_of", "pull_request", "cache_size", "bounds",
    "sampled", "tests_passed", "licence", "attribution_required", "attribution_name", "share_alike", "pruned_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that begins. `files`: what became of each changed file, as JSON objects."""

    id: str
    status: JobStatus
    repository: str
    event: str
    head_sha: str
    deadline_at: datetime
    base_sha: str = ""
    pull_request: int | None = None
    ref: str = ""
    head_at: datetime | None = None
    author: str = ""
    trusted: bool = True
    rerun: bool = False
    detail: str = ""
    files: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class NewMember:
    """A data source to be checked: its key once merged, and as what it is run."""

    key: str
    partition: Declared
    pull_request: int | None  # None: the default branch's own partition


def insert(connection: sa.Connection, job: NewJob, members: Sequence[NewMember], *, now: datetime) -> None:
    """Writes the job, the partitions of its data sources and that they belong to it."""
    values = asdict(job) | {"status": job.status.value, "files": clean_json([dict(f) for f in job.files])[0]}
    values |= {name: clean_text(values[name])[0] for name in ("ref", "author", "detail")}
    ended = None if job.status in OPEN else now
    connection.execute(sa.insert(jobs).values(created_at=now, ended_at=ended, **values))
    for member in members:
        _declare(connection, member, now)
    belong = [{"job_id": job.id, "key": each.key, "partition": each.partition.key} for each in members]
    if belong:
        connection.execute(sa.insert(job_members), belong)


def _declare(connection: sa.Connection, member: NewMember, now: datetime) -> None:
    values = asdict(member.partition) | {"first_seen": now, "changed_at": now}
    if member.pull_request is not None:
        values |= {"pull_request": member.pull_request, "proposes": member.key}
    statement = put(partitions).values(values)
    kept = {name: statement.excluded[name] for name in values if name not in {"key", "first_seen"}}
    again = statement.on_conflict_do_update(index_elements=[partitions.c.key], set_=kept | {"removed_at": None})
    connection.execute(again)


def job(where: sa.Engine | sa.Connection, job_id: str) -> Row | None:
    """A job by its id."""
    return row(where, sa.select(jobs).where(jobs.c.id == job_id))


def locked(connection: sa.Connection, job_id: str) -> Row | None:
    """A job by its id, which nobody else changes before this transaction ends."""
    return row(connection, sa.select(jobs).where(jobs.c.id == job_id).with_for_update())


def in_turns(engine: sa.Engine, *, limit: int = 500) -> list[Row]:
    """The jobs that go on: the oldest of each author, then the second of each, so that none waits for another's all."""
    turn = sa.func.row_number().over(partition_by=jobs.c.author, order_by=jobs.c.sequence).label("turn")
    going = sa.select(jobs.c.id, turn).where(jobs.c.ended_at.is_(None), jobs.c.status != JobStatus.WAITING.value)
    ranked = going.subquery()
    query = sa.select(jobs).join(ranked, ranked.c.id == jobs.c.id).order_by(ranked.c.turn, jobs.c.sequence)
    return rows(engine, query.limit(limit))


def overdue(engine: sa.Engine, *, now: datetime, limit: int = 50) -> list[Row]:
    """The jobs that go on though their deadline is over, the oldest first."""
    late = (jobs.c.ended_at.is_(None), jobs.c.status != JobStatus.WAITING.value, jobs.c.deadline_at <= now)
    return rows(engine, sa.select(jobs).where(*late).order_by(jobs.c.sequence).limit(limit))


def of_pull_request(where: sa.Engine | sa.Connection, pull_request: int, *, limit: int = 50) -> list[Row]:
    """The jobs of a pull request, the newest first."""
    query = sa.select(jobs).where(jobs.c.pull_request == pull_request).order_by(jobs.c.sequence.desc()).limit(limit)
    return rows(where, query)


def newest_of(where: sa.Engine | sa.Connection, head_sha: str, pull_request: int | None = None) -> Row | None:
    """The newest job of a commit; of that pull request where one is given."""
    query = sa.select(jobs).where(jobs.c.head_sha == head_sha).order_by(jobs.c.sequence.desc()).limit(1)
    if pull_request is not None:
        query = query.where(jobs.c.pull_request == pull_request)
    return row(where, query)


def listed(engine: sa.Engine, *, before: int | None = None, limit: int = 25) -> list[Row]:
    """Jobs, the newest first; `before`: only those of a lower sequence."""
    query = sa.select(jobs).order_by(jobs.c.sequence.desc()).limit(limit)
    return rows(engine, query if before is None else query.where(jobs.c.sequence < before))


def tallies(engine: sa.Engine, job_ids: Collection[str]) -> dict[str, Row]:
    """How far these jobs have come, by id: how many data sources are its `members`, have `ended`, have `failed`."""
    failed = runs.c.status == RunStatus.FAILED.value
    query = (
        sa.select(
            job_members.c.job_id,
            sa.func.count().label("members"),
            sa.func.count(job_members.c.ended_at).label("ended"),
            sa.func.count().filter(failed).label("failed"),
        )
        .outerjoin(runs, runs.c.id == job_members.c.run_id)
        .where(job_members.c.job_id.in_(job_ids))
        .group_by(job_members.c.job_id)
    )
    return {found["job_id"]: found for found in rows(engine, query)} if job_ids else {}


def members(where: sa.Engine | sa.Connection, job_id: str) -> list[Row]:
    """The data sources of a job by key, each with the facts of the run that counts, under `run_...`; null: no run."""
    facts = [runs.c[name].label(f"run_{name}") for name in RUN_COLUMNS]
    query = (
        sa.select(job_members, *facts)
        .outerjoin(runs, runs.c.id == job_members.c.run_id)
        .where(job_members.c.job_id == job_id)
        .order_by(job_members.c.key)
    )
    return rows(where, query)


def waiting_members(engine: sa.Engine, job_id: str) -> list[Row]:
    """The data sources of a job that have not ended, each with what a run of it needs to know."""
    facts = [partitions.c[name] for name in ("blob_sha", "layer", "name", "digest", "pull_request")]
    query = (
        sa.select(job_members, *facts)
        .join(partitions, partitions.c.key == job_members.c.partition)
        .where(job_members.c.job_id == job_id, job_members.c.ended_at.is_(None))
        .order_by(job_members.c.key)
    )
    return rows(engine, query)


def members_of(engine: sa.Engine, job_ids: Collection[str]) -> dict[str, list[Row]]:
    """The data sources of these jobs by key: what a run of each needs to know, and how the one that counts ended."""
    facts = [partitions.c[name] for name in ("blob_sha", "layer", "name", "digest", "pull_request")]
    ends = [runs.c[name].label(f"run_{name}") for name in ("status", "problem")]
    query = (
        sa.select(job_members, *facts, *ends)
        .join(partitions, partitions.c.key == job_members.c.partition)
        .outerjoin(runs, runs.c.id == job_members.c.run_id)
        .where(job_members.c.job_id.in_(job_ids))
        .order_by(job_members.c.job_id, job_members.c.key)
    )
    found: dict[str, list[Row]] = {job_id: [] for job_id in job_ids}
    for member in rows(engine, query) if job_ids else []:
        found[member["job_id"]].append(member)
    return found


def unfinished(engine: sa.Engine, *, limit: int = 200) -> list[Row]:
    """The jobs that have ended while data sources of theirs have not: their Dagster runs are to be cancelled."""
    left = sa.exists().where(job_members.c.job_id == jobs.c.id, job_members.c.ended_at.is_(None))
    query = sa.select(jobs).where(jobs.c.ended_at.is_not(None), left).order_by(jobs.c.sequence.desc()).limit(limit)
    return rows(engine, query)


def set_status(connection: sa.Connection, job_id: str, status: JobStatus, *, detail: str, now: datetime) -> bool:
    """How the job stands. False: it had ended, or stands so already."""
    ended = None if status in OPEN else now
    done = connection.execute(
        sa.update(jobs)
        .where(jobs.c.id == job_id, jobs.c.ended_at.is_(None), jobs.c.status != status.value)
        .values(status=status.value, detail=clean_text(detail)[0], ended_at=ended)
    )
    return done.rowcount == 1


def change(connection: sa.Connection, job_id: str, **values: Any) -> None:
    """Other facts of a job: `trusted`, `merged`, `comment_id`, `check_id`."""
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(values))


def queued(
    engine: sa.Engine, job_id: str, keys: Sequence[str], *, now: datetime, same_try: Collection[str] = ()
) -> None:
    """Notes that Dagster runs are asked for; of the keys in `same_try`, again for what was asked for before."""
    more = sa.case((job_members.c.key.in_(list(same_try)), 0), else_=1)
    statement = (
        sa.update(job_members)
        .where(job_members.c.job_id == job_id, job_members.c.key.in_(keys), job_members.c.ended_at.is_(None))
        .values(queued_at=now, tries=job_members.c.tries + more)
    )
    in_transaction(engine, lambda c: c.execute(statement))


def end_member(
    connection: sa.Connection,
    job_id: str,
    key: str,
    *,
    run_id: int | None,
    now: datetime,
    reused: bool = False,
    detail: str = "",
    dagster_run_id: str = "",
) -> bool:
    """Notes which run counts for a data source. False: it had ended."""
    done = connection.execute(
        sa.update(job_members)
        .where(job_members.c.job_id == job_id, job_members.c.key == key, job_members.c.ended_at.is_(None))
        .values(
            run_id=run_id,
            reused=reused,
            detail=clean_text(detail)[0],
            dagster_run_id=dagster_run_id or job_members.c.dagster_run_id,
            ended_at=now,
        )
    )
    return done.rowcount == 1
