"""Places out of WKB: unparsed where all are plain points, the same as parsed ones whatever they are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import shapely

from oa_pipeline.maps.dotmap import lines
from oa_pipeline.maps.dotmap.lines import Unreadable, places

RANDOM = np.random.default_rng(3)
POINTS = shapely.points(RANDOM.uniform(-180, 180, (50, 2)))
HIGH = shapely.points([[1, 2, 3], [4, 5, 6]])


def wkb(shapes: object, **how: object) -> pa.Array:
    return pa.array(shapely.to_wkb(shapes, **how), pa.binary())


@pytest.mark.parametrize(
    ("geometry", "plain"),
    [
        (wkb(POINTS), True),
        (wkb(POINTS)[7:31], True),
        (wkb(POINTS)[:0], True),
        (wkb(POINTS, byte_order=0), False),
        (wkb(HIGH, output_dimension=3), False),
        (wkb(np.append(POINTS, shapely.box(0, 0, 1, 1))), False),
        (pa.array([*shapely.to_wkb(POINTS), None], pa.binary()), False),
        (wkb(POINTS).cast(pa.large_binary()), False),
    ],
    ids=["points", "a slice", "none", "big endian", "with heights", "and a surface", "and nothing", "another type"],
)
def test_points_are_read_as_they_would_be_parsed(
    geometry: pa.Array, plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = places(geometry)
    assert (lines._points(geometry) is not None) == (plain and bool(len(geometry) or geometry.buffers()[2]))
    monkeypatch.setattr(lines, "_points", lambda _: None)
    parsed_x, parsed_y = places(geometry)
    np.testing.assert_array_equal(x, parsed_x)
    np.testing.assert_array_equal(y, parsed_y)


def test_of_the_length_of_a_point_is_not_a_point() -> None:
    with pytest.raises(Unreadable):
        places(pa.array([b"?" * 21, b"\x01\x07" + b"?" * 19], pa.binary()))
