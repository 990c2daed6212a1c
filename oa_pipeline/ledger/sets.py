"""Sets: opened once, one at a time, and ended once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ..errors import OAError
from ..text import clean_text
from .engine import in_transaction
from .reading import Row, row, rows
from .tables import Outcome, SetStatus, Step, runs, set_members, sets

BLOCK = 1000  # members a statement
UNKNOWN_SECONDS = 60.0  # of work, where no member's is known
OPENING = 0x0A5E7  # the advisory lock of whoever opens a set


@dataclass(frozen=True, slots=True)
class NewSet:
    """What is asked for. `once`: whoever is `asked_by` gets one set, however often it asks."""

    repository: str
    deadline_at: datetime
    commit_sha: str = ""
    only: str = ""
    asked_by: str = ""
    force: bool = False
    once: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """A data source of a set. `expected_seconds`: what it is likely to take; None where nobody knows."""

    key: str
    host: str = ""
    expected_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a set has come: members by step, by outcome and, of failed ones, by problem."""

    steps: Mapping[str, int]
    outcomes: Mapping[str, int]
    problems: Mapping[str, int]
    expected: Mapping[str, float] = field(default_factory=dict)  # seconds of work by step; what is not known: as others

    @property
    def members(self) -> int:
        """All of them."""
        return sum(self.steps.values())

    @property
    def ended(self) -> int:
        """Those that are through."""
        return self.steps.get(Step.ENDED.value, 0)

    def as_json(self) -> dict[str, Any]:
        """What a set keeps of it at its end."""
        return {"members": self.members, "ended": self.ended, **self.outcomes, "problems": dict(self.problems)}


class SetRuns(OAError):  # noqa: N818 - a fact
    """Another set has not ended."""

    def __init__(self, number: int) -> None:
        """`number` is that of the set that runs."""
        super().__init__(
            f"set {number} has not ended, and there is one at a time",
            cure=f"`oa set show {number}` tells how far it is, `oa set cancel {number}` ends it",
        )
        self.number = number


def open_set(engine: sa.Engine, new: NewSet, members: Sequence[Member], *, now: datetime) -> int:
    """The number of a new set with these members, in the order in which they are to be taken.

    With `force` nobody is asked whether anything has changed: all are due. Raises SetRuns while another is open.
    """

    def work(connection: sa.Connection) -> int:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(OPENING)))
        known = _same(connection, new, now)
        if known is not None:
            return known
        other = connection.scalar(sa.select(sets.c.id).where(sets.c.status == SetStatus.OPEN.value))
        if other is not None:
            raise SetRuns(other)
        number = _insert(connection, new, now)
        step = Step.CHANGED if new.force else Step.WAITING
        for start in range(0, len(members), BLOCK):
            values = [
                {
                    "set_id": number,
                    "key": one.key,
                    "position": position,
                    "host": one.host,
                    "expected_seconds": one.expected_seconds,
                    "step": step.value,
                    "moved_at": now,
                }
                for position, one in enumerate(members[start : start + BLOCK], start)
            ]
            connection.execute(insert(set_members).values(values))
        return number

    return in_transaction(engine, work)


def _same(connection: sa.Connection, new: NewSet, now: datetime) -> int | None:
    """The set that this very call has opened before, its answer having been lost, or that was to be opened once."""
    query = sa.select(sets.c.id).where(sets.c.asked_by == new.asked_by)
    if not new.once:
        query = query.where(sets.c.started_at == now, sets.c.status == SetStatus.OPEN.value)
    return connection.scalar(query.order_by(sets.c.id.desc()).limit(1))


def _insert(connection: sa.Connection, new: NewSet, now: datetime) -> int:
    names = ("repository", "commit_sha", "only", "asked_by", "force", "deadline_at")
    values = {name: getattr(new, name) for name in names}
    return int(connection.execute(sa.insert(sets).values(**values, started_at=now).returning(sets.c.id)).scalar_one())


def end_set(
    engine: sa.Engine, number: int, status: SetStatus, *, detail: str = "", counts: Mapping[str, Any], now: datetime
) -> bool:
    """Ends the set, and notes which versions of the code its runs had. False where it had ended before."""
    versions = sa.select(runs.c.code_version).where(runs.c.set_id == number, runs.c.code_version != "").distinct()

    def work(connection: sa.Connection) -> bool:
        done = connection.execute(
            sa.update(sets)
            .where(sets.c.id == number, sets.c.status == SetStatus.OPEN.value)
            .values(
                status=status.value,
                detail=clean_text(detail)[0],
                counts=dict(counts),
                code_versions=sorted(connection.scalars(versions)),
                ended_at=now,
            )
        )
        return done.rowcount == 1

    return in_transaction(engine, work)


def open_one(engine: sa.Engine) -> Row | None:
    """The set that has not ended."""
    return row(engine, sa.select(sets).where(sets.c.status == SetStatus.OPEN.value))


def newest(engine: sa.Engine) -> Row | None:
    """The set that was opened last."""
    return row(engine, sa.select(sets).order_by(sets.c.id.desc()).limit(1))


def set_of(engine: sa.Engine, number: int) -> Row | None:
    """One set."""
    return row(engine, sa.select(sets).where(sets.c.id == number))


def latest_complete(engine: sa.Engine) -> Row | None:
    """The newest complete set over everything: one of a part of the sources is not what readers mean."""
    whole = (sets.c.status == SetStatus.COMPLETE.value, sets.c.only == "")
    return row(engine, sa.select(sets).where(*whole).order_by(sets.c.id.desc()).limit(1))


def listed(engine: sa.Engine, *, before: int | None = None, limit: int = 25) -> list[Row]:
    """Sets, the newest first; `before`: only those of a lower number."""
    query = sa.select(sets).order_by(sets.c.id.desc()).limit(limit)
    return rows(engine, query if before is None else query.where(sets.c.id < before))


def ended_after(engine: sa.Engine, number: int, limit: int = 5) -> list[Row]:
    """The newest sets with a higher number that have ended, the oldest of them first."""
    query = (
        sa.select(sets).where(sets.c.id > number, sets.c.ended_at.is_not(None)).order_by(sets.c.id.desc()).limit(limit)
    )
    return rows(engine, query)[::-1]


def ended_since(engine: sa.Engine, moment: datetime, limit: int = 5) -> list[int]:
    """The numbers of the newest sets, as far as they have ended since then."""
    newest_ones = sa.select(sets.c.id, sets.c.ended_at).order_by(sets.c.id.desc()).limit(limit).subquery()
    query = sa.select(newest_ones.c.id).where(newest_ones.c.ended_at >= moment)
    return [found["id"] for found in rows(engine, query)]


def tally(engine: sa.Engine, number: int) -> Tally:
    """How far the set has come."""
    usual = sa.select(sa.func.avg(set_members.c.expected_seconds)).where(set_members.c.set_id == number)
    seconds = sa.func.coalesce(set_members.c.expected_seconds, usual.scalar_subquery(), UNKNOWN_SECONDS)
    query = (
        sa.select(
            set_members.c.step,
            set_members.c.outcome,
            runs.c.problem,
            sa.func.count().label("members"),
            sa.func.sum(seconds).label("seconds"),
        )
        .outerjoin(runs, runs.c.id == set_members.c.run_id)
        .where(set_members.c.set_id == number)
        .group_by(set_members.c.step, set_members.c.outcome, runs.c.problem)
    )
    steps: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    problems: dict[str, int] = {}
    expected: dict[str, float] = {}
    for found in rows(engine, query):
        _add(steps, found["step"], found["members"])
        _add(outcomes, found["outcome"], found["members"])
        _add(problems, found["problem"] or "", found["members"])
        expected[found["step"]] = expected.get(found["step"], 0.0) + found["seconds"]
    return Tally(steps, _most_first(outcomes), _most_first(problems), expected)


def _add(counts: dict[str, int], name: str, more: int) -> None:
    if name:
        counts[name] = counts.get(name, 0) + more


def _most_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def hosts(engine: sa.Engine, number: int) -> list[Row]:
    """The publishers' hosts with a failed member: host, how many have `ended`, how many of them `failed`."""
    failed = set_members.c.outcome == Outcome.FAILED.value
    query = (
        sa.select(
            set_members.c.host,
            sa.func.count().label("ended"),
            sa.func.count().filter(failed).label("failed"),
            sa.func.mode().within_group(runs.c.problem).filter(failed).label("problem"),
        )
        .outerjoin(runs, runs.c.id == set_members.c.run_id)
        .where(set_members.c.set_id == number, set_members.c.step == Step.ENDED.value)
        .group_by(set_members.c.host)
        .having(sa.func.count().filter(failed) > 0)
        .order_by(sa.desc("failed"), set_members.c.host)
    )
    return rows(engine, query)


def not_ended(engine: sa.Engine, number: int, limit: int = 50) -> list[str]:
    """The first keys of members that have not ended, in the set's order."""
    query = (
        sa.select(set_members.c.key)
        .where(set_members.c.set_id == number, set_members.c.step != Step.ENDED.value)
        .order_by(set_members.c.position)
        .limit(limit)
    )
    return [found["key"] for found in rows(engine, query)]
