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


def parse_coordinates(text: pl.DataFrame, names: list[str]) -> list[Coordinates]:
    """All cells of some String columns without nulls, in one pass; those with commas in a second one."""
    plans = []
    for i, name in enumerate(names):
        plans += [
            pl.col(name).cast(pl.Float64, strict=False).alias(f"{i} value"),
            (pl.col(name).str.len_bytes() == 0).alias(f"{i} empty"),
            pl.col(name).str.starts_with("+").any().alias(f"{i} plus"),
        ]
    made = text.select(plans)
    return [
        _settled(
            text[name],
            made[f"{i} value"].to_numpy(),
            made[f"{i} empty"].to_numpy(),
            plus=bool(len(made)) and made[f"{i} plus"][0],
        )
        for i, name in enumerate(names)
    ]


def _settled(cells: pl.Series, values: np.ndarray, empty: np.ndarray, *, plus: bool) -> Coordinates:
    """The cells that the cast would not have are cast with points for commas, or else read one by one.

    The cast is as strict as the pattern but for a leading plus and the names of what is not finite.
    """
    values = _cast(cells, values, plus=plus)
    odd = np.isnan(values) & ~empty
    if odd.any():
        texts = cells.filter(pl.Series(odd)).str.replace(",", ".", literal=True)
        values[odd] = _cast(texts, texts.cast(pl.Float64, strict=False).to_numpy(), plus=True)
        odd = np.isnan(values) & ~empty
    if odd.any():
        texts = cells.filter(pl.Series(odd))
        known = {text: parse_coordinate(text) for text in texts.unique().to_list()}
        found = [known[text] for text in texts.to_list()]
        values[odd] = np.array([math.nan if value is None else value for value in found])
        odd[odd] = np.array([value is None for value in found])
    return Coordinates(values, empty, odd)


def _cast(cells: pl.Series, values: np.ndarray, *, plus: bool) -> np.ndarray:
    """`values`, which are `cells` cast, with NaN where the cell is no number of ours; they can be written to."""
    clean = np.isfinite(values)
    if plus:
        clean &= ~cells.str.starts_with("+").to_numpy()
    return np.where(clean, values, math.nan)


def points_from_cells(text: pl.DataFrame, x: str, y: str) -> tuple[Points, np.ndarray]:
    """Points from two columns, and a mask of the rows to keep: those in which neither cell is unreadable.

    Where either cell is empty the row has no geometry and is kept, whatever the other one holds.
    """
    across, up = parse_coordinates(text, [x, y])
    empty = across.empty | up.empty
    keep = empty | ~(across.bad | up.bad)
    return Points(np.where(empty, math.nan, across.values), np.where(empty, math.nan, up.values)), keep
