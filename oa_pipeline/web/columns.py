"""Columns of the ledger as fields of results: their types and what they are, as the tables say it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .endpoints import Field, Kind

if TYPE_CHECKING:
    import sqlalchemy as sa

_KINDS: Mapping[type, Kind] = {
    bool: Kind.BOOLEAN,
    int: Kind.INTEGER,
    float: Kind.NUMBER,
    datetime: Kind.MOMENT,
    list: Kind.ARRAY,
}
_JSON = frozenset({"JSON", "JSONB"})


def columns(table: sa.Table, names: Iterable[str]) -> tuple[Field, ...]:
    """These columns of the table."""
    held = [table.c[name] for name in names]
    return tuple(Field(one.name, _kind(one), one.comment or one.name.replace("_", " ")) for one in held)


def _kind(column: sa.Column[Any]) -> Kind:
    if type(column.type).__name__ in _JSON:
        return Kind.OBJECT
    return _KINDS.get(column.type.python_type, Kind.STRING)
