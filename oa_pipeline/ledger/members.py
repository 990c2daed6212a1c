"""How the members of a set move from step to step. Every move names the step that is left, so none happens twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from ..text import clean_text
from .engine import in_transaction
from .reading import Row, rows
from .tables import Outcome, RunStatus, SetStatus, Step, runs, set_members, sets

PROBES = 2  # how often a member is taken up for probing before it is run unasked

OUTCOMES: Mapping[str, Outcome] = {
    RunStatus.SUCCEEDED: Outcome.SUCCEEDED,
    RunStatus.HELD: Outcome.HELD,
    RunStatus.FAILED: Outcome.FAILED,
    RunStatus.SKIPPED: Outcome.SKIPPED,
    RunStatus.CANCELLED: Outcome.CANCELLED,
    RunStatus.LOST: Outcome.LOST,
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a member ended. `run_id`: the ledger's run that counts; None where there is none."""

    key: str
    outcome: Outcome
    run_id: int | None = None
    dagster_run_id: str = ""
    detail: str = ""


def outcome_of(run: Row) -> Outcome:
    """What a run that has ended means for its member."""
    if run["status"] == RunStatus.SUCCEEDED and run["copy_of"] is not None:
        return Outcome.UNCHANGED
    return OUTCOMES[run["status"]]


def claim(engine: sa.Engine, number: int, dagster_run_id: str, limit: int, *, now: datetime) -> list[str]:
    """The next members whose publishers nobody has asked, now this Dagster run's to probe; none once the set ended."""
    picked = (
        sa.select(set_members.c.key)
        .join(sets, sets.c.id == set_members.c.set_id)
        .where(
            set_members.c.set_id == number,
            set_members.c.step == Step.WAITING.value,
            sets.c.status == SetStatus.OPEN.value,
        )
        .order_by(set_members.c.position)
        .limit(limit)
        .with_for_update(of=set_members, skip_locked=True)
        .cte("picked")
    )
    statement = (
        sa.update(set_members)
        .where(set_members.c.set_id == number, set_members.c.key == picked.c.key)
        .values(step=Step.PROBING.value, dagster_run_id=dagster_run_id, probes=set_members.c.probes + 1, moved_at=now)
        .returning(set_members.c.key, set_members.c.position)
    )

    def work(connection: sa.Connection) -> list[str]:
        return [key for key, _ in sorted(connection.execute(statement).all(), key=lambda found: found[1])]

    return in_transaction(engine, work)


def probed_by(engine: sa.Engine, number: int) -> dict[str, int]:
    """How many members each Dagster run is probing."""
    query = (
        sa.select(set_members.c.dagster_run_id, sa.func.count().label("members"))
        .where(set_members.c.set_id == number, set_members.c.step == Step.PROBING.value)
        .group_by(set_members.c.dagster_run_id)
    )
    return {found["dagster_run_id"]: found["members"] for found in rows(engine, query)}


def release(engine: sa.Engine, number: int, dagster_run_ids: Collection[str], *, now: datetime) -> int:
    """Gives up what these Dagster runs were probing: to be probed again or, after two times, due; how many."""
    step = sa.case((set_members.c.probes >= PROBES, Step.CHANGED.value), else_=Step.WAITING.value)
    where = (set_members.c.step == Step.PROBING.value, set_members.c.dagster_run_id.in_(dagster_run_ids))
    return _move(engine, number, *where, step=sa.cast(step, set_members.c.step.type), dagster_run_id="", moved_at=now)


def due(engine: sa.Engine, number: int, keys: Collection[str], dagster_run_id: str, *, now: datetime) -> int:
    """Notes that these, which the Dagster run was probing, need a run."""
    where = (
        set_members.c.step == Step.PROBING.value,
        set_members.c.dagster_run_id == dagster_run_id,
        set_members.c.key.in_(keys),
    )
    return _move(engine, number, *where, step=Step.CHANGED.value, dagster_run_id="", moved_at=now)


def probe_none(engine: sa.Engine, number: int, *, now: datetime) -> int:
    """Makes all due that wait to be probed."""
    return _move(engine, number, set_members.c.step == Step.WAITING.value, step=Step.CHANGED.value, moved_at=now)


def next_due(engine: sa.Engine, number: int, *, of_a_host: int, limit: int) -> list[Row]:
    """Members that need a run, in the set's order, at most so many of each host: key, host.

    No limit holds for those without a host.
    """
    place = sa.func.row_number().over(partition_by=set_members.c.host, order_by=set_members.c.position)
    held = (
        sa.select(set_members.c.key, set_members.c.host, set_members.c.position, place.label("place"))
        .where(set_members.c.set_id == number, set_members.c.step == Step.CHANGED.value)
        .subquery()
    )
    query = (
        sa.select(held.c.key, held.c.host)
        .where(sa.or_(held.c.place <= of_a_host, held.c.host == ""))
        .order_by(held.c.position)
        .limit(limit)
    )
    return rows(engine, query)


def queue(engine: sa.Engine, number: int, keys: Collection[str], *, now: datetime) -> dict[str, int]:
    """Notes that a Dagster run is asked for each of these: by key, the how manieth it is."""
    statement = (
        sa.update(set_members)
        .where(set_members.c.set_id == number, set_members.c.step == Step.CHANGED.value, set_members.c.key.in_(keys))
        .values(step=Step.QUEUED.value, tries=set_members.c.tries + 1, dagster_run_id="", moved_at=now)
        .returning(set_members.c.key, set_members.c.tries)
    )
    return in_transaction(engine, lambda c: {key: tries for key, tries in c.execute(statement)})


def queued(engine: sa.Engine, number: int) -> list[Row]:
    """Members for which a Dagster run was asked and has not been seen to end: key, host, tries, moved_at."""
    columns = [set_members.c[name] for name in ("key", "host", "tries", "moved_at", "dagster_run_id")]
    query = (
        sa.select(*columns)
        .where(set_members.c.set_id == number, set_members.c.step == Step.QUEUED.value)
        .order_by(set_members.c.position)
    )
    return rows(engine, query)


def asked_again(engine: sa.Engine, number: int, keys: Collection[str], *, now: datetime) -> int:
    """Notes that the same Dagster run is asked for once more, as nothing has come of it."""
    where = (set_members.c.step == Step.QUEUED.value, set_members.c.key.in_(keys))
    return _move(engine, number, *where, moved_at=now)


def another_try(engine: sa.Engine, number: int, keys: Collection[str], detail: str, *, now: datetime) -> int:
    """Makes these due again, whose runs were lost."""
    where = (set_members.c.step == Step.QUEUED.value, set_members.c.key.in_(keys))
    return _move(engine, number, *where, step=Step.CHANGED.value, detail=detail, dagster_run_id="", moved_at=now)


def end(engine: sa.Engine, number: int, ended: Iterable[Ended], *, now: datetime) -> int:
    """Ends these members, once and for all; how many they were."""

    def work(connection: sa.Connection) -> int:
        count = 0
        for one in ended:
            statement = _members(number, set_members.c.key == one.key, set_members.c.step != Step.ENDED.value)
            values = ended_as(one) | {"moved_at": now}
            count += connection.execute(statement.values(**values)).rowcount
        return count

    return in_transaction(engine, work)


def ended_as(one: Ended) -> dict[str, Any]:
    """The columns of a member that has ended."""
    return {
        "step": Step.ENDED.value,
        "outcome": one.outcome.value,
        "run_id": one.run_id,
        "dagster_run_id": one.dagster_run_id,
        "detail": clean_text(one.detail)[0],
    }


def runs_of(engine: sa.Engine, dagster_run_ids: Collection[str]) -> dict[str, Row]:
    """The ledger's newest run of each of these Dagster runs."""
    if not dagster_run_ids:
        return {}
    columns = [runs.c[name] for name in ("id", "key", "status", "copy_of", "dagster_run_id", "problem", "detail")]
    query = (
        sa.select(*columns)
        .where(runs.c.dagster_run_id.in_(dagster_run_ids))
        .ext(distinct_on(runs.c.dagster_run_id))
        .order_by(runs.c.dagster_run_id, runs.c.id.desc())
    )
    return {found["dagster_run_id"]: found for found in rows(engine, query)}


def listed(
    engine: sa.Engine,
    number: int,
    *,
    outcome: str = "",
    problem: str = "",
    after: str = "",
    before: str = "",
    limit: int = 100,
) -> list[Row]:
    """Members of a set by key, as far as they have this outcome and their runs this problem.

    At most `limit` keys after `after`; or, with `before`, the last ones before it. Of each: `key`, `step`, `host`,
    `outcome`, `detail`, `moved_at`, `run_id`, and of that run `problem`, `run_detail`, `cure`, `rows`.
    """
    columns = [set_members.c[name] for name in ("key", "step", "host", "outcome", "detail", "moved_at", "run_id")]
    query = (
        sa.select(*columns, runs.c.problem, runs.c.detail.label("run_detail"), runs.c.cure, runs.c.rows)
        .outerjoin(runs, runs.c.id == set_members.c.run_id)
        .where(set_members.c.set_id == number)
        .limit(limit)
    )
    if outcome:
        query = query.where(set_members.c.outcome == outcome)
    if problem:
        query = query.where(runs.c.problem == problem)
    if before:
        found = rows(engine, query.where(set_members.c.key < before).order_by(set_members.c.key.desc()))
        return found[::-1]
    return rows(engine, query.where(set_members.c.key > after).order_by(set_members.c.key))


def rows_by_layer(engine: sa.Engine, number: int) -> dict[str, int]:
    """How many rows the results of this set's members have, by layer; unchanged ones have those that they had."""
    query = (
        sa.select(runs.c.layer, sa.func.sum(runs.c.rows).label("rows"))
        .join(set_members, set_members.c.run_id == runs.c.id)
        .where(set_members.c.set_id == number, runs.c.status == RunStatus.SUCCEEDED.value)
        .group_by(runs.c.layer)
        .order_by(sa.desc("rows"))
    )
    return {found["layer"]: int(found["rows"] or 0) for found in rows(engine, query)}


def _members(number: int, *where: sa.ColumnElement[bool]) -> sa.Update:
    return sa.update(set_members).where(set_members.c.set_id == number, *where)


def _move(engine: sa.Engine, number: int, *where: sa.ColumnElement[bool], **values: Any) -> int:
    statement = _members(number, *where).values(**values)
    return in_transaction(engine, lambda c: int(c.execute(statement).rowcount))
