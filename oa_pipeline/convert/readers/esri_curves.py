"""Esri's true curves as short straight pieces: circular arcs, elliptic arcs and Bezier curves.

A piece spans at most four degrees of an arc; a Bezier curve has thirty pieces.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

STEP = math.radians(4)
_BEZIER_PIECES = 30
MOST_POSITIONS = 2_000_000

Position = tuple[float, float]


def stroked(path: Sequence[Any], counted: Callable[[], None]) -> list[list[float]]:
    """The positions of a curve path or curve ring; `counted` is called for each curve.

    Raises ValueError, TypeError or LookupError for what is not a curve.
    """
    made: list[list[float]] = []
    for piece in path:
        if isinstance(piece, Mapping):
            if not made or len(piece) != 1:
                raise ValueError("a curve without a start")
            name, held = next(iter(piece.items()))
            made.extend([x, y] for x, y in _CURVES[name](_position(made[-1]), held))
            counted()
        else:
            made.append(list(_position(piece)))
        if len(made) > MOST_POSITIONS:
            raise ValueError("too many positions")
    return made


def _position(held: Any) -> Position:
    if isinstance(held[0], bool) or isinstance(held[1], bool):
        raise TypeError
    x, y = float(held[0]), float(held[1])
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError("a position is not finite")
    return x, y


def _circle(start: Position, held: Any) -> Iterator[Position]:
    """`c`: the end, and a point on the arc."""
    end, through = _position(held[0]), _position(held[1])
    if start == end:
        centre = ((start[0] + through[0]) / 2, (start[1] + through[1]) / 2)
        yield from _arc(start, end, centre, 2 * math.pi)
        return
    centre_found = _centre(start, through, end)
    if centre_found is None:
        yield end
        return
    (sx, sy), (tx, ty), (ex, ey) = start, through, end
    clockwise = (tx - sx) * (ey - sy) - (ty - sy) * (ex - sx) < 0
    yield from _arc(start, end, centre_found, _sweep(start, end, centre_found, clockwise=clockwise))


def _centre(a: Position, b: Position, c: Position) -> Position | None:
    """The centre of the circle through three points; None where they lie on a line."""
    bx, by, cx, cy = b[0] - a[0], b[1] - a[1], c[0] - a[0], c[1] - a[1]
    twice = 2 * (bx * cy - by * cx)
    if abs(twice) <= 1e-12 * max(bx * bx + by * by, cx * cx + cy * cy):
        return None
    x = (cy * (bx * bx + by * by) - by * (cx * cx + cy * cy)) / twice
    y = (bx * (cx * cx + cy * cy) - cx * (bx * bx + by * by)) / twice
    return a[0] + x, a[1] + y


def _sweep(start: Position, end: Position, centre: Position, *, clockwise: bool) -> float:
    """The signed angle from start to end; a whole turn where they are the same."""
    first = math.atan2(start[1] - centre[1], start[0] - centre[0])
    final = math.atan2(end[1] - centre[1], end[0] - centre[0])
    turn = (final - first) % (2 * math.pi)
    if clockwise:
        return turn - 2 * math.pi
    return turn or 2 * math.pi


def _arc(start: Position, end: Position, centre: Position, sweep: float) -> Iterator[Position]:
    radius = math.dist(start, centre)
    first = math.atan2(start[1] - centre[1], start[0] - centre[0])
    pieces = max(1, math.ceil(abs(sweep) / STEP - 1e-9))
    for i in range(1, pieces):
        angle = first + sweep * i / pieces
        yield centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)
    yield end


def _ellipse(start: Position, held: Any) -> Iterator[Position]:
    """`a`: the end, the centre, minor, clockwise; for an ellipse also rotation, half the major axis, and the ratio.

    `minor` asks for the shorter of the two arcs and is only heeded where `clockwise` is absent.
    """
    end, centre = _position(held[0]), _position(held[1])
    rotation = float(held[4]) if len(held) > 4 else 0.0
    ratio = float(held[6]) if len(held) > 6 else 1.0
    if not (math.isfinite(rotation) and math.isfinite(ratio)) or ratio <= 0:
        raise ValueError("not an ellipse")

    def upright(point: Position) -> Position:
        x, y = point[0] - centre[0], point[1] - centre[1]
        cos, sin = math.cos(rotation), math.sin(rotation)
        return x * cos + y * sin, (y * cos - x * sin) / ratio

    def back(point: Position) -> Position:
        x, y = point[0], point[1] * ratio
        cos, sin = math.cos(rotation), math.sin(rotation)
        return centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos

    first, final = upright(start), upright(end)
    sweep = _sweep(first, final, (0.0, 0.0), clockwise=bool(held[3]) if len(held) > 3 else False)
    if len(held) <= 3 and bool(held[2]) == (abs(sweep) > math.pi):
        sweep -= math.copysign(2 * math.pi, sweep)
    for point in _arc(first, final, (0.0, 0.0), sweep):
        yield end if point == final else back(point)


def _bezier(start: Position, held: Any) -> Iterator[Position]:
    """`b`: the end and two control points."""
    points = (start, _position(held[1]), _position(held[2]), _position(held[0]))
    for i in range(1, _BEZIER_PIECES):
        t = i / _BEZIER_PIECES
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        yield (
            sum(w * p[0] for w, p in zip(weights, points, strict=True)),
            sum(w * p[1] for w, p in zip(weights, points, strict=True)),
        )
    yield points[3]


_CURVES: Mapping[str, Callable[[Position, Any], Iterator[Position]]] = {"c": _circle, "a": _ellipse, "b": _bezier}
