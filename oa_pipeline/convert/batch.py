"""The block of rows that readers hand to functions and geometry, and what a reader promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl

from ..counters import Counters

BATCH_ROWS = 16_384


@dataclass(frozen=True, slots=True)
class Points:
    """Points as arrays of n doubles, in the reader's coordinate system, x before y always.

    NaN in x and y: this row has no geometry. `z` is None where no row has one, and NaN in rows without.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Shapes:
    """Any geometry: an object array of n shapely geometries, None where a row has none. x before y always."""

    geometries: np.ndarray


@dataclass(frozen=True, slots=True)
class Batch:
    """At most about BATCH_ROWS rows: `text` has n rows of String columns without nulls ("" instead)."""

    text: pl.DataFrame
    geometry: Points | Shapes


class Reader(Protocol):
    """Reads one file once, in order, in constant memory.

    `columns`: every column of the file, in order, before `wanted` narrows them.
    `crs`: coordinate system of the geometry as pyproj reads it ("EPSG:4326", WKT); None where nothing tells.
    `missing_is_empty`: a plain mapping to an absent column gives "" in every attribute (ESRI), not null.
    `remarks`: what a contributor should know, a sentence each.
    `counters`: rows/read, rows/dropped/<cause>, text/<what>: complete once the iteration has ended.
    """

    columns: tuple[str, ...]
    crs: str | None
    missing_is_empty: bool
    counters: Counters

    @property
    def remarks(self) -> tuple[str, ...]:
        """See above."""
        ...

    def batches(self, wanted: frozenset[str]) -> Iterator[Batch]:
        """Yields the rows; `text` holds at least the columns of `wanted` that exist. Raises ConvertError."""
        ...


def text_frame(columns: dict[str, Any]) -> pl.DataFrame:
    """A frame of String columns with "" for null."""
    return pl.DataFrame(
        {name: pl.Series(name, values, dtype=pl.String, strict=False) for name, values in columns.items()}
    ).with_columns(pl.all().fill_null(""))
