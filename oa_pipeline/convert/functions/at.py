"""Where in a conform a value stands: the names it can see, the limits it must keep, and what it found missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from ...counters import Counters
from ...errors import ConvertError
from ..task import Limits
from .plan import Plan, Ref

MOST_FIELDS = 500


@dataclass(frozen=True, slots=True)
class Cell:
    """What a value gives: a text column, and beside it what it is in JSON where that may differ from the text.

    `wrote` is False, or a Boolean column, where a function leaves what a chain has so far as it is.
    """

    text: Ref
    json: Ref | None = None
    wrote: Ref | bool = True


@dataclass(slots=True)
class Notes:
    """What compiling came upon, in order; shared by all places of one program."""

    missing: list[tuple[str, str]] = field(default_factory=list)  # attribute, column
    unknown: list[tuple[str, str]] = field(default_factory=list)  # place, function
    counters: Counters = field(default_factory=Counters)


@dataclass(frozen=True, slots=True)
class At:
    """One place of one conform."""

    attribute: str
    place: str
    plan: Plan
    columns: frozenset[str]
    attributes: frozenset[str]  # the layer's published ones
    names: Mapping[str, Ref]  # computed so far and visible here, by `oa:` name or a chain's bare one
    holed: frozenset[Ref]  # those of them that have null in rows where the name does not exist
    limits: Limits
    notes: Notes
    working: str  # what the value is called while it is made: the attribute, or the variable of the chain around it
    own: frozenset[str]  # names that could only mean the value itself, before anything made one
    depth: int = 0  # of chains around this place

    def step(
        self, number: int, working: str, names: Mapping[str, Ref], own: frozenset[str], holed: frozenset[Ref]
    ) -> At:
        """The place of a chain's step."""
        return replace(
            self,
            place=f"{self.place}.functions[{number}]",
            names=names,
            holed=holed,
            working=working,
            own=own - names.keys() if number == 0 else frozenset(),
            depth=self.depth + 1,
        )

    def find(self, name: str) -> Ref | None:
        """The column of that name; None, and a note, where there is none."""
        if name in self.names:
            return self.names[name]
        if name in self.columns:
            return self.plan.source(name)
        if name in self.own:
            raise ConvertError(
                f"{name!r} is this value itself, before it has one",
                cure="name a column of the data, or an earlier step",
                place=self.place,
            )
        if (self.attribute, name) not in self.notes.missing:
            self.notes.missing.append((self.attribute, name))
        return None

    def cell(self, name: str) -> Ref:
        """The column of that name; empty text where there is none."""
        found = self.find(name)
        return self.blank if found is None else self.filled(found)

    def cells(self, names: tuple[str, ...]) -> list[Ref | None]:
        """The columns of those names. Raises ConvertError for more than MOST_FIELDS."""
        if len(names) > MOST_FIELDS:
            raise ConvertError(f"{len(names)} fields, more than {MOST_FIELDS}", cure="name fewer", place=self.place)
        return [self.find(name) for name in names]

    def filled(self, cell: Ref) -> Ref:
        """`cell` with empty text in rows where it does not exist."""
        return self.plan.expression("filled", (cell,), _filled) if cell in self.holed else cell

    def there(self, cells: list[Ref]) -> Ref | bool:
        """In which rows all `cells` exist."""
        holed = [cell for cell in cells if cell in self.holed]
        return self.plan.expression("there", holed, _all_there) if holed else True

    @property
    def blank(self) -> Ref:
        """Empty text in every row."""
        return self.plan.constant("")


def _filled(text: pl.Expr) -> pl.Expr:
    return text.fill_null("")


def _all_there(*texts: pl.Expr) -> pl.Expr:
    return pl.all_horizontal([text.is_not_null() for text in texts])
