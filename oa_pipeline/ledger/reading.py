"""How the ledger's answers come: a query's rows as plain mappings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa

from .engine import in_transaction

T = TypeVar("T")
Row = Mapping[str, Any]
Engine = sa.Engine  # for those who pass it on and speak no SQL


def rows(where: sa.Engine | sa.Connection, query: sa.Executable) -> list[Row]:
    """All rows of the query, by column name; in the caller's transaction where its connection is given."""

    def work(connection: sa.Connection) -> list[Row]:
        found = connection.execute(query)
        names = tuple(found.keys())
        return [dict(zip(names, values, strict=True)) for values in found.all()]

    return work(where) if isinstance(where, sa.Connection) else in_transaction(where, work)


def records(engine: sa.Engine, query: sa.Executable, made: Callable[..., T]) -> list[T]:
    """All rows of the query, each `made` of its columns in their order: for many rows of which little is wanted."""

    def work(connection: sa.Connection) -> list[T]:
        return [made(*values) for values in connection.execute(query).all()]

    return in_transaction(engine, work)


def row(where: sa.Engine | sa.Connection, query: sa.Executable) -> Row | None:
    """The first row of the query; None where there is none."""
    found = rows(where, query)
    return found[0] if found else None
