"""Narrowing a list by what its rows are: which rows are meant, and how many there would be of each other choice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Kinds = Mapping[str, Callable[[T], str]]  # by the parameter's name: which of its values a row has


def chosen(rows: Sequence[T], kinds: Kinds[T], asked: Mapping[str, Any], *, but: str = "") -> Sequence[T]:
    """The rows that have every value that is asked for; `but`: whatever they have of this one."""
    wanted = [(kind, asked[name]) for name, kind in kinds.items() if name != but and asked[name]]
    return [one for one in rows if all(kind(one) == value for kind, value in wanted)] if wanted else rows


def facet(rows: Sequence[T], kinds: Kinds[T], asked: Mapping[str, Any], name: str) -> dict[str, int]:
    """How many rows there would be of each value, with the other choices as they are; of none, there is no choice."""
    counts = Counter(map(kinds[name], chosen(rows, kinds, asked, but=name)))
    return {value: count for value, count in sorted(counts.items()) if value}
