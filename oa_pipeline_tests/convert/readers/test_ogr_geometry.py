from __future__ import annotations

import math
import struct

import numpy as np
import pyarrow as pa
import pytest
import shapely

from oa_pipeline.convert.batch import Points, Shapes
from oa_pipeline.convert.readers.ogr_curves import stroked
from oa_pipeline.convert.readers.ogr_geometry import read_geometry
from oa_pipeline.convert.readers.ogr_wkb import BadGeometry, plain_wkb
from oa_pipeline.counters import Counters

LIMIT = 1000


def read(*wkb: bytes | None, vertices: int = LIMIT) -> tuple[Points | Shapes, list[bool], dict[str, int]]:
    counters = Counters()
    geometry, keep = read_geometry(pa.array(wkb, pa.binary()), vertices, counters)
    return geometry, keep.tolist(), dict(counters)


def shapes(*wkb: bytes | None) -> list[str | None]:
    geometry, keep, _ = read(*wkb)
    assert isinstance(geometry, Shapes)
    assert all(keep)
    return [None if shape is None else shape.wkt for shape in geometry.geometries]


def wkb(text: str, **more: object) -> bytes:
    return shapely.to_wkb(shapely.from_wkt(text), **more)  # type: ignore[no-any-return]


def head(kind: int, *counts: int) -> bytes:
    return struct.pack(f"<BI{len(counts)}I", 1, kind, *counts)


def pairs(*places: tuple[float, ...]) -> bytes:
    return b"".join(struct.pack(f"<{len(place)}d", *place) for place in places)


def test_points_are_arrays_with_nan_for_none() -> None:
    geometry, keep, _ = read(wkb("POINT (1 2)"), None, wkb("POINT EMPTY"), wkb("POINT (3 4)"))
    assert isinstance(geometry, Points)
    np.testing.assert_array_equal(geometry.x, [1, np.nan, np.nan, 3])
    np.testing.assert_array_equal(geometry.y, [2, np.nan, np.nan, 4])
    assert geometry.z is None
    assert all(keep)


@pytest.mark.parametrize("flavor", ["iso", "extended"])
def test_heights_stay_and_measures_go(flavor: str) -> None:
    geometry, _, _ = read(
        wkb("POINT Z (1 2 3)", flavor=flavor),
        wkb("POINT (4 5)"),
        wkb("POINT M (6 7 8)", flavor=flavor),
        wkb("POINT ZM (9 10 11 12)", flavor=flavor),
    )
    assert isinstance(geometry, Points)
    assert geometry.z is not None
    np.testing.assert_array_equal(geometry.x, [1, 4, 6, 9])
    np.testing.assert_array_equal(geometry.z, [3, np.nan, np.nan, 11])


def test_measures_of_lines_go_too() -> None:
    assert shapes(wkb("LINESTRING M (0 0 5, 1 1 6)"), wkb("LINESTRING ZM (0 0 1 5, 1 1 2 6)"), None) == [
        "LINESTRING (0 0, 1 1)",
        "LINESTRING Z (0 0 1, 1 1 2)",
        None,
    ]


def test_a_slice_of_a_column_is_read_where_it_lies() -> None:
    column = pa.array([wkb("POINT (1 2)"), wkb("POINT (3 4)"), wkb("POINT (5 6)")], pa.binary()).slice(1, 1)
    geometry, _ = read_geometry(column, LIMIT, Counters())
    assert isinstance(geometry, Points)
    assert (geometry.x.tolist(), geometry.y.tolist()) == ([3], [4])


def test_any_kind_comes_as_it_is() -> None:
    kinds = [
        "POINT (1 2)",
        "POLYGON EMPTY",
        "MULTIPOLYGON (((0 0, 0 1, 1 1, 0 0)))",
        "GEOMETRYCOLLECTION (POINT (9 9), LINESTRING (0 0, 1 1))",
        "MULTILINESTRING ((0 0, 1 1), (2 2, 3 3))",
    ]
    assert shapes(*[wkb(kind) for kind in kinds]) == kinds


def test_big_endian_is_read_too() -> None:
    assert shapes(wkb("POINT (1 2)", byte_order=0)) == ["POINT (1 2)"]


RING = pairs((0, 0), (0, 1), (1, 1))


@pytest.mark.parametrize(
    ("data", "text", "counted"),
    [
        (head(3, 1, 3) + RING, "POLYGON ((0 0, 0 1, 1 1, 0 0))", "geometry/closed-rings"),
        (head(8, 3) + pairs((0, 0), (1, 0), (2, 0)), "LINESTRING (0 0, 1 0, 2 0)", "geometry/stroked-curves"),
        (
            head(9, 2) + head(2, 2) + pairs((0, 0), (1, 0)) + head(8, 3) + pairs((1, 0), (2, 0), (3, 0)),
            "LINESTRING (0 0, 1 0, 2 0, 3 0)",
            "geometry/stroked-curves",
        ),
        (head(11, 1) + head(2, 2) + pairs((0, 0), (1, 0)), "MULTILINESTRING ((0 0, 1 0))", None),
        (head(12, 1) + wkb("POLYGON ((0 0, 0 1, 1 1, 0 0))"), "MULTIPOLYGON (((0 0, 0 1, 1 1, 0 0)))", None),
        (head(17, 1, 4) + RING + pairs((0, 0)), "POLYGON ((0 0, 0 1, 1 1, 0 0))", None),
        (
            head(16, 1) + head(17, 1, 4) + RING + pairs((0, 0)),
            "MULTIPOLYGON (((0 0, 0 1, 1 1, 0 0)))",
            None,
        ),
    ],
    ids=["open ring", "straight arc", "compound", "multicurve", "multisurface", "triangle", "tin"],
)
def test_what_geos_does_not_take_is_repaired_and_counted(data: bytes, text: str, counted: str | None) -> None:
    geometry, keep, counters = read(data)
    assert isinstance(geometry, Shapes)
    assert [shape.wkt for shape in geometry.geometries] == [text]
    assert keep == [True]
    assert counters == ({counted: 1} if counted else {})


@pytest.mark.parametrize(
    "data",
    [
        b"\x01\x02\x00\x00\x00",
        b"\x01\x63\x00\x00\x00" + bytes(40),
        head(2, 1) + pairs((0, 0)),
        head(3, 1, 2) + pairs((0, 0), (1, 1)),
        head(2, 4_000_000_000) + bytes(32),
        head(7, 4_000_000_000) + bytes(32),
        head(7, 1) * 60 + wkb("POINT (1 2)"),
    ],
    ids=[
        "cut off",
        "unknown kind",
        "one-point line",
        "two-point ring",
        "4 G points",
        "4 G members",
        "nested 60 deep",
    ],
)
def test_what_cannot_be_repaired_drops_its_row_and_no_other(data: bytes) -> None:
    geometry, keep, counters = read(wkb("LINESTRING (0 0, 1 1)"), data, None)
    assert isinstance(geometry, Shapes)
    assert keep == [True, False, True]
    assert geometry.geometries[0].wkt == "LINESTRING (0 0, 1 1)"
    assert counters == {"rows/dropped/bad-geometry": 1}


@pytest.mark.parametrize("count", [LIMIT + 1, 40 * LIMIT], ids=["one too many", "too long to be looked at"])
def test_a_geometry_of_too_many_vertices_is_dropped_and_counted(count: int) -> None:
    line = head(2, count) + pairs(*[(float(n), 0.0) for n in range(count)])
    _, keep, counters = read(line, wkb("LINESTRING (0 0, 1 1)"))
    assert keep == [False, True]
    assert counters == {"rows/dropped/too-many-vertices": 1}


def test_an_arc_is_an_odd_number_of_equal_steps_of_about_four_degrees() -> None:
    points = stroked(np.array([(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)]))
    assert len(points) == 46  # 180 / 4 = 45 steps
    np.testing.assert_allclose(np.hypot(points[:, 0], points[:, 1]), 1)
    np.testing.assert_allclose(np.diff(np.arctan2(points[:, 1], points[:, 0])), math.pi / 45)


@pytest.mark.parametrize(
    ("places", "passes", "steps"),
    [
        ([(0, 0), (2, 0), (0, 0)], (1, 1), 91),
        ([(1, 0), (0, -1), (-1, 0)], (0, -1), 45),
        ([(0, 0), (0.5, 0.01), (1, 0)], (0.5, 0.01), 7),
        ([(0, 0), (1, 0), (2, 0)], (1, 0), 2),
        ([(3, 3), (3, 3), (3, 3)], (3, 3), 2),
    ],
    ids=["full circle", "clockwise", "flat", "straight", "one place"],
)
def test_arcs_pass_their_middle(places: list[tuple[float, float]], passes: tuple[float, float], steps: int) -> None:
    points = stroked(np.array(places, dtype=float))
    assert len(points) == steps + 1
    assert points[0].tolist() == list(places[0])
    assert points[-1].tolist() == list(places[-1])
    assert np.hypot(*(points - passes).T).min() < 0.08


def test_heights_rise_evenly_along_an_arc() -> None:
    points = stroked(np.array([(1.0, 0.0, 10.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 55.0)]))
    np.testing.assert_allclose(points[:, 2], np.linspace(10, 55, 46))


def test_a_closed_curve_is_a_closed_ring() -> None:
    data = head(10, 1) + head(8, 3) + pairs((0, 0), (2, 0), (0, 0))
    area = shapely.from_wkb(plain_wkb(data, Counters())).area
    assert area == pytest.approx(math.pi, rel=0.01)


def test_a_curve_with_promises_it_cannot_keep_is_bad() -> None:
    with pytest.raises(BadGeometry):
        plain_wkb(head(8, 300) + pairs((0, 0)), Counters())
