"""Which result may stand for a run that would only repeat it. For runs that GitHub asked for, and for merges.

Sets and people ask publishers anew: there a copy is made only of what the publisher says is unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from ..errors import Problem
from .engine import in_transaction
from .reading import Row, row
from .tables import RunStatus, job_members, jobs, partitions, runs

WINDOW = timedelta(days=10)

# What the source file decides by itself. All other failures hang on what a publisher sent that day, or on us: a second
# try may go well.
OF_THE_FILE = (
    Problem.INVALID_SOURCE,
    Problem.TEST_FAILED,
    Problem.NO_CONFORM,
    Problem.UNKNOWN_PROTOCOL,
    Problem.UNKNOWN_FORMAT,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run would process: one data source of a file with these bytes, by this version of the code."""

    blob_sha: str
    layer: str
    name: str
    code_version: str


def result_for_job(engine: sa.Engine, wanted: Wanted, *, now: datetime, within: timedelta = WINDOW) -> Row | None:
    """The newest run whose result a job may show instead of running the same again; None: it has to run.

    A success, a file that says to skip, or a failure that the file alone decides; whole, not sampled, still in the
    store and not older than `within`. A copy is never one, so that confirming a result does not make it younger.
    """
    if not wanted.blob_sha:
        return None
    return row(engine, _candidates(wanted, now - within).order_by(runs.c.id.desc()).limit(1))


def result_of_merge(
    engine: sa.Engine, key: str, wanted: Wanted, *, now: datetime, within: timedelta = WINDOW
) -> Row | None:
    """The newest good run of a merged pull request that proposed just this data source, to be published as its own.

    It may have been made for an earlier head, and shown again for the one that was merged.
    None where the merged file is another, where the run was of a sample, or where nothing is known of a merge.
    """
    if not wanted.blob_sha:
        return None
    own = sa.exists().where(jobs.c.id == runs.c.job_id, jobs.c.merged)
    shown = sa.exists().where(job_members.c.run_id == runs.c.id, jobs.c.id == job_members.c.job_id, jobs.c.merged)
    query = (
        _candidates(wanted, now - within)
        .join(partitions, partitions.c.key == runs.c.key)
        .where(
            partitions.c.proposes == key,
            runs.c.pull_request.is_not(None),
            runs.c.status == RunStatus.SUCCEEDED.value,
            sa.or_(own, shown),
        )
    )
    return row(engine, query.order_by(runs.c.id.desc()).limit(1))


def _candidates(wanted: Wanted, since: datetime) -> sa.Select[tuple[object, ...]]:
    of_the_file = [str(problem) for problem in OF_THE_FILE]
    return sa.select(runs).where(
        runs.c.blob_sha == wanted.blob_sha,
        runs.c.layer == wanted.layer,
        runs.c.name == wanted.name,
        runs.c.code_version == wanted.code_version,
        runs.c.ended_at >= since,
        runs.c.copy_of.is_(None),
        runs.c.pruned_at.is_(None),
        ~runs.c.sampled,
        sa.or_(
            runs.c.status.in_([RunStatus.SUCCEEDED.value, RunStatus.SKIPPED.value]),
            sa.and_(runs.c.status == RunStatus.FAILED.value, runs.c.problem.in_(of_the_file)),
        ),
    )


def mark_merged(engine: sa.Engine, pull_request: int, head_sha: str) -> int:
    """Records that the pull request was merged at this head, or closed without (""); how many jobs that changed.

    Its jobs of that head are merged, those of its other heads are not. Safe to repeat.
    """
    merged = sa.literal(bool(head_sha)) & (jobs.c.head_sha == head_sha)
    change = (
        sa.update(jobs)
        .where(jobs.c.pull_request == pull_request, jobs.c.merged.is_distinct_from(merged))
        .values(merged=merged)
    )
    return in_transaction(engine, lambda c: c.execute(change).rowcount)
