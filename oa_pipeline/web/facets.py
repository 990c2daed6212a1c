"""Narrowing a list by what its rows are: which rows are meant, and how many there would be of each other choice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from ..sources.model import Layer
from .endpoints import Parameter
from .searching import words


class Searched(Protocol):
    """What a search looks into."""

    @property
    def words(self) -> str:
        """As `folded` writes them."""


T = TypeVar("T")
S = TypeVar("S", bound=Searched)
LAYERS = tuple(str(layer) for layer in Layer)
LAYER = Parameter("layer", "one layer", allowed=LAYERS)
COUNTRY = Parameter("country", "the first part of the path: a country's code", most=40)
SEARCH = Parameter("q", "words of the key, or of the names of its publisher, county, state or country")
Kinds = Mapping[str, Callable[[T], str]]  # by the parameter's name: which of its values a row has


def holding(rows: Sequence[S], text: str) -> Sequence[S]:
    """The rows that have every word of the text."""
    wanted = words(text)
    return [one for one in rows if all(word in one.words for word in wanted)] if wanted else rows


def chosen(rows: Sequence[T], kinds: Kinds[T], asked: Mapping[str, Any], *, but: str = "") -> Sequence[T]:
    """The rows that have every value that is asked for; `but`: whatever they have of this one."""
    wanted = [(kind, asked[name]) for name, kind in kinds.items() if name != but and asked[name]]
    return [one for one in rows if all(kind(one) == value for kind, value in wanted)] if wanted else rows


def facet(rows: Sequence[T], kinds: Kinds[T], asked: Mapping[str, Any], name: str) -> dict[str, int]:
    """How many rows there would be of each value, with the other choices as they are; of none, there is no choice."""
    counts = Counter(map(kinds[name], chosen(rows, kinds, asked, but=name)))
    return {value: count for value, count in sorted(counts.items()) if value}
