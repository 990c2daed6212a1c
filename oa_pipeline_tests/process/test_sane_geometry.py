"""Whole runs over geometry that others swap, lose or fall over."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import struct
from pathlib import Path
from typing import Any

import geopandas
import pyogrio
import pyproj
import pytest
import shapely

from oa_pipeline_tests.arcgis import Layer, metadata, serving
from oa_pipeline_tests.process.runs import Ran, Runs, collection, feature, point

SYSTEMS = {
    4326: (12.0, 50.0),
    31467: (3507000.0, 5400000.0),
    2180: (500000.0, 400000.0),
    3067: (385000.0, 6672000.0),
    2056: (2600000.0, 1200000.0),
}
DRIVERS = {"shapefile": "ESRI Shapefile", "gdb": "OpenFileGDB"}


def written(path: Path, driver: str, geometry: list[Any], crs: Any) -> Path:
    frame = geopandas.GeoDataFrame({"n": [str(i) for i in range(1, len(geometry) + 1)]}, geometry=geometry, crs=crs)
    pyogrio.write_dataframe(frame, path, driver=driver)
    return path


def zipped(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder), "zip", folder.parent, folder.name))


def placed(code: int) -> tuple[float, float]:
    x, y = SYSTEMS[code]
    lon, lat = pyproj.Transformer.from_crs(code, 4326, always_xy=True).transform(x, y)
    return lon, lat


# ---- where x is ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", SYSTEMS)
@pytest.mark.parametrize("kind", ["shapefile", "gdb", "gpkg", "xml", "csv", "geojson"])
def test_x_is_east_in_every_format_whatever_order_the_registry_gives(
    run: Runs, tmp_path: Path, kind: str, code: int
) -> None:
    x, y = SYSTEMS[code]
    conform = {"format": kind, "srs": f"EPSG:{code}", "number": "n"}
    shape = [shapely.Point(x, y)]
    if kind == "csv":
        ran = run.csv(f"x,y,n\n{x},{y},1\n", srs=f"EPSG:{code}")
    elif kind == "geojson":
        ran = run.geojson(collection(point(x, y, n="1")), srs=f"EPSG:{code}")
    elif kind in ("gpkg", "xml"):
        driver = {"gpkg": "GPKG", "xml": "GML"}[kind]
        ran = run(written(tmp_path / f"d.{'gml' if kind == 'xml' else kind}", driver, shape, code), conform)
    else:
        folder = tmp_path / ("d.gdb" if kind == "gdb" else "d")
        if kind == "shapefile":
            folder.mkdir()
        written(folder / "d.shp" if kind == "shapefile" else folder, DRIVERS[kind], shape, code)
        ran = run(zipped(folder), conform)
    assert ran.problem == ""
    assert ran.places[0][:2] == pytest.approx(placed(code), abs=1e-5)


@pytest.mark.parametrize("srs", ["epsg:25833", "Epsg:25833", "EPSG:25833"])
@pytest.mark.parametrize("kind", ["csv", "geojson", "gpkg"])
def test_a_system_may_be_written_in_any_case(run: Runs, tmp_path: Path, kind: str, srs: str) -> None:
    x, y = 390000.0, 5820000.0
    if kind == "csv":
        ran = run.csv(f"x,y,n\n{x},{y},1\n", srs=srs)
    elif kind == "geojson":
        ran = run.geojson(collection(point(x, y, n="1")), srs=srs)
    else:
        path = written(tmp_path / "d.gpkg", "GPKG", [shapely.Point(x, y)], 4326)
        ran = run(path, {"format": "gpkg", "srs": srs, "number": "n"})
    assert ran.places[0] == pytest.approx([13.3780, 52.5200], abs=0.01)


@pytest.mark.parametrize(
    ("name", "tag", "projected"),
    [
        ("urn:ogc:def:crs:EPSG::25833", None, True),
        ("EPSG:25833", None, True),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", None, False),
        ("urn:ogc:def:crs:EPSG::4326", None, False),
        ("urn:ogc:def:crs:EPSG::25832", "EPSG:25833", True),
    ],
    ids=["urn", "short", "crs84", "geographic", "the srs tag wins"],
)
def test_the_system_that_geojson_names_is_honoured_where_it_is_projected(
    run: Runs, name: str, tag: str | None, projected: bool
) -> None:
    x, y = (390000.0, 5820000.0) if projected else (13.25, 52.5)
    crs = {"type": "name", "properties": {"name": name}}
    ran = run.geojson(collection(point(x, y, n="1"), crs=crs), **({"srs": tag} if tag else {}))
    expected = pyproj.Transformer.from_crs(25833, 4326, always_xy=True).transform(x, y) if projected else (x, y)
    assert ran.places[0] == pytest.approx(expected, abs=1e-6)


# ---- one hopeless row costs one row --------------------------------------------------------------------

BAD_CELLS = ["abc", "NULL", "nan", "inf", "-inf", "1°", "1.234,5", "1,234.5", "12 34", "48°12'30\"N", "1e999", "#N/A"]


@pytest.mark.parametrize("column", ["x", "y"])
@pytest.mark.parametrize("cell", BAD_CELLS)
def test_a_coordinate_that_is_no_number_costs_its_row_and_no_other(run: Runs, cell: str, column: str) -> None:
    x, y = (cell, "2") if column == "x" else ("1", cell)
    quoted = [text.replace('"', '""') for text in (x, y)]
    ran = run.csv(f'x,y,n\n1,2,1\n"{quoted[0]}","{quoted[1]}",2\n3,4,3\n')
    assert ran.values("number") == ["1", "3"]
    assert ran.dropped == {"bad-coordinates": 1}


def test_a_place_outside_the_projection_costs_its_row_and_no_other(run: Runs, tmp_path: Path) -> None:
    ran = run.csv("x,y,n\n390000,5820000,1\n1e9,1e9,2\n391000,5820000,3\n", srs="EPSG:25833")
    assert ran.values("number") == ["1", "3"]
    assert ran.dropped == {"out-of-projection": 1}

    shapes = [shapely.Point(390000, 5820000), shapely.Point(1e20, 1e20), shapely.Point(391000, 5820000)]
    for layer in ("addresses", "parcels"):
        path = written(tmp_path / f"{layer}.gpkg", "GPKG", shapes, 25833)
        conform = {"format": "gpkg", ("number" if layer == "addresses" else "pid"): "n"}
        ran = run(path, conform, layer=layer)
        assert ran.values("number" if layer == "addresses" else "pid") == ["1", "3"]
        assert ran.dropped == {"out-of-projection": 1}


OPEN_RING = [[0, 0], [0, 4], [4, 4], [4, 0]]


@pytest.mark.parametrize("layer", ["addresses", "parcels"])
def test_an_open_ring_is_closed(run: Runs, layer: str) -> None:
    attribute = {"addresses": "number", "parcels": "pid"}[layer]
    shape = {"type": "Polygon", "coordinates": [OPEN_RING]}
    ran = run(
        json.dumps(collection(feature(shape, n="1"), point(1, 2, n="2"))).encode(),
        {"format": "geojson", attribute: "n"},
        layer=layer,
    )
    assert ran.values(attribute) == ["1", "2"]
    assert ran.places[0] == ([2, 2] if layer == "addresses" else [[*OPEN_RING, OPEN_RING[0]]])


def wkb(kind: int, *numbers: tuple[str, Any]) -> bytes:
    return struct.pack("<BI", 1, kind) + b"".join(struct.pack(f"<{form}", value) for form, value in numbers)


def with_geometry(path: Path, row: int, shape: bytes) -> Path:
    """Puts any bytes where a GeoPackage keeps the geometry of one row."""
    header = struct.pack("<2sBBi", b"GP", 0, 1, 4326)
    base = sqlite3.connect(path)
    for trigger in [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]:
        base.execute(f'DROP TRIGGER "{trigger}"')
    base.execute(f"UPDATE {path.stem} SET geom = ? WHERE fid = ?", (header + shape, row))
    base.execute("UPDATE gpkg_geometry_columns SET geometry_type_name = 'GEOMETRY'")
    base.commit()
    base.close()
    return path


OPEN_WKB = wkb(3, ("I", 1), ("I", 4), *[("d", float(v)) for pair in OPEN_RING for v in pair])
LONE_WKB = wkb(2, ("I", 1), ("d", 1.0), ("d", 2.0))
CURVE_WKB = wkb(10, ("I", 1)) + wkb(8, ("I", 5), *[("d", float(v)) for v in (0, 1, 1, 0, 0, -1, -1, 0, 0, 1)])


@pytest.mark.parametrize(
    ("layer", "attribute"), [("addresses", "number"), ("parcels", "pid")], ids=["addresses", "parcels"]
)
@pytest.mark.parametrize("shape", [OPEN_WKB, LONE_WKB, CURVE_WKB], ids=["open ring", "line of one point", "curve"])
def test_odd_shapes_of_a_geopackage_never_end_a_source(
    run: Runs, tmp_path: Path, shape: bytes, layer: str, attribute: str
) -> None:
    path = written(tmp_path / "d.gpkg", "GPKG", [shapely.Point(1, 2), shapely.Point(3, 4), shapely.Point(5, 6)], 4326)
    ran = run(with_geometry(path, 2, shape), {"format": "gpkg", attribute: "n"}, layer=layer)
    assert ran.problem == ""
    kept = ran.values(attribute)
    assert kept in (["1", "2", "3"], ["1", "3"])
    assert ran.dropped == ({} if len(kept) == 3 else {"bad-geometry": 1})
    if shape is not LONE_WKB:
        assert len(kept) == 3
        made = shapely.from_geojson(json.dumps(ran.features[1]["geometry"]))
        inside = shapely.box(0, 0, 4, 4) if shape is OPEN_WKB else shapely.Point(0, 0).buffer(1.01, quad_segs=64)
        assert inside.contains(made) or inside.equals(made)


def esri(run: Runs, features: list[Any], layer: str = "addresses", **conform: Any) -> Ran:
    attribute = {"addresses": "number", "parcels": "pid"}[layer]
    rows = [
        {"attributes": {"OBJECTID": i, "n": str(i)}, "geometry": geometry} for i, geometry in enumerate(features, 1)
    ]
    fields = [{"name": "OBJECTID", "type": "esriFieldTypeOID"}, {"name": "n", "type": "esriFieldTypeString"}]
    with serving(Layer(rows, metadata(fields=fields))) as served:
        held = {"format": "geojson", attribute: "n", **conform}
        return run(served.url, held, layer=layer, protocol="ESRI")


@pytest.mark.parametrize(
    "shape",
    [{"paths": [[[1, 2]]]}, {"paths": [[]]}, {"rings": [[[1, 2]]]}, {"rings": [[[0, 0], [1, 1], [0, 0]]]}],
    ids=["path of one point", "empty path", "ring of one point", "ring without area"],
)
@pytest.mark.parametrize("layer", ["addresses", "parcels"])
def test_an_arcgis_shape_of_too_few_points_costs_its_row_and_no_other(run: Runs, shape: Any, layer: str) -> None:
    ran = esri(run, [{"x": 1, "y": 2}, shape, {"x": 3, "y": 4}], layer)
    assert ran.problem == ""
    assert {"1", "3"} <= set(ran.values("number" if layer == "addresses" else "pid"))
    assert len(ran.features) + sum(ran.dropped.values()) == 3


@pytest.mark.parametrize("layer", ["addresses", "parcels"])
def test_an_open_ring_of_an_arcgis_layer_is_closed(run: Runs, layer: str) -> None:
    ran = esri(run, [{"rings": [OPEN_RING]}], layer)
    assert ran.places == ([[2, 2]] if layer == "addresses" else [[[*OPEN_RING, OPEN_RING[0]]]])


@pytest.mark.parametrize(
    "shape",
    [{"x": "NaN", "y": "NaN"}, {"x": math.nan, "y": 2}, {"x": "abc", "y": 2}, {"x": 1e400, "y": 2}],
    ids=["as text", "bare", "words", "infinity"],
)
def test_an_arcgis_point_without_numbers_costs_its_row_and_no_other(run: Runs, shape: Any) -> None:
    ran = esri(run, [{"x": 1, "y": 2}, shape, {"x": 3, "y": 4}])
    assert ran.values("number") == ["1", "3"]
    assert sum(ran.dropped.values()) == 1


def test_an_arcgis_point_on_a_zero_coordinate_is_kept(run: Runs) -> None:
    ran = esri(run, [{"x": 0, "y": 51.5}, {"x": 10, "y": 0}, {"x": 0, "y": 0}])
    assert ran.places == [[0, 51.5], [10, 0], [0, 0]]
    assert ran.kept == {"zero-zero": 1}
    assert len(ran.csv) == 2


COLLECTED = {
    "type": "GeometryCollection",
    "geometries": [
        {"type": "Point", "coordinates": [9, 9]},
        {"type": "LineString", "coordinates": [[8, 8], [9, 9]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [0, 4], [4, 4], [4, 0], [0, 0]]]},
    ],
}


def test_a_collection_stays_one_in_layers_of_shapes(run: Runs, tmp_path: Path) -> None:
    ran = run.geojson(collection(feature(COLLECTED, n="1"), point(1, 2, n="2")), layer="parcels", pid="n")
    assert ran.features[0]["geometry"] == COLLECTED
    assert ran.values("pid") == ["1", "2"]

    path = written(tmp_path / "d.gpkg", "GPKG", [shapely.from_geojson(json.dumps(COLLECTED))], 4326)
    ran = run(path, {"format": "gpkg", "pid": "n"}, layer="parcels")
    assert ran.features[0]["geometry"] == COLLECTED


def test_an_address_of_a_collection_lies_on_its_widest_member(run: Runs) -> None:
    assert run.geojson(collection(feature(COLLECTED, n="1"))).places == [[2, 2]]


# ---- at the edges of the earth -------------------------------------------------------------------------


def test_antimeridian_poles_and_heights_are_places_like_others(run: Runs) -> None:
    places = [[180.0, 10.0], [-180.0, 10.0], [179.9999999999, -16.5], [45.0, 90.0], [45.0, -90.0], [1.0, 2.0, 345.6]]
    ran = run.geojson(collection(*[feature({"type": "Point", "coordinates": p}, n="1") for p in places]))
    assert ran.places == [[180, 10], [-180, 10], [180, -16.5], [45, 90], [45, -90], [1, 2, 345.6]]
    assert ran.kept == {}
    assert len(ran.csv) == 6


@pytest.mark.parametrize(
    ("x", "y"), [("181", "0.5"), ("-180.1", "0.5"), ("1", "91"), ("1", "-90.5"), ("390000", "5820000")]
)
def test_a_point_off_the_earth_is_counted_and_in_nothing_that_is_drawn(run: Runs, x: str, y: str) -> None:
    ran = run.csv(f"x,y,n\n{x},{y},1\n1,2,2\n3,4,3\n")
    assert ran.values("number") == ["1", "2", "3"]
    assert ran.kept == {"out-of-range": 1}
    assert [row["NUMBER"] for row in ran.csv] == ["2", "3"]
    assert ran.result.outcome.bounds == (1, 2, 3, 4)


def test_most_points_off_the_earth_bring_the_likely_cause(run: Runs) -> None:
    rows = "".join(f"{390000 + i},5820000,{i}\n" for i in range(5))
    ran = run.csv(f"x,y,n\n{rows}")
    assert "srs" in ran.warnings
    assert "5 of 5" in ran.warnings


@pytest.mark.parametrize(
    "cell",
    ["48°12'30\"", "48 12 30", "N48.5", "1.234.567"],
    ids=["signs", "blanks", "letters", "separators"],
)
def test_coordinates_in_another_notation_fail_with_cause_and_cure(run: Runs, cell: str) -> None:
    quoted = cell.replace('"', '""')
    ran = run.csv("x,y,n\n" + f'13.5,"{quoted}",1\n' * 6 + "1,2,3\n" * 2)
    assert "6 of 8 rows cannot be used" in ran.problem
    assert "decimal coordinates" in ran.problem


def test_comma_decimals_are_read(run: Runs) -> None:
    ran = run.csv('x;y;n\n13,5;"48,25";1\n', csvsplit=";")
    assert ran.places == [[13.5, 48.25]]
