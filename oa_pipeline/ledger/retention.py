"""What may go: results that nobody is sent to any more, by rule.

A result belongs to the run that made it, its owner; runs that copy it share it. It is kept for as long as one of these
runs is kept: one that is young or has not ended, the latest good one of its data source, the last good one of a month,
a held one that nobody has decided on, one that something published was made of, one that an open set or job asked for.

To remove a result is two steps: its runs are marked (`pruned_at`), then its objects are deleted and the owner's
`prefix` emptied. Whoever dies in between leaves a mark by which the next one goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from .engine import in_transaction
from .jobs import OPEN
from .reading import rows
from .tables import (
    BuildStatus,
    RunStatus,
    SetStatus,
    artifacts,
    builds,
    dotmap_areas,
    job_members,
    jobs,
    pointers,
    runs,
    set_members,
    sets,
    tiles,
    zips,
)

# Three looks at the same table within one statement.
_run, _good, _asked = runs.alias("run"), runs.alias("good"), runs.alias("asked")

OLD = "neither young nor its month's last good result"
QUIET = "of a pull request that has been quiet"
OPEN_JOBS = tuple(sorted(status.value for status in OPEN))


@dataclass(frozen=True, slots=True)
class Rule:
    """Runs that ended since `since` are young; a pull request's, those since `quiet_since`."""

    since: datetime
    quiet_since: datetime


@dataclass(frozen=True, slots=True)
class Doomed:
    """A result that may go: the run that owns it, where it lies, how big it is, and why it may."""

    run: int
    key: str
    prefix: str
    bytes: int
    reason: str


def doomed(engine: sa.Engine, rule: Rule) -> list[Doomed]:
    """The results that may go, the oldest first."""
    size = sa.select(sa.func.sum(sa.cast(sa.text("f.value ->> 'size'"), sa.BigInteger))).select_from(
        sa.func.jsonb_each(runs.c.outputs).alias("f")
    )
    kept = _kept(rule)
    reason = sa.case((runs.c.pull_request.is_(None), OLD), else_=QUIET)
    query = (
        sa.select(
            runs.c.id.label("run"),
            runs.c.key,
            runs.c.prefix,
            sa.func.coalesce(size.correlate(runs).scalar_subquery(), 0).label("bytes"),
            reason.label("reason"),
        )
        .outerjoin(kept, kept.c.owner == runs.c.id)
        .where(runs.c.copy_of.is_(None), runs.c.pruned_at.is_(None), runs.c.prefix != "", kept.c.owner.is_(None))
        .order_by(runs.c.id)
    )
    return [Doomed(**{**found, "bytes": int(found["bytes"])}) for found in rows(engine, query)]


def mark(engine: sa.Engine, rule: Rule, owners: Collection[int], keys: Collection[str], *, now: datetime) -> list[int]:
    """Marks these results, of these data sources, as gone for all runs that share them; which of them still may go."""
    kept = _kept(rule)

    def work(connection: sa.Connection) -> list[int]:
        wanted = (runs.c.id.in_(owners), runs.c.copy_of.is_(None), runs.c.key.in_(keys))
        locked = sa.select(runs.c.id).where(*wanted, runs.c.pruned_at.is_(None)).order_by(runs.c.id).with_for_update()
        free = set(connection.scalars(locked))
        free -= set(connection.scalars(sa.select(kept.c.owner).where(kept.c.owner.in_(free))))
        marked = sa.update(runs).where(runs.c.id.in_(free)).values(pruned_at=now)
        connection.execute(marked)
        connection.execute(
            sa.update(runs).where(runs.c.copy_of.in_(free), runs.c.pruned_at.is_(None)).values(pruned_at=now, prefix="")
        )
        return sorted(free)

    return in_transaction(engine, work)


def marked(engine: sa.Engine) -> list[tuple[int, str]]:
    """The results that are marked and whose objects may still be there: owner and prefix."""
    query = sa.select(runs.c.id, runs.c.prefix).where(
        runs.c.pruned_at.is_not(None), runs.c.prefix != "", runs.c.copy_of.is_(None)
    )
    return [(found["id"], found["prefix"]) for found in rows(engine, query.order_by(runs.c.id))]


def gone(engine: sa.Engine, owners: Collection[int]) -> None:
    """Notes that the objects of these marked results are deleted."""
    statement = sa.update(runs).where(runs.c.id.in_(owners), runs.c.pruned_at.is_not(None)).values(prefix="")
    in_transaction(engine, lambda c: c.execute(statement))


def placed(engine: sa.Engine, numbers: Collection[int]) -> set[str]:
    """Of the runs with these numbers: below which prefixes objects may lie, being named, or written or deleted now."""
    query = sa.select(runs.c.id, runs.c.prefix, runs.c.status, runs.c.pull_request).where(runs.c.id.in_(numbers))
    found = set()
    for run in rows(engine, query):
        if run["status"] == RunStatus.RUNNING.value:
            found.add(f"{'runs' if run['pull_request'] is None else 'pr'}/{run['id']}/")
        found.add(run["prefix"])
    return found - {""}


def named_by_builds(engine: sa.Engine) -> set[str]:
    """The keys of everything made of many runs that is current, or that the next one will be made of."""
    current = sa.union_all(
        sa.select(zips.c.key).where(zips.c.is_current),
        sa.select(tiles.c.key),
        sa.select(artifacts.c.key),
        sa.select(dotmap_areas.c.key),
    )
    return {found["key"] for found in rows(engine, current)}


def all_builds(engine: sa.Engine, *, spare: int, since: datetime) -> dict[tuple[str, int], bool]:
    """Kind and number of every build, and whether its objects stay although nothing names them.

    They do while it is being made, if it ended after `since`, and of the last `spare` published ones of its kind, for
    those who are still reading.
    """
    place = sa.func.row_number().over(partition_by=(builds.c.kind, builds.c.status), order_by=builds.c.id.desc())
    ended = builds.c.ended_at
    published = builds.c.status == BuildStatus.PUBLISHED.value
    query = sa.select(
        builds.c.kind,
        builds.c.id,
        sa.or_(ended.is_(None), ended >= since, sa.and_(published, place <= spare)).label("stays"),
    )
    return {(found["kind"], found["id"]): found["stays"] for found in rows(engine, query)}


def _kept(rule: Rule) -> sa.CTE:
    """The owners of results that stay."""
    # Joined, not asked with IN: so many numbers do not fit into what PostgreSQL hashes for one.
    kept = sa.union_all(*_for_their_own_sake(rule), _named()).cte("kept")
    owner = sa.func.coalesce(_run.c.copy_of, _run.c.id).label("owner")
    return (
        sa.select(owner).join(kept, kept.c[0] == _run.c.id).where(_run.c.pruned_at.is_(None)).distinct().cte("owners")
    )


def _for_their_own_sake(rule: Rule) -> Sequence[sa.Select[Any]]:
    """Runs that are young or at work, held ones that wait for somebody, and the last good one of each month."""
    ours = _run.c.pull_request.is_(None)
    since = sa.case((ours, rule.since), else_=rule.quiet_since)
    # A later good result decides: to accept the held one would be a step back.
    undecided = sa.and_(
        _run.c.status == RunStatus.HELD.value,
        _run.c.accepted_at.is_(None),
        _run.c.rejected_at.is_(None),
        sa.func.coalesce(pointers.c.run_id, 0) < _run.c.id,
    )
    at_work = _run.c.status == RunStatus.RUNNING.value
    alive = (
        sa.select(_run.c.id)
        .outerjoin(pointers, pointers.c.key == _run.c.key)
        .where(_run.c.pruned_at.is_(None), sa.or_(at_work, _run.c.ended_at >= since, sa.and_(ours, undecided)))
    )
    month = sa.func.date_trunc("month", _good.c.ended_at, "UTC")
    monthly = (
        sa.select(_good.c.id, _good.c.key, month.label("month"))
        .where(_good.c.pull_request.is_(None), _good.c.status == RunStatus.SUCCEEDED.value, _good.c.pruned_at.is_(None))
        .subquery()
    )
    last_of_month = sa.select(sa.func.max(monthly.c.id)).group_by(monthly.c.key, monthly.c.month)
    return alive, last_of_month


def _named() -> sa.CompoundSelect[Any]:
    """The runs that something names which must not lose them."""
    members = sa.select(set_members.c.run_id).join(sets, sets.c.id == set_members.c.set_id)
    in_sets = sa.select(_asked.c.id).join(sets, sets.c.id == _asked.c.set_id)
    asked = sa.select(job_members.c.run_id).join(jobs, jobs.c.id == job_members.c.job_id)
    in_jobs = sa.select(_asked.c.id).join(jobs, jobs.c.id == _asked.c.job_id)
    open_set, open_job = sets.c.status == SetStatus.OPEN.value, jobs.c.status.in_(OPEN_JOBS)
    return sa.union_all(
        sa.select(pointers.c.run_id),
        members.where(open_set, set_members.c.run_id.is_not(None)),
        in_sets.where(open_set),
        asked.where(open_job, job_members.c.run_id.is_not(None)),
        in_jobs.where(open_job),
        _numbers(tiles.c.run_ids, sa.true()),
        _numbers(builds.c.run_ids, builds.c.id.in_(_current_builds())),
    )


def _numbers(array: sa.Column[Any], where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(sa.cast(sa.func.jsonb_array_elements_text(array), sa.BigInteger)).where(where)


def _current_builds() -> sa.CompoundSelect[Any]:
    """Builds of which something is current, and those that are being made."""
    return sa.union_all(
        sa.select(zips.c.build_id).where(zips.c.is_current),
        sa.select(artifacts.c.build_id),
        sa.select(builds.c.id).where(builds.c.status == BuildStatus.BUILDING.value),
    )
