"""A small curve, drawn as a line in SVG. What it shows stands as a table beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT, EDGE = 600, 120, 4


class Sparkline(NamedTuple):
    """`points` as an SVG polyline takes them, within `width` and `height`; empty where there is no curve to draw."""

    points: str
    width: int = WIDTH
    height: int = HEIGHT


def sparkline(values: Sequence[float | None]) -> Sparkline:
    """The curve of these values, from zero to the largest, at even distances; unknown ones are passed over."""
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return Sparkline("")
    most = max(value for _, value in known) or 1
    across, up = (WIDTH - 2 * EDGE) / (len(values) - 1), HEIGHT - 2 * EDGE
    points = [(EDGE + place * across, HEIGHT - EDGE - max(0.0, value / most) * up) for place, value in known]
    return Sparkline(" ".join(f"{x:.1f},{y:.1f}" for x, y in points))
