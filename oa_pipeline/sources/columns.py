"""Which columns a conform reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from .model import Conform

_NAMING = frozenset({"name", "names", "field", "fields", "field_to_remove"})


def named_columns(conform: Conform) -> frozenset[str]:
    """Every name that a value of `conform` reads, columns and computed names alike."""
    return frozenset(name for _, value in conform.attributes for name in _named(value))


def _named(value: Any) -> Iterator[str]:
    if not is_dataclass(value):
        return
    for part in fields(value):
        held = getattr(value, part.name)
        if part.name == "steps":
            for step in held:
                yield from _named(step)
        elif part.name in _NAMING:
            yield from (held,) if isinstance(held, str) else held
