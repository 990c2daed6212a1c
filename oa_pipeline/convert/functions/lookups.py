"""Values looked up or computed from one cell: map, mph_to_kph, get."""

from __future__ import annotations

import ast
import json
from typing import Any

import polars as pl

from ...sources.model import Get, MapValues, MphToKph
from .at import At, Cell
from .distinct import over_distinct

KPH_IN_A_MPH = 1.60934


def map_values(value: MapValues, at: At) -> Cell:
    """The value beside the exact text of the cell, else `otherwise`; empty where the column is missing."""
    cell = at.find(value.field)
    if cell is None:
        return Cell(at.blank)
    pairs = dict(value.pairs)
    default = "" if value.otherwise is None else value.otherwise

    def look_up(text: pl.Expr, show: Any) -> pl.Expr:
        if not pairs:
            return pl.when(text.is_null()).then(pl.lit(show(""))).otherwise(pl.lit(show(default)))
        old = pl.Series(list(pairs), dtype=pl.String)
        new = pl.Series([show(v) for v in pairs.values()], dtype=pl.String)
        found = text.replace_strict(old, new, default=pl.lit(show(default)), return_dtype=pl.String)
        return pl.when(text.is_null()).then(pl.lit(show(""))).otherwise(found) if cell in at.holed else found

    key = ("map", tuple((k, type(v), v) for k, v in pairs.items()), type(default), default)
    text = at.plan.expression((key, "text"), (cell,), lambda c: look_up(c, str))
    if all(isinstance(v, str) for v in (*pairs.values(), default)):
        return Cell(text)
    return Cell(text, at.plan.expression((key, "json"), (cell,), lambda c: look_up(c, json.dumps)))


def mph_to_kph(value: MphToKph, at: At) -> Cell:
    """Miles per hour in kilometres per hour, to the nearest integer; empty where the cell is no finite number."""
    cell = at.cell(value.field)
    return Cell(at.plan.call((cell,), lambda _row, cells: over_distinct(cells[0], _kph)))


def _kph(text: str) -> str:
    try:
        return str(round(float(text) * KPH_IN_A_MPH))
    except (ValueError, OverflowError):  # not a number; nan; infinity
        return ""


def get(value: Get, at: At) -> Cell:
    """The item at `index` of a cell that holds a list; empty out of range.

    A list is JSON (`["a", "b"]`) or as Python writes it (`['a', 'b']`). Any other text is a list of itself.
    """
    cell = at.cell(value.field)
    return Cell(at.plan.call((cell,), lambda _row, cells: over_distinct(cells[0], lambda t: _item(t, value.index))))


def _item(text: str, index: int) -> str:
    items = _items(text)
    return _shown(items[index]) if 0 <= index < len(items) else ""


def _items(text: str) -> list[Any]:
    bare = text.strip()
    if bare.startswith("[") and bare.endswith("]"):
        for read in (json.loads, ast.literal_eval):
            try:
                held = read(bare)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                continue
            if isinstance(held, list):
                return held
    return [text]


def _shown(item: Any) -> str:
    if item is None:
        return ""
    if isinstance(item, list | dict):
        return json.dumps(item, ensure_ascii=False, separators=(",", ":"))
    return str(item)
