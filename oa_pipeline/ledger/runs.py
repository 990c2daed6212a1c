"""The life of a run: opened with a number and a fencing token, it beats, and it ends exactly once.

Opening a run for a data source takes the fencing token of its partition: whoever held it before is ended as lost. Only
the holder may end its run with a result, and the pointer to the latest result moves in that same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ..errors import PublishError
from ..sources.model import Licence
from ..text import clean_text
from .engine import in_transaction
from .tables import RunStatus, late_results, partitions, pointers, run_numbers, runs


@dataclass(frozen=True, slots=True)
class Opening:
    """Who is about to process what."""

    key: str
    dagster_run_id: str = ""
    attempt: int = 0
    code_version: str = ""
    set_id: int | None = None
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    """A run that was opened: its public number, and the token that lets its holder end it."""

    number: int
    key: str
    token: int
    predecessor: int | None = None
    pull_request: int | None = None

    @property
    def prefix(self) -> str:
        """Where this run's objects lie in the store."""
        return f"{'runs' if self.pull_request is None else 'pr'}/{self.number}/"


@dataclass(frozen=True, slots=True)
class CacheFacts:
    """What was downloaded."""

    sha256: str
    md5: str
    size: int
    content_type: str
    validators: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: one field for each fact that the ledger keeps."""

    status: RunStatus
    ended_at: datetime
    problem: str | None = None
    detail: str = ""
    cure: str = ""
    warnings: Sequence[str] = ()
    tests_passed: bool | None = None
    cache: CacheFacts | None = None
    rows: int | None = None
    sampled: bool = False
    counters: dict[str, int] = field(default_factory=dict)
    content_hash: str = ""
    data_version: str = ""
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    prefix: str = ""
    geometry_type: str = ""
    bounds: tuple[float, float, float, float] | None = None
    licence: Licence = field(default_factory=Licence)
    website: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    cpu_seconds: float | None = None
    peak_memory: int | None = None
    walls: dict[str, str] = field(default_factory=dict)
    copy_of: int | None = None
    # what the gate said, see `ledger.gate`
    held_because: Sequence[str] = ()
    compared_with: int | None = None
    decided_by: str = ""  # who let it through although it lost that much, or rejected it
    agrees_with: Sequence[int] = ()  # held runs that are let through by this one


def open_run(engine: sa.Engine, opening: Opening, *, now: datetime, outage_seconds: float = 60.0) -> Ticket:
    """A new run of the data source, with the next number and the partition's token.

    A run of the same data source that had not ended is ended as lost and names this one as its successor; so does the
    lost one that the same run of Dagster's made before.
    Raises PublishError where the ledger does not know the data source.
    """

    def work(connection: sa.Connection) -> Ticket:
        held = connection.execute(
            sa.update(partitions)
            .where(partitions.c.key == opening.key)
            .values(token=partitions.c.token + 1)
            .returning(partitions)
        ).one_or_none()
        if held is None:
            raise PublishError(
                f"the ledger has no data source {opening.key!r}", cure="`oa sources sync` reads the source repository"
            )
        number = connection.execute(sa.select(run_numbers.next_value())).scalar_one()
        former = _end_former(connection, opening.key, now) or _lost_before(connection, opening)
        connection.execute(
            sa.insert(runs).values(
                id=number,
                token=held.token,
                dagster_run_id=opening.dagster_run_id,
                attempt=opening.attempt,
                code_version=opening.code_version,
                set_id=opening.set_id,
                job_id=opening.job_id,
                pull_request=held.pull_request,
                predecessor=former,
                started_at=now,
                beat_at=now,
                **{c: getattr(held, c) for c in ("key", "source", "layer", "name", "blob_sha", "digest", "commit_sha")},
            )
        )
        if former is not None:
            connection.execute(sa.update(runs).where(runs.c.id == former).values(successor=number))
        return Ticket(number, opening.key, held.token, former, held.pull_request)

    return in_transaction(engine, work, outage_seconds=outage_seconds)


def _end_former(connection: sa.Connection, key: str, now: datetime) -> int | None:
    return connection.execute(
        sa.update(runs)
        .where(runs.c.key == key, runs.c.status == RunStatus.RUNNING.value)
        .values(status=RunStatus.LOST.value, ended_at=now, detail="a newer run of the same data source took over")
        .returning(runs.c.id)
    ).scalar_one_or_none()


def _lost_before(connection: sa.Connection, opening: Opening) -> int | None:
    if not opening.dagster_run_id:
        return None
    return connection.execute(
        sa.select(runs.c.id)
        .where(
            runs.c.dagster_run_id == opening.dagster_run_id,
            runs.c.key == opening.key,
            runs.c.status == RunStatus.LOST.value,
            runs.c.successor.is_(None),
        )
        .order_by(runs.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()


def beat(engine: sa.Engine, ticket: Ticket, *, now: datetime | None = None) -> bool:
    """Records that the run is alive. False: it has ended, or another holds the token, and going on is in vain.

    By the database's clock as it is then: a run that counts its own time would be silent once that has been set.
    """

    def work(connection: sa.Connection) -> bool:
        done = connection.execute(
            sa.update(runs)
            .where(runs.c.id == ticket.number, runs.c.status == RunStatus.RUNNING.value, runs.c.token == ticket.token)
            .values(beat_at=now or sa.func.clock_timestamp())
        )
        return done.rowcount == 1

    return in_transaction(engine, work, outage_seconds=0)


def end_run(engine: sa.Engine, ticket: Ticket, ending: Ending, *, outage_seconds: float = 600.0) -> bool:
    """Ends the run; where it succeeded, its data source's pointer moves to it in the same transaction.

    False: the run had already ended or another run holds the partition's token; nothing changed but for a row in
    `late_results`. Repeating the same call after a lost answer gives True again.
    """

    def work(connection: sa.Connection) -> bool:
        holder = connection.scalar(
            sa.select(partitions.c.token).where(partitions.c.key == ticket.key).with_for_update()
        )
        found = connection.execute(
            sa.select(runs.c.status, runs.c.ended_at, runs.c.token).where(runs.c.id == ticket.number).with_for_update()
        ).one()
        if found.status != RunStatus.RUNNING.value or holder != ticket.token or found.token != ticket.token:
            if (found.status, found.ended_at, found.token) == (ending.status.value, ending.ended_at, ticket.token):
                return True
            _refuse(connection, ticket, ending, found.status)
            return False
        connection.execute(sa.update(runs).where(runs.c.id == ticket.number).values(columns_of(ending)))
        if ending.status is RunStatus.SUCCEEDED and ticket.pull_request is None:
            let_through(connection, ending.agrees_with, f"run {ticket.number}", ending.ended_at)
            point_at(connection, ticket, ending.ended_at)
        return True

    return in_transaction(engine, work, outage_seconds=outage_seconds)


def columns_of(ending: Ending) -> dict[str, Any]:
    """The row's values; text is cleaned of what PostgreSQL refuses (JSON is cleaned by the engine)."""
    cache = ending.cache
    values: dict[str, Any] = {
        "status": ending.status.value,
        "warnings": list(ending.warnings),
        "bounds": list(ending.bounds) if ending.bounds else None,
        "problem": _text(ending.problem) if ending.problem else None,
        "licence": _text(ending.licence.text),
        "attribution_required": ending.licence.attribution_required,
        "attribution_name": _text(ending.licence.attribution_name),
        "share_alike": ending.licence.share_alike,
        "cache_sha256": cache.sha256 if cache else None,
        "cache_md5": cache.md5 if cache else None,
        "cache_size": cache.size if cache else None,
        "cache_content_type": _text(cache.content_type) if cache else None,
        "validators": cache.validators if cache else {},
    }
    texts = ("detail", "cure", "content_hash", "data_version", "prefix", "geometry_type", "website")
    values.update({name: _text(getattr(ending, name)) for name in texts})
    plain = (
        "ended_at", "tests_passed", "rows", "counters", "outputs", "seconds", "cpu_seconds", "peak_memory", "walls",
        "copy_of", "sampled",
    )  # fmt: skip
    values.update({name: getattr(ending, name) for name in plain})
    values["beat_at"] = ending.ended_at
    return values | _gate_columns(ending)


def _gate_columns(ending: Ending) -> dict[str, Any]:
    decided = ending.ended_at if ending.decided_by else None
    by = _text(ending.decided_by) or None
    accepted = ending.status is RunStatus.SUCCEEDED
    return {
        "held_because": [_text(reason) for reason in ending.held_because] or None,
        "compared_with": ending.compared_with,
        "accepted_at": decided if accepted else None,
        "accepted_by": by if accepted else None,
        "rejected_at": None if accepted else decided,
        "rejected_by": None if accepted else by,
    }


def _text(text: str) -> str:
    return clean_text(text)[0]


def let_through(connection: sa.Connection, numbers: Sequence[int], by: str, now: datetime) -> None:
    """Those of these runs that are held are good runs from now on. No pointer moves."""
    if numbers:
        connection.execute(
            sa.update(runs)
            .where(runs.c.id.in_(numbers), runs.c.status == RunStatus.HELD.value)
            .values(
                status=RunStatus.SUCCEEDED.value,
                accepted_at=now,
                accepted_by=_text(by),
                rejected_at=None,
                rejected_by=None,
            )
        )


def point_at(connection: sa.Connection, ticket: Ticket, now: datetime) -> None:
    """Moves the pointer of the ticket's data source to its run, unless it names a newer one."""
    put = insert(pointers).values(key=ticket.key, run_id=ticket.number, swapped_at=now)
    connection.execute(
        put.on_conflict_do_update(
            index_elements=[pointers.c.key],
            set_={"run_id": put.excluded.run_id, "swapped_at": put.excluded.swapped_at},
            where=pointers.c.run_id < put.excluded.run_id,
        )
    )


def _refuse(connection: sa.Connection, ticket: Ticket, ending: Ending, found: str) -> None:
    connection.execute(
        sa.insert(late_results).values(
            run_id=ticket.number,
            token=ticket.token,
            status=ending.status.value,
            found=found,
            detail=_text(ending.detail),
            at=ending.ended_at,
        )
    )


def end_absent(engine: sa.Engine, number: int, status: RunStatus, detail: str, *, now: datetime | None = None) -> bool:
    """Ends a run whose process is known to be gone, as lost or cancelled. False where it had ended meanwhile."""
    ended_at = now or sa.func.clock_timestamp()

    def work(connection: sa.Connection) -> bool:
        done = connection.execute(
            sa.update(runs)
            .where(runs.c.id == number, runs.c.status == RunStatus.RUNNING.value)
            .values(status=status.value, ended_at=ended_at, detail=_text(detail))
        )
        return done.rowcount == 1

    return in_transaction(engine, work)
