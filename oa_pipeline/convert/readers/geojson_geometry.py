"""GeoJSON geometries: one struct a type for the decoder, and arrays of shapely geometries or points made from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, TypeAlias, TypeVar

import numpy as np
import shapely
from msgspec import Struct

from ...counters import Counters
from ..batch import Points, Shapes
from . import ragged


class Unreadable:
    """What stands for a geometry that is there and cannot be read."""


UNREADABLE = Unreadable()
_G = TypeVar("_G", bound="Geometry")


class Geometry(Struct, gc=False, tag_field="type"):
    """What all types of geometry have in common."""

    @classmethod
    def loosely(cls: type[_G], held: dict[str, Any]) -> _G | Unreadable | None:
        """From plain JSON values; None where all coordinates are null or none is there."""
        coordinates = held.get("coordinates")
        if _nothing(coordinates):
            return None
        try:
            return cls(coordinates=_numbers(coordinates))
        except (TypeError, ValueError, OverflowError):
            return UNREADABLE

    @property
    def kind(self) -> str:
        """The type as GeoJSON names it."""
        return type(self).__name__


class Point(Geometry, tag="Point", gc=False):
    """x, y and perhaps z."""

    coordinates: list[float]


class MultiPoint(Geometry, tag="MultiPoint", gc=False):
    """Positions."""

    coordinates: list[list[float]]


class LineString(Geometry, tag="LineString", gc=False):
    """Positions."""

    coordinates: list[list[float]]


class MultiLineString(Geometry, tag="MultiLineString", gc=False):
    """Lines of positions."""

    coordinates: list[list[list[float]]]


class Polygon(Geometry, tag="Polygon", gc=False):
    """Rings of positions."""

    coordinates: list[list[list[float]]]


class MultiPolygon(Geometry, tag="MultiPolygon", gc=False):
    """Polygons of rings of positions."""

    coordinates: list[list[list[list[float]]]]


class GeometryCollection(Geometry, tag="GeometryCollection", gc=False):
    """Any geometries, as plain JSON values."""

    geometries: list[Any]

    @classmethod
    def loosely(cls, held: dict[str, Any]) -> GeometryCollection | Unreadable | None:
        """From plain JSON values."""
        members = held.get("geometries")
        if not members:
            return None
        return cls(geometries=members) if isinstance(members, list) else UNREADABLE

    @property
    def coordinates(self) -> list[Any]:
        """The members: what is empty has none."""
        return self.geometries


AnyGeometry: TypeAlias = Point | MultiPoint | LineString | MultiLineString | Polygon | MultiPolygon | GeometryCollection
BY_NAME: dict[str, type[Geometry]] = {
    kind.__name__: kind
    for kind in (Point, MultiPoint, LineString, MultiLineString, Polygon, MultiPolygon, GeometryCollection)
}


def _nothing(node: Any) -> bool:
    return node is None or node == "" or (isinstance(node, list) and all(map(_nothing, node)))


def _numbers(node: Any) -> Any:
    """Nested lists of floats from nested lists of numbers and of numbers written as text."""
    if isinstance(node, list):
        return [_numbers(one) for one in node]
    if isinstance(node, bool) or not isinstance(node, int | float | str):
        raise TypeError
    return float(node)


def _collection(held: Sequence[Any], counters: Counters) -> Any:
    """All members that can be read; None where none can."""
    members = []
    for one in held:
        kind = BY_NAME.get(str(one.get("type"))) if isinstance(one, dict) else None
        made = kind.loosely(one) if kind is not None else None
        shape = _single(made, counters) if isinstance(made, Geometry) else None
        if shape is not None:
            members.append(shape)
    return shapely.geometrycollections(members) if members else None


def _single(one: Any, counters: Counters) -> Any:
    if isinstance(one, GeometryCollection):
        return _collection(one.geometries, counters)
    if isinstance(one, Point):
        return ragged.single_point(one.coordinates)
    return ragged.geometries(one.kind, [one.coordinates], counters, ragged.mend)[0]


def _all_points(held: Sequence[Any]) -> Points | None:
    """All points at once; None where one of them is not two numbers, or three."""
    coordinates = [one.coordinates for one in held]
    sizes = set(map(len, coordinates))
    if len(sizes) != 1 or not sizes <= {2, 3}:
        return None
    size = sizes.pop()
    flat = np.fromiter(chain.from_iterable(coordinates), np.float64, size * len(held)).reshape(-1, size)
    if not np.isfinite(flat).all():
        return None
    return Points(flat[:, 0].copy(), flat[:, 1].copy(), flat[:, 2].copy() if size == 3 else None)


_PLURAL: dict[type[Geometry], Callable[[Sequence[Any], Counters], Any]] = {
    Point: lambda held, counters: [ragged.single_point(one.coordinates) for one in held],
    GeometryCollection: lambda held, counters: [_collection(one.geometries, counters) for one in held],
}


def _of_one_kind(kind: type[Geometry], held: Sequence[Any], counters: Counters) -> Any:
    if kind in _PLURAL:
        return _PLURAL[kind](held, counters)
    return ragged.geometries(kind.__name__, [one.coordinates for one in held], counters, ragged.mend)


def build(held: Sequence[Any], vertices: int, counters: Counters) -> tuple[Points | Shapes, np.ndarray]:
    """The geometries that can be used, and which of `held` they are. The others are counted by cause.

    None and geometries without coordinates are "no-geometry", what cannot be read is "bad-geometry".
    """
    kinds = set(map(type, held))
    if kinds == {Point}:
        points = _all_points(held)
        if points is not None:
            return points, np.ones(len(held), bool)
    shapes = np.full(len(held), None, dtype=object)
    for kind in kinds - {type(None), Unreadable}:
        places = [i for i, one in enumerate(held) if type(one) is kind]
        shapes[places] = _of_one_kind(kind, [held[i] for i in places], counters)
    return ragged.settle(shapes, lambda i: _absent(held[i]), vertices, counters)


def _absent(one: Any) -> bool:
    return one is None or (not isinstance(one, Unreadable) and _nothing(one.coordinates))
