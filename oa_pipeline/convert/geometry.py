"""Where each row lies: longitudes and latitudes to seven decimals, and which rows can be used.

Addresses become points: a surface's inner point, a line's vertex or a multipoint's member, found after reprojection.
Other layers keep their geometry. A row is dropped only where its geometry cannot be read or projected; one without
geometry, at 0/0 or off the earth stays in GeoJSON and is left out of everything that is drawn or collected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..counters import Counters
from ..sources.model import Layer
from .batch import Points, Shapes
from .crs import Projection
from .rounding import round7

if TYPE_CHECKING:
    from .geometry_shapes import Prepared

NO_GEOMETRY = "rows/kept/no-geometry"
ZERO = "rows/kept/zero-zero"
OFF_EARTH = "rows/kept/out-of-range"
BAD = "rows/dropped/bad-geometry"
NO_SUCH_PLACE = "rows/dropped/out-of-projection"

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Located:
    """The published geometry of n rows, in longitude and latitude.

    `geometry`: rounded to seven decimals; always `Points` for addresses. `keep`: False where the row is dropped from
    every output. `usable`: False where it is in GeoJSON only, and where it is dropped. `bounds`: west, south, east,
    north of the usable rows, None if there is none. `kinds`: OGR's names of the geometries that the source has.
    """

    geometry: Points | Shapes
    keep: np.ndarray
    usable: np.ndarray
    bounds: Bounds | None
    kinds: frozenset[str]

    def __len__(self) -> int:
        return len(self.keep)

    def kept(self) -> Located:
        """The same without the dropped rows."""
        if self.keep.all():
            return self
        usable = self.usable[self.keep]
        geometry = chosen(self.geometry, self.keep)
        return Located(geometry, np.ones(len(usable), bool), usable, self.bounds, self.kinds)


def locate(geometry: Points | Shapes, projection: Projection, layer: Layer, counters: Counters) -> Located:
    """Publishable geometry for one batch, row for row; counts under rows/dropped, rows/kept and geometry/."""
    if isinstance(geometry, Points):
        return _points(geometry, projection, counters, frozenset({"Point"}))
    from . import geometry_shapes as shapes  # shapely is needed by sources with shapes only

    kinds = shapes.kinds(geometry.geometries)
    if kinds == {"Point"}:
        return _points(shapes.only_points(geometry.geometries), projection, counters, kinds)
    if layer is Layer.ADDRESSES:
        prepared = shapes.transformed(geometry.geometries, projection, shapes.as_they_are)
        points, unreadable = shapes.surface_points(prepared.geometries, counters)
        prepared.bad |= unreadable
        return _placed(points, prepared.bad, prepared.nowhere, prepared.zero, counters, kinds)
    prepared = shapes.transformed(geometry.geometries, projection, round7_positive)
    return _shaped(prepared, counters, kinds)


def chosen(geometry: Points | Shapes, rows: np.ndarray) -> Points | Shapes:
    """The rows that a mask names."""
    if isinstance(geometry, Shapes):
        return Shapes(geometry.geometries[rows])
    return Points(geometry.x[rows], geometry.y[rows], None if geometry.z is None else geometry.z[rows])


def round7_positive(values: np.ndarray) -> np.ndarray:
    """Seven decimals and no negative zero: two spellings of one place would be two rows."""
    rounded: np.ndarray = round7(values) + 0.0
    return rounded


def merged_bounds(one: Bounds | None, other: Bounds | None) -> Bounds | None:
    """The smallest bounds around both."""
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _points(points: Points, projection: Projection, counters: Counters, kinds: frozenset[str]) -> Located:
    missing = np.isnan(points.x) & np.isnan(points.y)
    bad = ~missing & ~(np.isfinite(points.x) & np.isfinite(points.y))
    x, y = projection.lonlat(points.x, points.y)
    nowhere = ~missing & ~bad & ~(np.isfinite(x) & np.isfinite(y))
    # 0/0 in metres is the same absence of a place as 0/0 in degrees.
    zero = (points.x == 0) & (points.y == 0)
    return _placed(Points(x, y, points.z), bad, nowhere, zero, counters, kinds)


def _placed(
    points: Points,
    bad: np.ndarray,
    nowhere: np.ndarray,
    zero: np.ndarray,
    counters: Counters,
    kinds: frozenset[str],
) -> Located:
    x, y, z = round7_positive(points.x), round7_positive(points.y), points.z
    if z is not None:
        z = round7_positive(np.where(np.isfinite(z), z, np.nan))
        if np.isnan(z).all():
            z = None
    missing = np.isnan(x)
    zero = zero | ((x == 0) & (y == 0))
    off_earth = (np.abs(x) > 180) | (np.abs(y) > 90)
    keep, usable = _sorted_out(bad, nowhere, missing, zero, off_earth, counters)
    bounds = _bounds(x[usable], y[usable], x[usable], y[usable])
    return Located(Points(x, y, z), keep, usable, bounds, kinds)


def _shaped(prepared: Prepared, counters: Counters, kinds: frozenset[str]) -> Located:
    from . import geometry_shapes as shapes

    edges = shapes.edges(prepared.geometries)
    west, south, east, north = edges.T
    missing = np.isnan(west)
    zero = prepared.zero | ~edges.any(axis=1)  # NaN is something, so rows without geometry are not at 0/0
    off_earth = (west < -180) | (east > 180) | (south < -90) | (north > 90)
    keep, usable = _sorted_out(prepared.bad, prepared.nowhere, missing, zero, off_earth, counters)
    bounds = _bounds(west[usable], south[usable], east[usable], north[usable])
    return Located(Shapes(prepared.geometries), keep, usable, bounds, kinds)


def _sorted_out(
    bad: np.ndarray,
    nowhere: np.ndarray,
    missing: np.ndarray,
    zero: np.ndarray,
    off_earth: np.ndarray,
    counters: Counters,
) -> tuple[np.ndarray, np.ndarray]:
    """`keep` and `usable`; each row is counted under the first cause that applies."""
    rest = np.ones(len(bad), bool)
    for name, rows in ((BAD, bad), (NO_SUCH_PLACE, nowhere)):
        counters.add(name, int((rest & rows).sum()))
        rest &= ~rows
    keep = rest.copy()
    for name, rows in ((NO_GEOMETRY, missing), (ZERO, zero), (OFF_EARTH, off_earth)):
        counters.add(name, int((rest & rows).sum()))
        rest &= ~rows
    return keep, rest


def _bounds(west: np.ndarray, south: np.ndarray, east: np.ndarray, north: np.ndarray) -> Bounds | None:
    if not len(west):
        return None
    return float(west.min()), float(south.min()), float(east.max()), float(north.max())
