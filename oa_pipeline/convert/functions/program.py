"""A conform, compiled once to columns of text.

What holds for every value:

- Text in, text out; null and "" are the same. A column that the file does not have reads as empty, and is reported.
- Attributes are computed in the order of the conform, and `oa:<attribute>` is the value of an earlier one, before the
  final clean-up. What else a chain's steps may name is said in `chains`.
- A plain column that does not exist gives null, but "" in number, street and unit of addresses, and where the reader
  says that missing is empty.
- A map or a constant with an integer gives that integer in JSON for `accuracy`, and text elsewhere.
- In addresses number, street and unit are stripped at the end, and number loses one final ".0".
- A value is no longer than a cell may be; longer ones are cut and counted.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ...counters import Counters
from ...sources import model
from ...sources.model import ATTRIBUTES, Conform, Layer, Value
from ..task import Limits
from . import cuts, lookups, regexps, texts
from .at import At, Cell, Notes
from .chains import chain
from .plan import Plan, Ref, Stages

# Cleaned at the end, and empty rather than null.
_CLEANED = {Layer.ADDRESSES: ("number", "street", "unit")}


@dataclass(frozen=True, slots=True)
class MissingColumn:
    """A column that `attribute` names and the file does not have, and the columns it does have that look like it."""

    attribute: str
    column: str
    closest: tuple[str, ...]

    def __str__(self) -> str:
        """One sentence for a report."""
        hint = f"; did you mean {' or '.join(map(repr, self.closest))}?" if self.closest else ""
        return f"{self.attribute}: the data has no column {self.column!r}, which is read as empty{hint}"


class Program:
    """Computes the attributes of frame after frame, in the order of the file's rows."""

    def __init__(self, stages: Stages, missing: tuple[MissingColumn, ...], notes: Notes, longest: int) -> None:
        """Made by compile_program. Values of more than `longest` characters are cut."""
        self.wanted: frozenset[str] = stages.wanted
        self.missing = missing
        self.unknown = tuple(
            f"{place}: unknown function {function!r} gives nothing" for place, function in notes.unknown
        )
        self.counters: Counters = notes.counters
        self._stages = stages
        self._longest = longest
        self._rows = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to tell the contributor: missing columns and unknown functions, a sentence each."""
        return (*map(str, self.missing), *self.unknown)

    def run(self, text: pl.DataFrame) -> pl.DataFrame:
        """The attributes of each row of `text`, whose columns are String without nulls.

        A column `<attribute>:json`, where there is one, holds what the value is in JSON. Raises ConvertError with the
        row where a pattern takes too long.
        """
        made = self._stages.run(text, self._rows + 1)
        self._rows += text.height
        return self._cut(made)

    def _cut(self, made: pl.DataFrame) -> pl.DataFrame:
        # Few characters of a conform can make many of each cell.
        lengths = made.select(pl.all().str.len_bytes().max()).row(0)
        long = [name for name, length in zip(made.columns, lengths, strict=True) if (length or 0) > self._longest]
        for name in long:
            over = made.get_column(name).str.len_chars() > self._longest
            self.counters.add("text/cut-values", int(over.sum()))
        return made.with_columns(pl.col(long).str.slice(0, self._longest)) if long else made


def compile_program(
    conform: Conform,
    layer: Layer,
    attributes: tuple[str, ...],
    columns: tuple[str, ...],
    *,
    missing_is_empty: bool,
    limits: Limits,
) -> Program:
    """`conform` for a file that has `columns`. Raises ConvertError, with the place, for what cannot be computed."""
    plan, notes = Plan(), Notes()
    cleaned = _CLEANED.get(layer, ())
    names: dict[str, Ref] = {}
    outputs: dict[str, Ref] = {}
    made: dict[str, Cell] = {}
    present = frozenset(columns)
    for attribute, value in conform.attributes:
        if attribute not in attributes:
            continue
        at = At(
            attribute=attribute,
            place=f"conform.{attribute}",
            plan=plan,
            columns=present,
            attributes=frozenset(ATTRIBUTES[layer]),
            names=dict(names),
            holed=frozenset(),
            limits=limits,
            notes=notes,
            working=attribute,
            own=frozenset({f"oa:{attribute}"}),
        )
        cell = compile_value(value, at)
        names[f"oa:{attribute}"] = cell.text
        if _is_missing(value, at) and not missing_is_empty and attribute not in cleaned:
            cell = Cell(plan.constant(None))
        made[attribute] = cell
    for attribute in attributes:
        cell = made.get(attribute) or Cell(plan.constant(""))
        outputs[attribute] = _clean(plan, attribute, cell.text) if attribute in cleaned else cell.text
        if attribute == "accuracy" and cell.json is not None:
            outputs[f"{attribute}:json"] = cell.json
    missing = tuple(MissingColumn(a, c, _closest(c, columns)) for a, c in notes.missing)
    notes.counters.add("text/missing-columns", len(missing))
    return Program(plan.finish(outputs), missing, notes, limits.cell_chars)


def _is_missing(value: Value, at: At) -> bool:
    return isinstance(value, model.Column) and value.name not in at.columns and value.name not in at.names


def _clean(plan: Plan, attribute: str, cell: Ref) -> Ref:
    bare = texts.stripped(plan, cell)
    if attribute != "number":
        return bare
    return plan.expression("integer", (bare,), lambda text: text.str.strip_suffix(".0"))


def _closest(column: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    folded = [c for c in columns if c.strip().casefold() == column.strip().casefold()]
    similar = difflib.get_close_matches(column, [c for c in columns[:2_000] if c not in folded], n=3)
    return tuple([*folded, *similar][:3])


def compile_value(value: Value, at: At) -> Cell:
    """One value at one place."""
    return _COMPILERS[type(value)](value, at)


def _chain(value: model.Chain, at: At) -> Cell:
    return chain(value, at, compile_value)


def _unknown(value: model.Unknown, at: At) -> Cell:
    at.notes.unknown.append((at.place, value.function))
    return Cell(at.blank, wrote=False)


_COMPILERS: Mapping[type, Callable[[Any, At], Cell]] = {
    model.Column: texts.column,
    model.Columns: texts.columns,
    model.Constant: texts.constant,
    model.Join: texts.join,
    model.FormatText: texts.format_text,
    model.FirstNonEmpty: texts.first_non_empty,
    model.Regexp: regexps.regexp,
    model.PrefixedNumber: regexps.prefixed_number,
    model.PostfixedStreet: regexps.postfixed_street,
    model.PostfixedUnit: regexps.postfixed_unit,
    model.RemovePrefix: cuts.remove_prefix,
    model.RemovePostfix: cuts.remove_postfix,
    model.MapValues: lookups.map_values,
    model.MphToKph: lookups.mph_to_kph,
    model.Get: lookups.get,
    model.Chain: _chain,
    model.Unknown: _unknown,
}
