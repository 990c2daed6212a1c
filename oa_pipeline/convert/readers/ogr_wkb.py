"""Well-known binary as plain 2D or 3D geometry: curves stroked, rings closed, measures left out.

For the geometries that GEOS does not take; those that it does are parsed by it directly, many at a time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...counters import Counters
from .ogr_curves import stroked

_DEPTH = 16
(POINT, LINE, POLYGON, MULTIPOINT, MULTILINE, MULTIPOLYGON, COLLECTION) = range(1, 8)
(CIRCULAR, COMPOUND, CURVEPOLYGON, MULTICURVE, MULTISURFACE) = range(8, 13)
(POLYHEDRAL, TIN, TRIANGLE) = range(15, 18)


class BadGeometry(ValueError):  # noqa: N818 - said of the geometry
    """Bytes that are no geometry, or one that cannot be repaired."""


@dataclass(slots=True)
class _Cursor:
    data: bytes
    at: int
    counters: Counters

    def take(self, count: int) -> bytes:
        piece = self.data[self.at : self.at + count]
        if len(piece) != count:
            raise BadGeometry("cut off")
        self.at += count
        return piece

    def integer(self, order: str) -> int:
        return int(struct.unpack(order + "I", self.take(4))[0])

    def points(self, order: str, count: int, width: int, kept: int) -> np.ndarray:
        raw = self.take(8 * width * count)
        return np.frombuffer(raw, dtype=order + "f8").reshape(count, width)[:, :kept].astype("<f8")


@dataclass(frozen=True, slots=True)
class _Head:
    kind: int
    order: str
    width: int  # ordinates in the data
    kept: int  # of which are published: 2 or 3


def base_kind(code: Any) -> Any:
    """The kind that a type code (or each of an array of them) means, without its dimensions."""
    return (code & 0xFFFF) % 1000


def has_measure(code: int) -> bool:
    """Whether points carry an M value."""
    return bool(code & 0x40000000) or (code & 0xFFFF) // 1000 in (2, 3)


def has_height(code: int) -> bool:
    """Whether points carry a Z value."""
    return bool(code & 0x80000000) or (code & 0xFFFF) // 1000 in (1, 3)


def plain_wkb(data: bytes, counters: Counters) -> bytes:
    """`data` as WKB that GEOS can read. Raises BadGeometry.

    Counts geometry/stroked-curves, one for each circular string, and geometry/closed-rings.
    """
    return _geometry(_Cursor(data, 0, counters), 0)


def _head(cursor: _Cursor) -> _Head:
    order = "<" if cursor.take(1) == b"\x01" else ">"
    code = cursor.integer(order)
    if code & 0x20000000:  # a coordinate system's number follows
        cursor.integer(order)
    height = has_height(code)
    return _Head(int(base_kind(code)), order, 2 + height + has_measure(code), 2 + height)


def _geometry(cursor: _Cursor, depth: int) -> bytes:
    if depth > _DEPTH:
        raise BadGeometry("nested too deep")
    head = _head(cursor)
    read = _READERS.get(head.kind)
    if read is None:
        raise BadGeometry(f"unknown kind {head.kind}")
    return read(cursor, head, depth)


def _code(kind: int, kept: int) -> bytes:
    return struct.pack("<BI", 1, kind + (1000 if kept == 3 else 0))


def _line_wkb(points: np.ndarray, kept: int) -> bytes:
    return _code(LINE, kept) + struct.pack("<I", len(points)) + points.tobytes()


def _point(cursor: _Cursor, head: _Head, _: int) -> bytes:
    return _code(POINT, head.kept) + cursor.points(head.order, 1, head.width, head.kept).tobytes()


def _line_points(cursor: _Cursor, head: _Head) -> np.ndarray:
    """The points of a line, a circular string or a compound curve, whose header has been read."""
    count = cursor.integer(head.order)
    if head.kind == COMPOUND:
        pieces = [_line_points(cursor, _head(cursor)) for _ in range(_sane(cursor, count))]
        joined = [piece if n == 0 else piece[1:] for n, piece in enumerate(pieces)]
        return np.concatenate(joined) if joined else np.empty((0, head.kept))
    points = cursor.points(head.order, _sane(cursor, count), head.width, head.kept)
    if head.kind == CIRCULAR:
        cursor.counters.add("geometry/stroked-curves")
        return stroked(points)
    if head.kind != LINE:
        raise BadGeometry("not a line")
    return points


def _sane(cursor: _Cursor, count: int) -> int:
    if count > len(cursor.data) - cursor.at:
        raise BadGeometry("promises more than there is")
    return count


def _line(cursor: _Cursor, head: _Head, _: int) -> bytes:
    points = _line_points(cursor, head)
    if len(points) == 1:
        raise BadGeometry("a line of one point")
    return _line_wkb(points, head.kept)


def _polygon(cursor: _Cursor, head: _Head, _: int) -> bytes:
    rings: list[np.ndarray] = []
    for number in range(_sane(cursor, cursor.integer(head.order))):
        if head.kind == CURVEPOLYGON:
            points = _line_points(cursor, _head(cursor))
        else:
            points = cursor.points(head.order, _sane(cursor, cursor.integer(head.order)), head.width, head.kept)
        ring = _closed(points, cursor.counters)
        if ring is not None:
            rings.append(ring)
        elif number == 0 and len(points):
            raise BadGeometry("a ring of fewer than three points")
        elif number == 0:
            break
    body = b"".join(struct.pack("<I", len(ring)) + ring.tobytes() for ring in rings)
    return _code(POLYGON, head.kept) + struct.pack("<I", len(rings)) + body


def _closed(points: np.ndarray, counters: Counters) -> np.ndarray | None:
    if len(points) and not np.array_equal(points[0], points[-1]):
        points = np.concatenate([points, points[:1]])
        counters.add("geometry/closed-rings")
    return points if len(points) >= 4 else None


def _several(kind: int) -> Callable[[_Cursor, _Head, int], bytes]:
    def read(cursor: _Cursor, head: _Head, depth: int) -> bytes:
        count = _sane(cursor, cursor.integer(head.order))
        members = [_geometry(cursor, depth + 1) for _ in range(count)]
        kept = 3 if any(has_height(struct.unpack_from("<I", m, 1)[0]) for m in members) else head.kept
        return _code(kind, kept) + struct.pack("<I", count) + b"".join(members)

    return read


_READERS: Mapping[int, Callable[[_Cursor, _Head, int], bytes]] = {
    POINT: _point,
    LINE: _line,
    CIRCULAR: _line,
    COMPOUND: _line,
    POLYGON: _polygon,
    TRIANGLE: _polygon,
    CURVEPOLYGON: _polygon,
    MULTIPOINT: _several(MULTIPOINT),
    MULTILINE: _several(MULTILINE),
    MULTICURVE: _several(MULTILINE),
    MULTIPOLYGON: _several(MULTIPOLYGON),
    MULTISURFACE: _several(MULTIPOLYGON),
    POLYHEDRAL: _several(MULTIPOLYGON),
    TIN: _several(MULTIPOLYGON),
    COLLECTION: _several(COLLECTION),
}
