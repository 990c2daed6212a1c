"""Arcs as short straight pieces, the way GDAL draws them: equal steps of at most four degrees."""

from __future__ import annotations

import math

import numpy as np

_STEP = math.radians(4.0)
_FEWEST = 7  # steps of an arc, however short


def stroked(points: np.ndarray) -> np.ndarray:
    """A circular string (n by 2 or 3, each odd point on the arc between its neighbours) as a line's points."""
    if len(points) < 3 or len(points) % 2 == 0:
        return points
    pieces = [points[:1]]
    for at in range(0, len(points) - 2, 2):
        pieces.append(_arc(points[at], points[at + 1], points[at + 2]))
    return np.concatenate(pieces)


def _arc(start: np.ndarray, middle: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The points after `start` of the arc that passes `middle`."""
    circle = _circle(start[:2], middle[:2], end[:2])
    if circle is None:  # on one straight line
        return np.array([middle, end])
    (cx, cy), radius, first, last = circle
    steps = max(_FEWEST, int(abs(last - first) / _STEP + 0.5))
    steps += 1 - steps % 2  # an odd number, as GDAL's is
    share = np.arange(1, steps) / steps
    angles = first + (last - first) * share
    columns = [cx + radius * np.cos(angles), cy + radius * np.sin(angles)]
    if len(start) > 2:
        columns.append(start[2] + (end[2] - start[2]) * share)
    return np.concatenate([np.column_stack(columns), end[np.newaxis]])


def _circle(
    start: np.ndarray, middle: np.ndarray, end: np.ndarray
) -> tuple[tuple[float, float], float, float, float] | None:
    """Centre, radius, and the angles of start and end, the latter beyond the middle's in the direction of travel."""
    (x0, y0), (x1, y1), (x2, y2) = start.tolist(), middle.tolist(), end.tolist()
    if (x0, y0) == (x2, y2):
        if (x0, y0) == (x1, y1):
            return None
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2  # a full circle, the middle opposite the start
        first = math.atan2(y0 - cy, x0 - cx)
        return (cx, cy), math.hypot(x0 - cx, y0 - cy), first, first + 2 * math.pi
    ax, ay, bx, by = x1 - x0, y1 - y0, x2 - x0, y2 - y0
    area = 2 * (ax * by - ay * bx)
    if abs(area) <= 1e-12 * max(ax * ax + ay * ay, bx * bx + by * by) or not math.isfinite(area):
        return None
    ux = (by * (ax * ax + ay * ay) - ay * (bx * bx + by * by)) / area
    uy = (ax * (bx * bx + by * by) - bx * (ax * ax + ay * ay)) / area
    cx, cy = x0 + ux, y0 + uy
    first, last = math.atan2(y0 - cy, x0 - cx), math.atan2(y2 - cy, x2 - cx)
    turn = 1 if area > 0 else -1
    while (last - first) * turn <= 0:
        last += turn * 2 * math.pi
    return (cx, cy), math.hypot(ux, uy), first, last
