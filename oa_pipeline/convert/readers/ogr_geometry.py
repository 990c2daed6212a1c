"""A column of well-known binary as the geometry of a batch."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from ...counters import Counters
from ..batch import Points, Shapes
from .ogr_wkb import MULTIPOLYGON, POINT, BadGeometry, base_kind, has_height, has_measure, plain_wkb

_POINT_HEAD = 5


def read_geometry(values: pa.Array, vertices: int, counters: Counters) -> tuple[Points | Shapes, np.ndarray]:
    """The geometry of each row, and which rows to keep: not those whose geometry cannot be used, which are counted.

    A null or empty point is no geometry, and its row is kept.
    """
    column = _Column(values)
    points = _points(column)
    if points is not None:
        return points, np.ones(len(values), dtype=bool)
    return _shapes(column, vertices, counters)


class _Column:
    """Where each row's bytes lie."""

    def __init__(self, values: pa.Array) -> None:
        if pa.types.is_large_binary(values.type):
            kind: Any = np.int64
        else:
            kind = np.int32
        _, offsets, data = values.buffers()
        self.values = values
        bounds = np.frombuffer(offsets, kind)[values.offset : values.offset + len(values) + 1].astype(np.int64)
        self.data = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
        self.lengths = np.diff(bounds)
        self.there = values.is_valid().to_numpy(zero_copy_only=False) & (self.lengths >= _POINT_HEAD)
        self.starts = bounds[:-1]

    def gathered(self, rows: np.ndarray, at: int, count: int, kind: str) -> np.ndarray:
        """`count` bytes from `at` of each of `rows`, seen as `kind`; n by however many there are."""
        places = self.starts[rows][:, np.newaxis] + np.arange(at, at + count)
        return np.ascontiguousarray(self.data[places]).view(kind)

    def codes(self) -> np.ndarray:
        """The type code of each row that is there."""
        rows = np.flatnonzero(self.there)
        if not len(rows):
            return np.empty(0, np.int64)
        small = self.gathered(rows, 0, 1, "u1")[:, 0] == 1
        little = self.gathered(rows, 1, 4, "<u4")[:, 0].astype(np.int64)
        return np.where(small, little, self.gathered(rows, 1, 4, ">u4")[:, 0])


def _points(column: _Column) -> Points | None:
    """All rows as points, or None where one is something else."""
    n = len(column.lengths)
    rows = np.flatnonzero(column.there)
    x, y = np.full(n, np.nan), np.full(n, np.nan)
    if not len(rows):
        return Points(x, y)
    kinds = set(np.unique(column.codes()).tolist())
    if any(base_kind(kind) != POINT or kind & 0x20000000 for kind in kinds):
        return None
    if (column.gathered(rows, 0, 1, "u1") != 1).any():
        return None
    high = np.isin(column.codes(), [kind for kind in kinds if has_height(kind)])
    if (column.lengths[rows] < _POINT_HEAD + np.where(high, 24, 16)).any():
        return None
    xy = column.gathered(rows, _POINT_HEAD, 16, "<f8")
    empty = np.isnan(xy).any(axis=1)
    xy[empty] = np.nan
    x[rows], y[rows] = xy[:, 0], xy[:, 1]
    if not high.any():
        return Points(x, y)
    z = np.full(n, np.nan)
    z[rows[high]] = column.gathered(rows[high], _POINT_HEAD + 16, 8, "<f8")[:, 0]
    return Points(x, y, z)


def _shapes(column: _Column, vertices: int, counters: Counters) -> tuple[Shapes, np.ndarray]:
    n = len(column.lengths)
    geometries = np.full(n, None, dtype=object)
    keep = np.ones(n, dtype=bool)
    rows = np.flatnonzero(column.there)
    codes = column.codes()
    small = column.lengths[rows] <= 32 * vertices + 1024
    wkb = column.values.to_numpy(zero_copy_only=False)
    simple = rows[small & (base_kind(codes) <= MULTIPOLYGON)]
    with suppress(NotImplementedError):  # a curve where the format allows none
        geometries[simple] = shapely.from_wkb(wkb[simple], on_invalid="ignore")
    for row in rows[small]:
        if geometries[row] is None:
            geometries[row] = _repaired(wkb[row], counters)
    lost = rows[small & shapely.is_missing(geometries[rows])]
    counters.add("rows/dropped/bad-geometry", len(lost))
    keep[lost] = False
    large = rows[~small | (shapely.get_num_coordinates(geometries[rows]) > vertices)]
    counters.add("rows/dropped/too-many-vertices", len(large))
    keep[large] = False
    geometries[~keep] = None
    if any(has_measure(code) for code in np.unique(codes).tolist()):
        geometries = _without_measures(geometries)
    return Shapes(geometries), keep


def _repaired(wkb: bytes, counters: Counters) -> Any:
    own = Counters()
    try:
        geometry = shapely.from_wkb(plain_wkb(wkb, own))
    except (BadGeometry, shapely.errors.ShapelyError, ValueError, NotImplementedError):
        return None
    counters.merge(own)
    return geometry


def _without_measures(geometries: np.ndarray) -> np.ndarray:
    return np.asarray(
        shapely.from_wkb(
            shapely.to_wkb(
                np.where(shapely.has_z(geometries), geometries, shapely.force_2d(geometries)), output_dimension=3
            )
        )
    )
