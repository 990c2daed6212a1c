"""Whether anything has changed that pages show, in one question."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa

from .reading import row

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUESTION = sa.text("SELECT * FROM oa.data_version()")  # of the migrations: the newest of each table that pages show


class DataVersion(NamedTuple):
    """`version` is equal as long as nothing that pages show has changed; `newest` is when it last did."""

    version: str
    newest: datetime


def data_version(engine: sa.Engine) -> DataVersion:
    """The version of all that pages show: runs, jobs, sets, builds and data sources."""
    found = row(engine, _QUESTION)
    assert found is not None  # the function gives one row, whatever there is
    digest = hashlib.sha256("\n".join(str(value) for value in found.values()).encode()).hexdigest()
    moments = [value for value in found.values() if isinstance(value, datetime)]
    return DataVersion(digest[:16], max(moments, default=EPOCH))
