"""The life of data sources in few words: declared, run, proposed by a pull request, merged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.runs import Ending, Opening, end_run, open_run
from oa_pipeline.ledger.tables import RunStatus, jobs, partitions, runs

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def declare(engine: sa.Engine, key: str, **facts: Any) -> str:
    """Makes the data source known, or brings it up to date; gives its key."""
    source, layer, name = key.rsplit("/", 2)
    held = {"declared": {}, "coverage": {}, "digest": "d1", "blob_sha": "b1", "commit_sha": "c1", **facts}
    record(engine, [Declared(key=key, **{"source": source, "layer": layer, "name": name, **held})], now=NOW)
    return key


def run(
    engine: sa.Engine,
    key: str,
    status: RunStatus = RunStatus.SUCCEEDED,
    *,
    at: datetime = NOW,
    code_version: str = "1",
    job_id: str | None = None,
    set_id: int | None = None,
    problem: str = "Could not download source data",
    **facts: Any,
) -> int:
    """One run from beginning to end; gives its number."""
    ticket = open_run(engine, Opening(key, code_version=code_version, set_id=set_id, job_id=job_id), now=at)
    why = problem if status is RunStatus.FAILED else None
    held = {"held_because": ("lost half of its rows",)} if status is RunStatus.HELD else {}
    assert end_run(engine, ticket, Ending(status, at + MINUTE, why, **{"rows": 3, **held, **facts}))
    return ticket.number


def propose(engine: sa.Engine, key: str, *, pull_request: int = 7, head: str = "a" * 40, **facts: Any) -> str:
    """A pull request's partition that proposes this data source; gives its key."""
    source, layer, name = key.rsplit("/", 2)
    proposal = f"{pull_request}/{head}/{key}"
    declare(engine, proposal, source=source, layer=layer, name=name, **facts)
    change = sa.update(partitions).where(partitions.c.key == proposal)
    with engine.begin() as connection:
        connection.execute(change.values(pull_request=pull_request, proposes=key))
    return proposal


def job(engine: sa.Engine, *, pull_request: int = 7, head: str = "a" * 40, merged: bool | None = None) -> str:
    """A job of the pull request at this head; gives its id."""
    made = f"job-{pull_request}-{head[:3]}"
    values = {
        "id": made, "repository": "o/r", "event": "pull_request", "pull_request": pull_request, "head_sha": head,
        "merged": merged, "created_at": NOW, "deadline_at": NOW,
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(sa.insert(jobs).values(values))
    return made


def counts_by_status(engine: sa.Engine) -> dict[str, int]:
    """How many runs stand how."""
    query = sa.select(runs.c.status, sa.func.count()).group_by(runs.c.status)
    with engine.connect() as connection:
        return {status: count for status, count in connection.execute(query)}
