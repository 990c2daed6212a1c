"""GeoJSON geometry in plain Python, as far as a coverage needs checking."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

Position = tuple[float, float]

# Pairs of segments compared before a geometry counts as good enough: keeps hostile rings from taking minutes.
_PAIRS = 1_000_000

_DEPTHS = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}


class Shape:
    """A geometry's positions: `fault` says why it cannot be drawn, empty where it can."""

    def __init__(self, geometry: Any, most: int) -> None:
        """Reads a GeoJSON geometry, whatever it holds; what comes after `most` vertices is counted and not read."""
        self.vertices = 0
        self._most = most
        self.rings: list[list[Position]] = []
        self.fault = self._geometry(geometry)

    def crosses_itself(self) -> bool:
        """Whether the edge of a ring crosses another of the same ring; False where that would take too long to say."""
        pairs = _PAIRS
        for ring in self.rings:
            crosses, compared = _crosses(ring, pairs)
            pairs -= compared
            if crosses:
                return True
            if pairs <= 0:
                return False
        return False

    def _geometry(self, geometry: Any) -> str:
        if not isinstance(geometry, dict):
            return "is not an object"
        kind = geometry.get("type")
        if kind == "GeometryCollection":
            parts = geometry.get("geometries")
            return "has no geometries" if not isinstance(parts, list) else self._first(self._geometry, parts)
        if kind not in _DEPTHS:
            return "is of an unknown type"
        coordinates = geometry.get("coordinates")
        return self._nested(coordinates, _DEPTHS[kind], "Polygon" in kind)

    def _nested(self, held: Any, depth: int, polygon: bool) -> str:
        if not isinstance(held, list) or not held:
            return "has no coordinates"
        if depth == 0:
            self.vertices += 1
            return self._position(held)
        if depth == 1:
            self.vertices += len(held)
            if self.vertices > self._most:
                return ""
            fault = self._first(self._listed, held)
        else:
            fault = self._first(lambda part: self._nested(part, depth - 1, polygon), held)
        if fault or not polygon or depth != 1:
            return fault
        ring = [(float(x), float(y)) for x, y, *_ in held]
        self.rings.append(ring)
        return "" if len(ring) >= 4 and ring[0] == ring[-1] else "has a ring that is not closed or has no area"

    def _listed(self, held: Any) -> str:
        return self._position(held) if isinstance(held, list) and held else "has no coordinates"

    @staticmethod
    def _position(held: list[Any]) -> str:
        if len(held) < 2 or any(isinstance(part, bool) or not isinstance(part, int | float) for part in held):
            return "has a position that is not two numbers"
        if not -180 <= held[0] <= 180:
            return f"has the longitude {held[0]:g}"
        if not -90 <= held[1] <= 90:
            return f"has the latitude {held[1]:g}"
        return ""

    @staticmethod
    def _first(check: Any, parts: list[Any]) -> str:
        return next((fault for fault in map(check, parts) if fault), "")


def _crosses(ring: list[Position], pairs: int) -> tuple[bool, int]:
    """Whether two segments of `ring` cross, sweeping from west to east, and how many pairs that took."""
    segments = sorted(_westward(ring))
    open_: list[tuple[Position, Position]] = []
    compared = 0
    for start, end in segments:
        open_ = [held for held in open_ if held[1][0] >= start[0]]
        for held in open_:
            compared += 1
            if _cross(held, (start, end)):
                return True, compared
        if compared > pairs:
            return False, compared
        open_.append((start, end))
    return False, compared


def _westward(ring: list[Position]) -> Iterator[tuple[Position, Position]]:
    for one, other in pairwise(ring):
        if one != other:
            yield (one, other) if one <= other else (other, one)


def _cross(one: tuple[Position, Position], other: tuple[Position, Position]) -> bool:
    """Whether two segments cross in their interiors; touching is allowed."""
    (a, b), (c, d) = one, other
    return _side(a, b, c) * _side(a, b, d) < 0 and _side(c, d, a) * _side(c, d, b) < 0


def _side(a: Position, b: Position, point: Position) -> float:
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])
