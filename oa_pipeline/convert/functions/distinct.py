"""Python on the distinct values of a column, with an end to values that take too long."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from ...errors import ConvertError
from ..task import Limits
from .patience import Patience, TooSlow


def over_distinct(cells: pl.Series, function: Callable[[str], str]) -> pl.Series:
    """`function` of every cell, called once for each distinct text."""
    texts = cells.to_list()
    results = {text: function(text) for text in dict.fromkeys(texts)}
    return pl.Series(cells.name, [results[text] for text in texts], dtype=pl.String)


def patiently(
    cells: pl.Series, function: Callable[[str], str], limits: Limits, place: str, row: Callable[[int], int]
) -> pl.Series:
    """As over_distinct, for a pattern: raises ConvertError with the row where one text takes too long.

    `row` gives the number of the row that an index of `cells` stands for.
    """
    texts = cells.to_list()
    results = dict.fromkeys(texts, "")
    distinct = list(results)
    try:
        with Patience(limits.pattern_seconds) as patience:
            for position, text in enumerate(distinct):
                patience.position = position
                results[text] = function(text)
    except TooSlow as slow:
        text = distinct[slow.position]
        number = row(texts.index(text))
        raise ConvertError(
            f"pattern too slow at row {number}: more than {limits.pattern_seconds:g} s on {text[:60]!r}",
            cure="avoid repetitions inside repetitions, such as (a+)+",
            place=place,
        ) from None
    return pl.Series(cells.name, [results[text] for text in texts], dtype=pl.String)
