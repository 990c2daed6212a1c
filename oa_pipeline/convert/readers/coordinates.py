"""Coordinates written as text: which cells are numbers, which are empty, and which are neither.

A number is an optional minus, digits with at most one point or comma, and an optional exponent; blanks around it do no
harm. An empty cell is no coordinate. Anything else ("abc", "NULL", "nan", "+1", "1°", "1.234,5", blanks only) is bad.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from ..batch import Points

_NUMBER = re.compile(r"[ \t\n\r\f\v]*(-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)[ \t\n\r\f\v]*")


def parse_coordinate(text: str) -> float | None:
    """The number a cell holds; None where it holds none that can be used. `text` is not empty."""
    found = _NUMBER.fullmatch(text.replace(",", "."))
    value = float(found[1]) if found else math.nan
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Coordinates:
    """One column of coordinates: NaN in `values` where a cell is `empty` or `bad`."""

    values: np.ndarray
    empty: np.ndarray
    bad: np.ndarray


def parse_coordinates(cells: pl.Series) -> Coordinates:
    """All cells of a String column at once."""
    cells = cells.fill_null("")
    empty = (cells == "").to_numpy()
    numbers = cells.str.replace(",", ".", literal=True) if cells.str.contains(",", literal=True).any() else cells
    # The cast is as strict as the pattern but for a leading plus and the names of what is not finite.
    cast = numbers.cast(pl.Float64, strict=False)
    clean = (cast.is_finite().fill_null(False) & ~numbers.str.starts_with("+")).to_numpy()
    values = cast.fill_null(math.nan).to_numpy().copy()
    values[~clean] = math.nan
    odd = ~clean & ~empty
    if odd.any():
        mask = pl.Series(odd)
        texts = cells.filter(mask)
        known = {text: parse_coordinate(text) for text in texts.unique().to_list()}
        found = [known[text] for text in texts.to_list()]
        values[odd] = np.array([math.nan if value is None else value for value in found])
        odd[odd] = np.array([value is None for value in found])
    return Coordinates(values, empty, odd)


def points_from_cells(x: pl.Series, y: pl.Series) -> tuple[Points, np.ndarray]:
    """Points from two columns, and a mask of the rows to keep: those in which neither cell is unreadable.

    Where either cell is empty the row has no geometry and is kept, whatever the other one holds.
    """
    across, up = parse_coordinates(x), parse_coordinates(y)
    empty = across.empty | up.empty
    keep = empty | ~(across.bad | up.bad)
    return Points(np.where(empty, math.nan, across.values), np.where(empty, math.nan, up.values)), keep
