"""GeoJSON geometries: all types, repairs, and the features that lack one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.convert.readers import ragged
from oa_pipeline.convert.task import Limits

from .geojson_values import POINT, TWO, collection, feature
from .reading import read_geojson

SQUARE = [[0, 0], [0, 2], [2, 2], [2, 0], [0, 0]]
HOLE = [[0.5, 0.5], [1, 0.5], [1, 1], [0.5, 0.5]]
SHAPES = {
    "point": (POINT, "POINT (1 2)"),
    "point-z": ({"type": "Point", "coordinates": [1, 2, 3]}, "POINT Z (1 2 3)"),
    "point-of-text": ({"type": "Point", "coordinates": ["1.5", " 2 "]}, "POINT (1.5 2)"),
    "point-with-four-numbers": ({"type": "Point", "coordinates": [1, 2, 3, 4]}, "POINT Z (1 2 3)"),
    "coordinates-before-type": ({"coordinates": [1, 2], "type": "Point"}, "POINT (1 2)"),
    "multipoint": ({"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]}, "MULTIPOINT ((1 2), (3 4))"),
    "line": ({"type": "LineString", "coordinates": [[1, 2], [3, 4]]}, "LINESTRING (1 2, 3 4)"),
    "line-z": ({"type": "LineString", "coordinates": [[1, 2, 5], [3, 4, 6]]}, "LINESTRING Z (1 2 5, 3 4 6)"),
    "line-partly-z": ({"type": "LineString", "coordinates": [[1, 2, 5], [3, 4]]}, "LINESTRING (1 2, 3 4)"),
    "lines": (
        {"type": "MultiLineString", "coordinates": [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]},
        "MULTILINESTRING ((1 2, 3 4), (5 6, 7 8))",
    ),
    "polygon": (
        {"type": "Polygon", "coordinates": [SQUARE, HOLE]},
        "POLYGON ((0 0, 0 2, 2 2, 2 0, 0 0), (0.5 0.5, 1 0.5, 1 1, 0.5 0.5))",
    ),
    "polygon-open": ({"type": "Polygon", "coordinates": [SQUARE[:4]]}, "POLYGON ((0 0, 0 2, 2 2, 2 0, 0 0))"),
    "polygon-with-a-hole-too-short": (
        {"type": "Polygon", "coordinates": [SQUARE, [[1, 1], [2, 2]]]},
        "POLYGON ((0 0, 0 2, 2 2, 2 0, 0 0))",
    ),
    "polygons": (
        {"type": "MultiPolygon", "coordinates": [[SQUARE], [HOLE]]},
        "MULTIPOLYGON (((0 0, 0 2, 2 2, 2 0, 0 0)), ((0.5 0.5, 1 0.5, 1 1, 0.5 0.5)))",
    ),
    "polygons-one-of-them-empty": (
        {"type": "MultiPolygon", "coordinates": [[SQUARE], []]},
        "MULTIPOLYGON (((0 0, 0 2, 2 2, 2 0, 0 0)))",
    ),
    "collection": (
        {"type": "GeometryCollection", "geometries": [POINT, {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}]},
        "GEOMETRYCOLLECTION (POINT (1 2), LINESTRING (1 2, 3 4))",
    ),
    "collection-in-a-collection": (
        {"type": "GeometryCollection", "geometries": [{"type": "GeometryCollection", "geometries": [POINT]}, None]},
        "GEOMETRYCOLLECTION (GEOMETRYCOLLECTION (POINT (1 2)))",
    ),
}


@pytest.mark.parametrize(("geometry", "wkt"), SHAPES.values(), ids=SHAPES)
def test_geometries_of_all_types_are_made(tmp_path: Path, geometry: Any, wkt: str) -> None:
    assert read_geojson(tmp_path, collection(feature({}, geometry))).shapes == [wkt]


def test_geometries_of_all_types_keep_their_order_in_one_file(tmp_path: Path) -> None:
    mixed = [geometry for geometry, _ in SHAPES.values()]
    found = read_geojson(tmp_path, collection(*[feature({"i": i}, one) for i, one in enumerate(mixed)]))
    assert found.shapes == [wkt for _, wkt in SHAPES.values()]
    assert found.column("i") == [str(i) for i in range(len(mixed))]
    assert found.counters["geometry/closed-rings"] == 1


NONE_AT_ALL = [None, {}, {"type": "Point", "coordinates": []}, {"type": "Point", "coordinates": [None, None]},
               {"type": "Polygon", "coordinates": []}, {"type": "MultiPolygon", "coordinates": [[[]]]},
               {"type": "GeometryCollection", "geometries": []}]  # fmt: skip
UNREADABLE = [{"type": "Point", "coordinates": ["a", "b"]}, {"type": "Point", "coordinates": [1]}, {"type": "Pont"},
              {"type": "Point", "coordinates": [True, 1]}, {"type": "LineString", "coordinates": [[1, 2]]},
              "POINT (1 2)",
              {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}, {"type": "Polygon", "coordinates": [1, 2]},
              {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}, [1, 2],
              {"type": "MultiPoint", "coordinates": [["x", "y"]]}, {"type": "GeometryCollection", "geometries": [{}]},
              {"type": "GeometryCollection", "geometries": 7}]  # fmt: skip


@pytest.mark.parametrize("geometry", NONE_AT_ALL, ids=json.dumps)
def test_features_without_geometry_are_dropped_and_counted(tmp_path: Path, geometry: Any) -> None:
    found = read_geojson(tmp_path, collection(feature({"n": 1}, geometry), TWO[1]))
    assert found.column("n") == ["2"]
    assert found.counters == {"rows/read": 2, "rows/dropped/no-geometry": 1}


@pytest.mark.parametrize("geometry", UNREADABLE, ids=json.dumps)
def test_features_with_unreadable_geometry_are_dropped_and_counted(tmp_path: Path, geometry: Any) -> None:
    found = read_geojson(tmp_path, collection(feature({"n": 1}, geometry), TWO[1]))
    assert found.column("n") == ["2"]
    assert found.counters == {"rows/read": 2, "rows/dropped/bad-geometry": 1}


NOT_FINITE = ["[1e400, 2]", "[NaN, 2]", f"[{'9' * 400}, 2]", f"[{'9' * 5000}, 2]"]


@pytest.mark.parametrize("literal", NOT_FINITE, ids=lambda literal: literal[:12])
def test_coordinates_that_are_not_finite_cost_their_feature(tmp_path: Path, literal: str) -> None:
    text = json.dumps(collection(TWO[0], TWO[1])).replace("[1, 2]", literal, 1)
    found = read_geojson(tmp_path, text)
    assert found.column("n") == ["2"]
    assert found.counters["rows/dropped/bad-geometry"] == 1


def test_a_file_of_null_geometries_has_no_rows(tmp_path: Path) -> None:
    found = read_geojson(tmp_path, collection(feature({"n": 1}, None), feature({"n": 2}, None)))
    assert found.rows == []
    assert found.counters == {"rows/read": 2, "rows/dropped/no-geometry": 2}


def test_a_geometry_with_too_many_vertices_is_dropped_and_counted(tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[i, i] for i in range(11)]}
    found = read_geojson(tmp_path, collection(feature({"n": 1}, line), TWO[1]), Limits(vertices=10))
    assert found.column("n") == ["2"]
    assert found.counters["rows/dropped/too-many-vertices"] == 1


@pytest.mark.parametrize("shape", ["collection", "lines"])
def test_millions_of_vertices_are_dropped_without_being_decoded(
    tmp_path: Path, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge = json.dumps(feature({"n": 1}, {"type": "LineString", "coordinates": ["HERE"]}))
    huge = huge.replace('"HERE"', "[0,0]," * 2_500_000 + "[1,1]")
    before, after = (json.dumps(one) for one in TWO)
    text = "\n".join([before, huge, after]) if shape == "lines" else f"[{before},{huge},{after}]"
    monkeypatch.setattr(ragged, "flatten", None)
    found = read_geojson(tmp_path, text)
    assert found.column("n") == ["1", "2"]
    assert found.counters == {"rows/read": 3, "rows/dropped/too-many-vertices": 1}
