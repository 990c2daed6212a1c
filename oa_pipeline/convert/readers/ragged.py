"""Nested coordinate lists as shapely geometries: all of one kind at once, the odd ones one by one with repairs.

Coordinates are lists of numbers as JSON gives them, nested as GeoJSON nests them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import shapely
from shapely import GeometryType

from ...counters import Counters
from ..batch import Points, Shapes

CLOSED = "geometry/closed-rings"
NO_GEOMETRY = "rows/dropped/no-geometry"
BAD_GEOMETRY = "rows/dropped/bad-geometry"
TOO_MANY_VERTICES = "rows/dropped/too-many-vertices"

# How deep positions lie in the coordinates of each type, as GeoJSON names them.
DEPTH: Mapping[str, int] = {
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
_TYPES = {
    "MultiPoint": GeometryType.MULTIPOINT,
    "LineString": GeometryType.LINESTRING,
    "MultiLineString": GeometryType.MULTILINESTRING,
    "Polygon": GeometryType.POLYGON,
    "MultiPolygon": GeometryType.MULTIPOLYGON,
}
_RINGS = {"Polygon", "MultiPolygon"}
# Positions a line or ring must have to need no repair.
_LEAST = {"MultiPoint": 1, "LineString": 2, "MultiLineString": 2, "Polygon": 4, "MultiPolygon": 4}

_LARGE = 8 * 1024 * 1024


def surely_too_many(raw: bytes, vertices: int) -> bool:
    """Whether JSON text is so long, and has so many lists, that it is not worth the memory of decoding it."""
    return len(raw) > _LARGE and raw.count(b"[") > vertices


@dataclass(frozen=True, slots=True)
class Flat:
    """Positions of many geometries in one array; `offsets` cut it up, innermost level first."""

    coords: np.ndarray
    offsets: tuple[np.ndarray, ...]


def flatten(kind: str, held: Sequence[Any]) -> Flat | None:
    """The coordinates of many geometries of a kind; None where a position is not two or three finite numbers."""
    level: list[Any] = list(held)
    offsets: list[np.ndarray] = []
    try:
        for _ in range(DEPTH[kind]):
            sizes = np.fromiter(map(len, level), np.int64, len(level))
            offsets.insert(0, np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes))))
            level = list(chain.from_iterable(level))
        dimensions = set(map(len, level))
        if len(dimensions) != 1 or not dimensions <= {2, 3}:
            return None
        size = dimensions.pop()
        coords = np.fromiter(chain.from_iterable(level), np.float64, size * len(level)).reshape(-1, size)
    except (TypeError, ValueError):
        return None
    return Flat(coords, tuple(offsets)) if np.isfinite(coords).all() else None


def from_flat(kind: str, flat: Flat) -> np.ndarray:
    """The geometries of a Flat that is `sound` throughout."""
    made: np.ndarray = shapely.from_ragged_array(_TYPES[kind], flat.coords, flat.offsets)
    return made


def sound(kind: str, flat: Flat) -> np.ndarray:
    """Which geometries need no repair: no part is empty or too short, every ring is closed."""
    inner = flat.offsets[0]
    sizes = np.diff(inner)
    good = sizes >= _LEAST[kind]
    if kind in _RINGS and len(sizes):
        first = flat.coords[np.minimum(inner[:-1], len(flat.coords) - 1)]
        final = flat.coords[np.maximum(inner[1:] - 1, 0)]
        good &= (first[:, :2] == final[:, :2]).all(axis=1)
    for outer in flat.offsets[1:]:
        bad_before = np.concatenate(([0], np.cumsum(~good)))
        good = (bad_before[outer[1:]] == bad_before[outer[:-1]]) & (np.diff(outer) > 0)
    return good


def vertex_counts(flat: Flat) -> np.ndarray:
    """How many positions each geometry has."""
    ends = flat.offsets[-1]
    for inner in reversed(flat.offsets[:-1]):
        ends = inner[ends]
    return np.diff(ends)


def geometries(kind: str, held: Sequence[Any], counters: Counters, repair: Callable[[str, Any, Counters], Any]) -> Any:
    """An object array of geometries, None where one cannot be read; `repair` makes those that are not sound."""
    made = np.full(len(held), None, dtype=object)
    flat = flatten(kind, held)
    good = sound(kind, flat) if flat is not None else np.zeros(len(held), bool)
    if flat is not None and good.all():
        return from_flat(kind, flat)
    if flat is None:
        good = np.array([_alone_sound(kind, one) for one in held], bool)
    for dimension in (2, 3):
        chosen = [i for i in np.flatnonzero(good).tolist() if _dimension(kind, held[i]) == dimension]
        part = flatten(kind, [held[i] for i in chosen])
        if chosen and part is not None:
            made[chosen] = from_flat(kind, part)
    for i in np.flatnonzero(~good).tolist():
        made[i] = repair(kind, held[i], counters)
    return made


def _alone_sound(kind: str, one: Any) -> bool:
    flat = flatten(kind, [one])
    return flat is not None and bool(sound(kind, flat)[0])


def _dimension(kind: str, one: Any) -> int:
    for _ in range(DEPTH[kind]):
        one = one[0]
    return len(one)


def settle(
    shapes: np.ndarray, absent: Callable[[int], bool], vertices: int, counters: Counters
) -> tuple[Points | Shapes, np.ndarray]:
    """What is kept of an object array of geometries, None where a row has none that can be used, and which rows.

    The others are counted by cause; `absent` tells whether a row without one never had one. Points become arrays.
    """
    large = shapely.get_num_coordinates(shapes) > vertices
    keep = ~shapely.is_missing(shapes) & ~large
    lost = np.flatnonzero(~keep & ~large).tolist()
    never = sum(map(absent, lost))
    counters.add(TOO_MANY_VERTICES, int(large.sum()))
    counters.add(NO_GEOMETRY, never)
    counters.add(BAD_GEOMETRY, len(lost) - never)
    kept = shapes if keep.all() else shapes[keep]
    if not len(kept) or (shapely.get_type_id(kept) != GeometryType.POINT).any():
        return Shapes(kept), keep
    z = shapely.get_z(kept) if shapely.has_z(kept).any() else None
    return Points(shapely.get_x(kept), shapely.get_y(kept), z), keep


# ---- one by one --------------------------------------------------------------------------------------


def positions(held: Any) -> np.ndarray | None:
    """An array of finite positions, (n, 2) or (n, 3); numbers may be written as text. None where one is unreadable.

    Three numbers count only where every position has them.
    """
    if not isinstance(held, list) or not all(isinstance(p, list) and len(p) >= 2 for p in held):
        return None
    size = 3 if held and all(len(p) >= 3 for p in held) else 2
    try:
        made = np.array([[_number(v) for v in p[:size]] for p in held], np.float64).reshape(-1, size)
    except (TypeError, ValueError, OverflowError):
        return None
    return made if np.isfinite(made).all() else None


def single_point(held: Any) -> Any:
    """A Point of one position, or None."""
    coords = positions([held])
    return shapely.points(coords[0]) if coords is not None else None


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    return float(value)


def line(held: Any) -> Any:
    """A LineString of at least two positions, or None."""
    coords = positions(held)
    return shapely.linestrings(coords) if coords is not None and len(coords) >= 2 else None


def closed_ring(held: Any, counters: Counters) -> np.ndarray | None:
    """The positions of a ring, closed where it was open; None for fewer than three, or three that go there and back."""
    coords = positions(held)
    if coords is None or len(coords) < 3:
        return None
    closed = bool((coords[0, :2] == coords[-1, :2]).all())
    if len(coords) == 3 and closed:
        return None
    if not closed:
        counters.add(CLOSED)
        coords = np.concatenate((coords, coords[:1]))
    return coords


def polygon(rings: list[np.ndarray]) -> Any:
    """A Polygon of closed rings, the outer one first."""
    size = min(ring.shape[1] for ring in rings)
    made = [shapely.linearrings(ring[:, :size]) for ring in rings]
    return shapely.polygons(made[0], holes=made[1:] or None)


def _mend_polygon(held: Any, counters: Counters) -> Any:
    if not isinstance(held, list) or not held:
        return None
    outer = closed_ring(held[0], counters)
    if outer is None:
        return None
    holes = [closed_ring(ring, counters) for ring in held[1:]]
    return polygon([outer, *(hole for hole in holes if hole is not None)])


def _mend_points(held: Any, counters: Counters) -> Any:
    coords = positions(held)
    return shapely.multipoints(coords) if coords is not None and len(coords) else None


def _mend_line(held: Any, counters: Counters) -> Any:
    return line(held)


def _mend_lines(held: Any, counters: Counters) -> Any:
    parts = [line(one) for one in held] if isinstance(held, list) else []
    whole = [part for part in parts if part is not None]
    return shapely.multilinestrings(whole) if whole else None


def _mend_polygons(held: Any, counters: Counters) -> Any:
    parts = [_mend_polygon(one, counters) for one in held] if isinstance(held, list) else []
    whole = [part for part in parts if part is not None]
    return shapely.multipolygons(whole) if whole else None


_MENDERS: Mapping[str, Callable[[Any, Counters], Any]] = {
    "MultiPoint": _mend_points,
    "LineString": _mend_line,
    "MultiLineString": _mend_lines,
    "Polygon": _mend_polygon,
    "MultiPolygon": _mend_polygons,
}


def mend(kind: str, held: Any, counters: Counters) -> Any:
    """One geometry with what repairs it needs: open rings closed, parts too short to exist left out. None: no hope."""
    return _MENDERS[kind](held, counters)
