"""Sorted tables in parts: what comes after or before a row, whatever has been added or removed meanwhile."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, Generic, TypeVar

from .endpoints import LAST_NUMBER, Asked, BadRequest, Field, Kind, Link, Parameter
from .rendering import iso

T = TypeVar("T")
Value = str | float | None
PER = 100
PAGE = Parameter("page", "where to go on: what a link to the next or former part says", most=2000)
ORDER = Parameter("order", "up or down", allowed=("up", "down"), default="up")
PER_PAGE = Parameter("per", "rows in one part", Kind.INTEGER, default=PER, least=1, most=1000)
# No page shows it: the links of these lists have always had it.
PLACE = Parameter(
    "n", "which one the first one shown is, counted from 1", Kind.INTEGER, default=1, least=1, most=LAST_NUMBER
)
OTHER_PARTS = (Field("next", Kind.STRING, "where it goes on"), Field("prev", Kind.STRING, "the part before"))


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """Some rows of a table, and what `page` is for those after and before them; empty: there are none."""

    rows: Sequence[T]
    next: str = ""
    prev: str = ""

    def links(self, asked: Asked) -> tuple[Link, ...]:
        """The links to those parts."""
        found = (("prev", self.prev), ("next", self.next))
        return tuple(Link(rel, asked.link(page=page)) for rel, page in found if page)


def ordered_by(sorts: Mapping[str, Any], default: str, *, per: Parameter = PER_PAGE) -> tuple[Parameter, ...]:
    """The parameters of a table that can be sorted so and is shown in parts."""
    return (Parameter("sort", "the order", allowed=tuple(sorts), default=default), ORDER, per, PAGE)


def part_asked(
    asked: Asked, rows: Sequence[T], sorts: Mapping[str, Callable[[T], object]], key: Callable[[T], str]
) -> Part[T]:
    """The part that the parameters of `ordered_by` ask for. Raises BadRequest as `part_of` does."""
    down = asked["order"] == "down"
    return part_of(rows, sorts[asked["sort"]], key, down=down, page=asked["page"], per=asked["per"])


def older(asked: Asked, found: Sequence[Mapping[str, Any]], per: int) -> tuple[Sequence[Any], tuple[Link, ...]]:
    """One part of a table that begins with the newest, and the link to what is older.

    `found` has one row more than the part where there is anything older.
    """
    shown = found[:per]
    if len(found) <= per:
        return shown, ()
    return shown, (Link("next", asked.link(past=shown[-1]["id"], n=asked["n"] + len(shown))),)


def part_of(
    rows: Sequence[T], value: Callable[[T], object], key: Callable[[T], str], *, down: bool, page: str, per: int
) -> Part[T]:
    """The part that `page` names of the rows in the order of `value`, then of `key`; rows without value are last.

    Raises BadRequest for a page that no link ever named.
    """
    ordered = _ordered(rows, value, key, down)
    if not page:
        start = 0
    else:
        backwards, at, name = _parsed(page)
        try:
            first = _first_at(ordered, value, key, down, (at, name), after=not backwards)
        except TypeError:
            raise _unknown() from None
        start = max(0, first - per) if backwards else first
    shown = ordered[start : start + per]
    after = _named(">", shown[-1], value, key) if shown and start + per < len(ordered) else ""
    before = _named("<", shown[0], value, key) if shown and start else ""
    return Part(shown, after, before)


def _ordered(rows: Sequence[T], value: Callable[[T], object], key: Callable[[T], str], down: bool) -> list[T]:
    ordered = sorted(rows, key=key)
    if value is key:
        return ordered[::-1] if down else ordered
    values = [(_plain(value(row)), row) for row in ordered]
    known = [pair for pair in values if pair[0] is not None]
    known.sort(key=itemgetter(0), reverse=down)
    return [row for _, row in known] + [row for at, row in values if at is None]


def _first_at(
    ordered: Sequence[T],
    value: Callable[[T], object],
    key: Callable[[T], str],
    down: bool,
    mark: tuple[Value, str],
    *,
    after: bool,
) -> int:
    """The index of the first row that comes after the mark; of the first that does not come before it."""
    low, high = 0, len(ordered)
    while low < high:
        middle = (low + high) // 2
        place = _compared((_plain(value(ordered[middle])), key(ordered[middle])), mark, down)
        if place < 0 or (after and place == 0):
            low = middle + 1
        else:
            high = middle
    return low


def _compared(one: tuple[Value, str], other: tuple[Value, str], down: bool) -> int:
    (a, a_key), (b, b_key) = one, other
    if a is None or b is None:
        if (a is None) != (b is None):
            return 1 if a is None else -1
    elif a != b:
        less: bool = a < b  # type: ignore[operator]
        return -1 if less != down else 1
    return (a_key > b_key) - (a_key < b_key)


def _plain(value: object) -> Value:
    if isinstance(value, datetime):
        return iso(value)
    if value is None or isinstance(value, str | int | float):
        return value
    return str(value)


def _named(direction: str, row: Any, value: Callable[[Any], object], key: Callable[[Any], str]) -> str:
    at, name = _plain(value(row)), key(row)
    text = json.dumps(
        [direction, name] if at == name else [direction, at, name], ensure_ascii=False, separators=(",", ":")
    )
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _parsed(page: str) -> tuple[bool, Value, str]:
    try:
        found = json.loads(base64.b64decode(page + "=" * (-len(page) % 4), altchars=b"-_", validate=True))
        direction, at, name = (found[0], found[1], found[-1])
    except (ValueError, TypeError, LookupError, RecursionError):
        raise _unknown() from None
    fine = direction in ("<", ">") and isinstance(name, str) and (at is None or isinstance(at, str | int | float))
    if not fine or isinstance(at, bool):
        raise _unknown()
    return direction == "<", at, name


def _unknown() -> BadRequest:
    return BadRequest("page cannot be used", cure="page is what a link to a next or former part says; leave it out")
