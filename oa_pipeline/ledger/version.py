"""Whether anything has changed that pages show, in one question."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by

from .reading import row
from .tables import RunStatus, builds, jobs, partitions, pointers, runs, sets

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class DataVersion(NamedTuple):
    """`version` is equal as long as nothing that pages show has changed; `newest` is when it last did."""

    version: str
    newest: datetime


_STATUS, _OPEN = sa.cast(jobs.c.status, sa.Text), jobs.c.ended_at.is_(None)
# Numbers are given in order, but transactions do not end in it: that one more has ended shows in how many have not.
_ASKED = {
    "run": sa.select(sa.func.max(runs.c.id)),
    "running": sa.select(sa.func.count()).where(runs.c.status == RunStatus.RUNNING.value),
    "swapped": sa.select(sa.func.max(pointers.c.swapped_at)),
    "job": sa.select(sa.func.max(jobs.c.sequence)),
    "open_jobs": sa.select(sa.func.string_agg(_STATUS, aggregate_order_by(sa.literal(" "), jobs.c.sequence))).where(
        _OPEN
    ),
    "set": sa.select(sa.func.max(sets.c.id)),
    "set_ended": sa.select(sa.func.max(sets.c.ended_at)),
    "build": sa.select(sa.func.max(builds.c.id)),
    "built": sa.select(sa.func.max(builds.c.ended_at)),
    "changed": sa.select(sa.func.max(partitions.c.changed_at)),
    "removed": sa.select(sa.func.max(partitions.c.removed_at)),
    "started": sa.select(runs.c.started_at).order_by(runs.c.id.desc()).limit(1),
}

_DIALECT = sa.make_url("postgresql+psycopg2://").get_dialect()()


def _as_text() -> sa.TextClause:
    """The whole question, put together once: every request asks it, and that took longer than its answer."""
    query = sa.select(*(one.scalar_subquery().label(name) for name, one in _ASKED.items()))
    return sa.text(str(query.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True})))


_QUESTION = _as_text()


def data_version(engine: sa.Engine) -> DataVersion:
    """The version of all that pages show: runs, jobs, sets, builds and data sources."""
    found = row(engine, _QUESTION)
    assert found is not None  # a question without FROM has one row
    digest = hashlib.sha256("\n".join(str(value) for value in found.values()).encode()).hexdigest()
    moments = [value for value in found.values() if isinstance(value, datetime)]
    return DataVersion(digest[:16], max(moments, default=EPOCH))
