from __future__ import annotations

import numpy as np
import pytest
import shapely

from oa_pipeline.convert.batch import Points, Shapes
from oa_pipeline.convert.crs import to_lonlat
from oa_pipeline.convert.geometry import Located, locate, merged_bounds
from oa_pipeline.counters import Counters
from oa_pipeline.sources.model import Layer

LONLAT = to_lonlat("EPSG:4326", "x")
NAN = float("nan")


def points(*rows: tuple[float, ...]) -> Points:
    x, y, *rest = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    return Points(x, y, *rest)


def shapes(*texts: str | None) -> Shapes:
    return Shapes(np.array([None if t is None else shapely.from_wkt(t) for t in texts], dtype=object))


def located_points(located: Located) -> list[tuple[float, ...] | None]:
    assert isinstance(located.geometry, Points)
    held = located.geometry
    z = np.full(len(held.x), NAN) if held.z is None else held.z
    rows = zip(held.x.tolist(), held.y.tolist(), z.tolist(), strict=True)
    return [None if x != x else (x, y) if h != h else (x, y, h) for x, y, h in rows]


def address(text: str | None, crs: str = "EPSG:4326") -> tuple[float, ...] | None:
    return located_points(locate(shapes(text), to_lonlat(crs, "x"), Layer.ADDRESSES, Counters()))[0]


def parcel(text: str | None) -> str | None:
    located = locate(shapes(text), LONLAT, Layer.PARCELS, Counters())
    if isinstance(located.geometry, Points):
        found = located_points(located)[0]
        return None if found is None else shapely.Point(*found).wkt
    shape = located.geometry.geometries[0]
    return None if shape is None else str(shape.wkt)


def line_through(x: float, y: float) -> shapely.LineString:
    """From 5 5 to anywhere, also where shapely would warn."""
    given = shapely.set_coordinates(np.array([shapely.LineString([(5, 5), (6, 6)])]), np.array([[5, 5], [x, y]]))
    return given[0]


KEPT = [
    ((12.5, 50.0), True, {}),
    ((NAN, NAN), False, {"rows/kept/no-geometry": 1}),
    ((0.0, 0.0), False, {"rows/kept/zero-zero": 1}),
    ((-0.0, 1e-9), False, {"rows/kept/zero-zero": 1}),
    ((0.0, 51.5), True, {}),
    ((51.5, 0.0), True, {}),
    ((180.0, 90.0), True, {}),
    ((-180.0, -90.0), True, {}),
    ((180.1, 5.0), False, {"rows/kept/out-of-range": 1}),
    ((50.0, -91.0), False, {"rows/kept/out-of-range": 1}),
    ((345000.0, 5800000.0), False, {"rows/kept/out-of-range": 1}),
]


@pytest.mark.parametrize(("place", "usable", "counted"), KEPT, ids=[str(k[0]) for k in KEPT])
@pytest.mark.parametrize("form", ["points", "shapes", "line"])
def test_rows_without_a_usable_place_are_kept_and_counted(
    form: str, place: tuple[float, float], usable: bool, counted: dict[str, int]
) -> None:
    counters = Counters()
    if form == "points":
        located = locate(points(place), LONLAT, Layer.ADDRESSES, counters)
    elif form == "shapes":
        text = None if place[0] != place[0] else shapely.Point(place).wkt
        located = locate(shapes(text, "LINESTRING (1 1, 2 2)"), LONLAT, Layer.ADDRESSES, counters)
    else:
        text = None if place[0] != place[0] else shapely.LineString([place, place]).wkt
        located = locate(shapes(text), LONLAT, Layer.CENTERLINES, counters)
    assert located.keep.all()
    assert bool(located.usable[0]) is usable
    assert dict(counters) == counted


DROPPED = [
    ("EPSG:4326", (float("inf"), 5.0), "rows/dropped/bad-geometry"),
    ("EPSG:4326", (5.0, NAN), "rows/dropped/bad-geometry"),
    ("EPSG:25833", (1e20, 1e20), "rows/dropped/out-of-projection"),
    ("EPSG:25833", (1e9, 1e9), "rows/dropped/out-of-projection"),
]


@pytest.mark.parametrize(("crs", "place", "cause"), DROPPED, ids=[f"{d[0]} {d[1]}" for d in DROPPED])
@pytest.mark.parametrize("layer", [Layer.ADDRESSES, Layer.PARCELS])
def test_one_hopeless_row_is_dropped_and_counted_and_the_others_stay(
    layer: Layer, crs: str, place: tuple[float, float], cause: str
) -> None:
    for given in (
        points((500000.0, 5e6), place),
        Shapes(np.array([shapely.LineString([(5e5, 5e6), (5e5, 5e6)]), line_through(*place)])),
    ):
        counters = Counters()
        located = locate(given, to_lonlat(crs, "x"), layer, counters)
        assert located.keep.tolist() == [True, False]
        assert not located.usable[1]
        assert counters[cause] == 1
        assert len(located.kept()) == 1


def test_zero_metres_are_no_place_either() -> None:
    counters = Counters()
    for given in (points((0, 0), (500000, 0)), shapes("POINT (0 0)", "POINT (500000 0)")):
        located = locate(given, to_lonlat("EPSG:25833", "x"), Layer.ADDRESSES, counters)
        assert located.usable.tolist() == [False, True]
    assert counters["rows/kept/zero-zero"] == 2


def test_a_line_at_zero_metres_is_no_place_either() -> None:
    given = shapes("LINESTRING (0 0, 0 0)", "LINESTRING (0 0, 500000 0)")
    located = locate(given, to_lonlat("EPSG:25833", "x"), Layer.CENTERLINES, counters := Counters())
    assert located.usable.tolist() == [False, True]
    assert counters["rows/kept/zero-zero"] == 1


def test_coordinates_have_seven_decimals_and_no_negative_zero() -> None:
    located = locate(points((-0.00000001, 50.123456789)), LONLAT, Layer.ADDRESSES, Counters())
    assert isinstance(located.geometry, Points)
    assert str(located.geometry.x[0]) == "0.0"
    assert located.geometry.y[0] == 50.1234568
    assert parcel("LINESTRING (-0.00000001 50.123456789, 1 1)") == "LINESTRING (0 50.1234568, 1 1)"


def test_heights_stay_and_are_rounded() -> None:
    located = locate(
        points((1, 2, 3.123456789), (4, 5, NAN), (6, 7, float("inf"))), LONLAT, Layer.ADDRESSES, Counters()
    )
    assert located_points(located) == [(1, 2, 3.1234568), (4, 5), (6, 7)]
    assert parcel("LINESTRING Z (0 0 1.00000001, 1 1 2)") == "LINESTRING Z (0 0 1, 1 1 2)"


def test_heights_of_a_projected_source_are_not_touched() -> None:
    located = locate(points((1650000, 5030000, 120.5)), to_lonlat("EPSG:26591", "x"), Layer.ADDRESSES, Counters())
    found = located_points(located)[0]
    assert found is not None
    assert found[2] == 120.5


SURFACE = [
    ("POINT (1 2)", (1, 2)),
    ("POINT Z (1 2 3)", (1, 2, 3)),
    ("POINT M (1 2 3)", (1, 2)),
    ("POINT ZM (1 2 3 4)", (1, 2, 3)),
    ("POINT EMPTY", None),
    ("POLYGON EMPTY", None),
    ("GEOMETRYCOLLECTION (POINT EMPTY)", None),
    (None, None),
    ("POLYGON ((0 0, 10 0, 10 10, 0 10, 0 0))", (5, 5)),
    ("POLYGON Z ((0 0 7, 10 0 7, 10 10 7, 0 10 7, 0 0 7))", (5, 5)),
    # A horseshoe: its centroid lies outside.
    ("POLYGON ((0 0, 10 0, 10 10, 9 10, 9 1, 1 1, 1 10, 0 10, 0 0))", (0.5, 5.5)),
    ("MULTIPOLYGON (((0 0, 1 0, 1 1, 0 1, 0 0)), ((20 0, 30 0, 30 10, 20 10, 20 0)))", (25, 5)),
    ("LINESTRING (0 0, 1 1, 3 3)", (1, 1)),
    ("LINESTRING Z (0 0 1, 1 1 2, 3 3 4)", (1, 1, 2)),
    ("LINESTRING Z (1 1 5, 1 1 6)", (1, 1, 5)),
    ("MULTIPOINT Z ((0 0 1), (4 4 2), (5 5 3))", (4, 4, 2)),
    ("MULTIPOINT ((0 0), (4 4), EMPTY, (5 5))", (4, 4)),
    ("GEOMETRYCOLLECTION (POINT (50 50), LINESTRING (0 0, 1 1, 3 3))", (1, 1)),
    ("GEOMETRYCOLLECTION (POINT (50 50), POLYGON ((0 0, 10 0, 10 10, 0 10, 0 0)))", (5, 5)),
    # What a digitiser's slip leaves: no surface, but a place.
    ("POLYGON ((3 4, 3 4, 3 4, 3 4))", (3, 4)),
    ("POLYGON ((0 0, 10 10, 10 0, 0 10, 0 0))", (8.75, 7.5)),
]


@pytest.mark.parametrize(("text", "found"), SURFACE, ids=[str(s[0])[:40] for s in SURFACE])
def test_an_address_is_one_point_on_its_surface(text: str | None, found: tuple[float, ...] | None) -> None:
    if text == "POLYGON ((0 0, 10 10, 10 0, 0 10, 0 0))":
        polygon = shapely.make_valid(shapely.from_wkt(text))
        place = address(text)
        assert place is not None
        assert polygon.distance(shapely.Point(place)) == 0
    else:
        assert address(text) == found


def test_a_surface_too_wide_to_reckon_with_is_dropped_and_counted() -> None:
    """GEOS puts its point at infinity, which no JSON can say."""
    wide = "POLYGON ((0 0, -1e308 0, 1e308 1e308, 0 -1e308, 0 0))"
    counters = Counters()
    with np.errstate(all="ignore"):
        located = locate(shapes(wide, "POLYGON ((0 0, 4 0, 4 4, 0 0))", None), LONLAT, Layer.ADDRESSES, counters)
    assert located.keep.tolist() == [False, True, True]
    assert counters["rows/dropped/bad-geometry"] == 1


def test_the_point_is_looked_for_after_reprojection() -> None:
    # Wide and flat in metres; in degrees another horizontal section is the widest.
    square = shapely.box(400000, 5000000, 500000, 5400000)
    found = address(square.wkt, "EPSG:25833")
    assert found is not None
    lon, lat = to_lonlat("EPSG:25833", "x").lonlat(*shapely.get_coordinates(square).T)
    ring = shapely.Polygon(np.stack([lon, lat], axis=1))
    expected = shapely.point_on_surface(ring)
    assert found == pytest.approx((expected.x, expected.y), abs=1e-7)
    before = to_lonlat("EPSG:25833", "x").lonlat(*(np.array([v]) for v in (450000.0, 5200000.0)))
    assert abs(found[0] - float(before[0][0])) > 1e-4


def test_parcels_keep_their_geometry() -> None:
    for text in (
        "POLYGON ((0 0, 0 1, 1 1, 0 0))",
        "POLYGON ((0 0, 5 0, 5 5, 0 5, 0 0), (1 1, 2 1, 2 2, 1 1))",
        "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)))",
        "GEOMETRYCOLLECTION (POINT (1 2), LINESTRING (0 0, 1 1))",
        "POLYGON EMPTY",
        "POINT Z (1 2 3)",
    ):
        assert parcel(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("LINESTRING M (0 0 1, 1 1 2)", "LINESTRING (0 0, 1 1)"),
        ("LINESTRING ZM (0 0 1 9, 1 1 2 9)", "LINESTRING Z (0 0 1, 1 1 2)"),
    ],
)
def test_measures_are_dropped(text: str, left: str) -> None:
    assert parcel(text) == left


def test_flat_and_tall_and_missing_shapes_may_stand_side_by_side() -> None:
    located = locate(
        shapes("LINESTRING (0 0, 1 1)", None, "LINESTRING Z (2 2 2, 3 3 3)", "POLYGON EMPTY", "POINT (7 8)"),
        LONLAT,
        Layer.BUILDINGS,
        counters := Counters(),
    )
    assert isinstance(located.geometry, Shapes)
    assert [None if g is None else g.wkt for g in located.geometry.geometries] == [
        "LINESTRING (0 0, 1 1)",
        None,
        "LINESTRING Z (2 2 2, 3 3 3)",
        "POLYGON EMPTY",
        "POINT (7 8)",
    ]
    assert located.usable.tolist() == [True, False, True, False, True]
    assert dict(counters) == {"rows/kept/no-geometry": 2}
    assert located.bounds == (0, 0, 7, 8)
    assert located.kinds == {"LineString", "Polygon", "Point"}


def test_the_readers_own_arrays_are_not_changed() -> None:
    given = shapes("LINESTRING (500000 5000000, 500001 5000001)")
    locate(given, to_lonlat("EPSG:25833", "x"), Layer.CENTERLINES, Counters())
    assert given.geometries[0].wkt == "LINESTRING (500000 5000000, 500001 5000001)"


def test_bounds_are_of_the_usable_rows() -> None:
    located = locate(points((10, 50), (12, 48), (0, 0), (500, 500), (NAN, NAN)), LONLAT, Layer.ADDRESSES, Counters())
    assert located.bounds == (10, 48, 12, 50)
    assert locate(points((0, 0)), LONLAT, Layer.ADDRESSES, Counters()).bounds is None
    assert merged_bounds((1, 2, 3, 4), (0, 3, 2, 9)) == (0, 2, 3, 9)
    assert merged_bounds(None, (0, 3, 2, 9)) == (0, 3, 2, 9)


def test_no_rows_are_no_trouble() -> None:
    for given in (Points(np.array([]), np.array([])), shapes()):
        for layer in Layer:
            located = locate(given, LONLAT, layer, Counters())
            assert len(located) == 0
            assert located.bounds is None
