"""Esri's geometries as arrays: points, multipoints, paths, and rings whose direction tells polygons from holes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from operator import attrgetter
from typing import Any

import numpy as np
import shapely
from msgspec import Struct

from ...counters import Counters
from ..batch import Points, Shapes
from . import ragged
from .esri_curves import stroked

STROKED = "geometry/stroked-curves"


class EsriGeometry(Struct, gc=False):
    """Any geometry as a server writes it: which members are there tells its kind."""

    x: Any = None
    y: Any = None
    z: Any = None
    points: Any = None
    paths: Any = None
    rings: Any = None
    curvePaths: Any = None  # noqa: N815 - Esri's names
    curveRings: Any = None  # noqa: N815
    hasZ: Any = None  # noqa: N815
    hasM: Any = None  # noqa: N815


class EsriPoint(Struct, gc=False):
    """A point, and nothing but a point: whatever else a geometry can have is not there."""

    x: float
    y: float
    z: Any = None
    points: None = None
    paths: None = None
    rings: None = None
    curvePaths: None = None  # noqa: N815
    curveRings: None = None  # noqa: N815


_PLURAL = ("curveRings", "curvePaths", "rings", "paths", "points")
_members = attrgetter(*_PLURAL)
_NO_MEMBERS = (None,) * len(_PLURAL)


def build(
    held: Sequence[EsriGeometry | None], fallback: Points, vertices: int, counters: Counters
) -> tuple[Points | Shapes, np.ndarray]:
    """The geometries that can be used, and which of `held` they are. The others are counted by cause.

    A row whose own geometry is missing or unreadable takes the point of `fallback` where that has one.
    """
    fast = _only_points(held, fallback)
    if fast is not None:
        return fast, np.ones(len(held), bool)
    shapes = np.full(len(held), None, dtype=object)
    kinds = [_kind(one) for one in held]
    for kind in sorted(set(kinds) - {""}):
        places = [i for i, one in enumerate(kinds) if one == kind]
        shapes[places] = _MAKERS[kind]([held[i] for i in places], counters)
    instead = shapely.is_missing(shapes) & ~np.isnan(fallback.x)
    if instead.any():
        shapes[instead] = shapely.points(fallback.x[instead], fallback.y[instead])
    return ragged.settle(shapes, lambda i: _empty(held[i], kinds[i]), vertices, counters)


def _kind(one: EsriGeometry | None) -> str:
    if one is None:
        return ""
    held = _members(one)
    return "x" if held == _NO_MEMBERS else next(compress(_PLURAL, [value is not None for value in held]))


def _empty(one: EsriGeometry | None, kind: str) -> bool:
    if one is None:
        return True
    return (one.x is None and one.y is None) if kind == "x" else not getattr(one, kind)


# ---- points --------------------------------------------------------------------------------------------


def points(held: Sequence[EsriPoint], *, heights: bool) -> Points | None:
    """All as arrays; None where a height is not a number. `heights`: they have some."""
    x = np.array([one.x for one in held], np.float64)
    y = np.array([one.y for one in held], np.float64)
    if not heights:
        return Points(x, y)
    z = _coordinates([one.z for one in held])
    if z is None or z.ndim != 1:
        return None
    z = np.where(np.isfinite(z), z, np.nan)
    return Points(x, y, None if np.isnan(z).all() else z)


def _coordinates(values: list[Any]) -> np.ndarray | None:
    """Numbers, NaN for null; None where one of them is not a number."""
    try:
        return np.array(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        return None


def _only_points(held: Sequence[EsriGeometry | None], fallback: Points) -> Points | None:
    """All as arrays, where all are points with both coordinates or, lacking a geometry, have one to fall back on."""
    if any(one is not None and _members(one) != _NO_MEMBERS for one in held):
        return None
    x = _coordinates([None if one is None else one.x for one in held])
    y = _coordinates([None if one is None else one.y for one in held])
    z = _coordinates([None if one is None else one.z for one in held])
    if x is None or y is None or z is None or x.ndim + y.ndim + z.ndim != 3:
        return None
    own = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(own, x, fallback.x), np.where(own, y, fallback.y)
    if np.isnan(x).any():
        return None
    z = np.where(own & np.isfinite(z), z, np.nan)
    return Points(x, y, None if np.isnan(z).all() else z)


def _point(one: EsriGeometry) -> Any:
    position = [one.x, one.y] if one.z is None else [one.x, one.y, one.z]
    made = ragged.single_point(position)
    return made if made is not None else ragged.single_point(position[:2])


def _trimmed(one: EsriGeometry, held: Any) -> Any:
    """Positions without measures: the third number is one where the geometry has measures and no heights."""
    size = 2 if one.hasM and not one.hasZ else 3

    def cut(node: Any, levels: int) -> Any:
        if isinstance(node, list) and node and not isinstance(node[0], list):
            return node[:size]
        return [cut(part, levels - 1) for part in node] if levels and isinstance(node, list) else node

    return cut(held, 2)  # rings are lists of lists of positions, and nothing nests deeper


def _parts(held: Sequence[EsriGeometry], name: str) -> list[Any]:
    return [_trimmed(one, getattr(one, name)) if one.hasM else getattr(one, name) for one in held]


# ---- multipoints and paths -----------------------------------------------------------------------------


def _single_or_many(
    parts: list[Any], kinds: tuple[Callable[[list[Any]], Any], str], mend: Any, counters: Counters
) -> Any:
    """Geometries of one part by the first of `kinds`, of several parts by the second."""
    made = np.full(len(parts), None, dtype=object)
    one = [i for i, part in enumerate(parts) if isinstance(part, list) and len(part) == 1]
    many = [i for i, part in enumerate(parts) if isinstance(part, list) and len(part) > 1]
    if one:
        made[one] = kinds[0]([parts[i][0] for i in one])
    if many:
        made[many] = ragged.geometries(kinds[1], [parts[i] for i in many], counters, mend)
    return made


def _multipoints(held: Sequence[EsriGeometry], counters: Counters) -> Any:
    def points(positions: list[Any]) -> list[Any]:
        return [ragged.single_point(position) for position in positions]

    return _single_or_many(_parts(held, "points"), (points, "MultiPoint"), ragged.mend, counters)


def _mend_paths(kind: str, held: Any, counters: Counters) -> Any:
    lines = [line for line in map(ragged.line, held) if line is not None]
    return shapely.multilinestrings(lines) if len(lines) > 1 else next(iter(lines), None)


def _lines(parts: list[Any], counters: Counters) -> Any:
    def lines(positions: list[Any]) -> Any:
        return ragged.geometries("LineString", positions, counters, ragged.mend)

    return _single_or_many(parts, (lines, "MultiLineString"), _mend_paths, counters)


def _paths(held: Sequence[EsriGeometry], counters: Counters) -> Any:
    return _lines(_parts(held, "paths"), counters)


# ---- rings ---------------------------------------------------------------------------------------------


def _clockwise(ring: np.ndarray) -> bool:
    x, y = ring[:, 0], ring[:, 1]
    return float(((x[1:] - x[:-1]) * (y[1:] + y[:-1])).sum()) >= 0


def polygon(rings: Any, counters: Counters) -> Any:
    """A Polygon or MultiPolygon of rings in any state, None where none is left.

    A clockwise ring starts a polygon, another one is a hole in the polygon before it; a hole before any polygon is
    skipped, as are rings of fewer than three points. Open rings are closed.
    """
    polygons: list[list[np.ndarray]] = []
    for held in rings if isinstance(rings, list) else ():
        ring = ragged.closed_ring(held, counters)
        if ring is None:
            continue
        if _clockwise(ring):
            polygons.append([ring])
        elif polygons:
            polygons[-1].append(ring)
    made = [ragged.polygon(one) for one in polygons]
    return shapely.multipolygons(made) if len(made) > 1 else next(iter(made), None)


def _one_outside(flat: ragged.Flat) -> np.ndarray:
    """Which polygons have a clockwise ring first, and no other. Every ring has a position."""
    inner, outer = flat.offsets
    x, y = flat.coords[:, 0], flat.coords[:, 1]
    terms = np.zeros(len(flat.coords))
    terms[:-1] = (x[1:] - x[:-1]) * (y[1:] + y[:-1])
    terms[inner[1:] - 1] = 0.0  # between the last position of a ring and the first of the next
    clockwise = np.add.reduceat(terms, inner[:-1]) >= 0
    before = np.concatenate(([0], np.cumsum(clockwise)))
    alone = before[outer[1:]] - before[outer[:-1]] == 1
    made: np.ndarray = alone & clockwise[np.minimum(outer[:-1], len(clockwise) - 1)]
    return made


def _polygons(parts: list[Any], counters: Counters) -> Any:
    flat = ragged.flatten("Polygon", parts)
    simple = np.zeros(len(parts), bool)
    if flat is not None and len(flat.coords) and (np.diff(flat.offsets[0]) > 0).all():
        simple = ragged.sound("Polygon", flat) & _one_outside(flat)
        if simple.all():
            return ragged.from_flat("Polygon", flat)
    made = np.full(len(parts), None, dtype=object)
    chosen = np.flatnonzero(simple).tolist()
    if chosen:
        made[chosen] = ragged.geometries("Polygon", [parts[i] for i in chosen], counters, ragged.mend)
    for i in np.flatnonzero(~simple).tolist():
        made[i] = polygon(parts[i], counters)
    return made


def _rings(held: Sequence[EsriGeometry], counters: Counters) -> Any:
    return _polygons(_parts(held, "rings"), counters)


# ---- curves --------------------------------------------------------------------------------------------


def _straightened(held: Sequence[EsriGeometry], name: str, counters: Counters) -> list[Any]:
    def part(one: Any) -> Any:
        try:
            return stroked(one, lambda: counters.add(STROKED))
        except (ValueError, TypeError, LookupError, OverflowError):
            return []

    return [list(map(part, parts)) if isinstance(parts := getattr(one, name), list) else [] for one in held]


_MAKERS: Mapping[str, Callable[[Sequence[Any], Counters], Any]] = {
    "x": lambda held, counters: [_point(one) for one in held],
    "points": _multipoints,
    "paths": _paths,
    "rings": _rings,
    "curvePaths": lambda held, counters: _lines(_straightened(held, "curvePaths", counters), counters),
    "curveRings": lambda held, counters: _polygons(_straightened(held, "curveRings", counters), counters),
}
