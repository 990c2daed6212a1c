"""Esri's curves as straight pieces: they stay on the curve, end where it ends, and pieces are short."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.convert.readers.esri_curves import STEP, stroked

from .reading import read_esri

ROOT = math.sqrt(0.5)


def stroke(*path: Any) -> list[list[float]]:
    return stroked(list(path), lambda: None)


ARCS = {
    "quarter-through-a-point": ([1, 0], {"c": [[0, 1], [ROOT, ROOT]]}, math.pi / 2),
    "three-quarters-through-a-point": ([1, 0], {"c": [[0, 1], [-ROOT, -ROOT]]}, -3 * math.pi / 2),
    "whole-circle-through-a-point": ([1, 0], {"c": [[1, 0], [-1, 0]]}, 2 * math.pi),
    "minor-counter-clockwise": ([1, 0], {"a": [[0, 1], [0, 0], 1, 0]}, math.pi / 2),
    "major-clockwise": ([1, 0], {"a": [[0, 1], [0, 0], 0, 1]}, -3 * math.pi / 2),
    "minor-without-direction": ([0, 1], {"a": [[1, 0], [0, 0], 1]}, -math.pi / 2),
}


@pytest.mark.parametrize(("start", "curve", "sweep"), ARCS.values(), ids=ARCS)
def test_an_arc_stays_on_its_circle_and_turns_the_right_way(start: Any, curve: Any, sweep: float) -> None:
    points = stroke(start, curve)
    assert all(math.isclose(math.hypot(*one), 1) for one in points)
    end = next(iter(curve.values()))[0]
    assert points[-1] == pytest.approx(end)
    angles = [math.atan2(y, x) for x, y in points]
    turns = [math.remainder(b - a, 2 * math.pi) for a, b in pairwise(angles)]
    assert sum(turns) == pytest.approx(sweep)
    assert max(map(abs, turns)) <= STEP + 1e-9


def test_an_elliptic_arc_stays_on_its_ellipse() -> None:
    # Half the major axis is 2 and upright, the ratio 0.5: from the top around the right to the bottom.
    points = stroke([0, 2], {"a": [[0, -2], [0, 0], 0, 1, math.pi / 2, 2, 0.5]})
    assert all((x / 1) ** 2 + (y / 2) ** 2 == pytest.approx(1) for x, y in points)
    assert max(x for x, _ in points) == pytest.approx(1, abs=1e-3)
    assert min(x for x, _ in points) == pytest.approx(0, abs=1e-9)
    assert points[-1] == [0, -2]


def test_a_bezier_curve_follows_its_controls() -> None:
    points = stroke([0, 0], {"b": [[4, 0], [0, 3], [4, 3]]})
    assert points[0] == [0, 0]
    assert points[-1] == [4, 0]
    assert points[15] == pytest.approx([2, 2.25])


def test_points_on_a_line_make_a_straight_piece() -> None:
    assert stroke([0, 0], {"c": [[2, 2], [1, 1]]}, [3, 3]) == [[0, 0], [2, 2], [3, 3]]


@pytest.mark.parametrize(
    "path",
    [[{"c": [[1, 1], [0, 1]]}], [[0, 0], {"q": [[1, 1]]}], [[0, 0], {"c": [[1, 1]]}], [[0, "a"]], [[0, None]], [7],
     [[0, 0], {"c": [[1, "NaN"], [0, 1]]}], [[0, 0], {"a": [[1, 1], [0, 1], 0, 1, 0, 1, 0]}], [[0, 0], {}]],
    ids=repr,
)  # fmt: skip
def test_what_is_no_curve_is_an_error(path: list[Any]) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        stroke(*path)


def test_curve_rings_and_paths_are_read_and_counted(tmp_path: Path) -> None:
    disc = {"curveRings": [[[1, 0], {"c": [[-1, 0], [0, -1]]}, {"c": [[1, 0], [0, 1]]}]]}
    bend = {"curvePaths": [[[1, 0], {"c": [[0, 1], [ROOT, ROOT]]}, [0, 5]]]}
    features = [{"attributes": {"n": i}, "geometry": one} for i, one in enumerate([disc, bend])]
    found = read_esri(tmp_path, features)
    assert found.shapes[0] is not None
    assert found.shapes[0].startswith("POLYGON")
    assert found.shapes[1] is not None
    assert found.shapes[1].startswith("LINESTRING")
    assert found.shapes[1].endswith("0 5)")
    assert found.counters["geometry/stroked-curves"] == 3
