"""Dumped ArcGIS layers: text of values, geometries of every kind, fallback points, and damaged dumps."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.convert.readers import open_reader, ragged
from oa_pipeline.convert.task import Limits
from oa_pipeline.errors import ConvertError
from oa_pipeline.sources.model import Format

from .reading import conform_of, read, read_esri


def feature(n: Any = 1, geometry: Any = ..., **attributes: Any) -> dict[str, Any]:
    return {"attributes": {"n": n, **attributes}, "geometry": {"x": 1, "y": 2} if geometry is ... else geometry}


def test_a_height_counts_only_where_the_layer_has_heights(tmp_path: Path) -> None:
    level = [feature(1, {"x": 1, "y": 2, "z": 0})]
    assert read_esri(tmp_path, level, heights=False).shapes == ["POINT (1 2)"]
    assert read_esri(tmp_path, level, heights=True).shapes == ["POINT Z (1 2 0)"]


# ---- text ----------------------------------------------------------------------------------------------

TEXTS = {
    "integer": (12, "12"),
    "whole-float": (12.0, "12.0"),
    "large-float": (1e16, "1e+16"),
    "fifteen-zeros": (1e15, "1000000000000000.0"),
    "float": (0.1, "0.1"),
    "small-float": (1e-07, "1e-07"),
    "minus-zero": (-0.0, "-0.0"),
    "date": (1325462400000, "1325462400000"),
    "null": (None, ""),
    "text": ("  9.0 ", "  9.0 "),
    "boolean": (True, "True"),
    "beyond-doubles": (9007199254740993, "9007199254740993"),
    "carriage-returns": ("a\r\nb\rc", "a\nb\nc"),
    "not-a-number": (float("nan"), ""),
}


@pytest.mark.parametrize("company", [[], ["z"], [3]], ids=["alone", "beside-text", "beside-a-number"])
@pytest.mark.parametrize(("value", "text"), TEXTS.values(), ids=TEXTS)
def test_values_become_text(tmp_path: Path, value: Any, text: str, company: list[Any]) -> None:
    assert read_esri(tmp_path, [feature(value), *map(feature, company)]).rows[0]["n"] == text


def test_a_missing_attribute_is_empty_and_columns_are_fields_and_what_features_have(tmp_path: Path) -> None:
    found = read_esri(tmp_path, [feature(), {"attributes": {"m": "x"}, "geometry": {"x": 1, "y": 2}}], ["n", "k"])
    assert found.columns == ("n", "k", "m")
    assert found.rows == [{"n": "1", "k": "", "m": ""}, {"n": "", "k": "", "m": "x"}]


@pytest.mark.parametrize("attributes", [None, {}, [], 7])
def test_a_feature_without_attributes_has_empty_cells(tmp_path: Path, attributes: Any) -> None:
    found = read_esri(tmp_path, [{"attributes": attributes, "geometry": {"x": 1, "y": 2}}, feature()])
    assert found.column("n") == ["", "1"]


def test_names_that_no_struct_takes_are_read_too(tmp_path: Path) -> None:
    found = read_esri(tmp_path, [feature(1, **{'a"b': "2"}), {"geometry": {"x": 1, "y": 2}}], ["n", 'a"b', ""])
    assert found.rows == [{"n": "1", 'a"b': "2", "": ""}, {"n": "", 'a"b': "", "": ""}]


def test_a_plain_mapping_to_an_absent_column_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    with gzip.open(path, "wt") as file:
        file.write('{"metadata": {}}\n')
    reader = open_reader(path, conform_of(Format.GEOJSON), Limits(), form="esri")
    assert reader.missing_is_empty
    assert read(reader).rows == []


def test_the_tag_says_which_system_came_back(tmp_path: Path) -> None:
    assert read_esri(tmp_path, [feature()]).crs == "EPSG:4326"
    assert read_esri(tmp_path, [feature()], srs="EPSG:28467").crs == "EPSG:28467"


# ---- geometries ----------------------------------------------------------------------------------------

SQUARE = [[0, 0], [0, 2], [2, 2], [2, 0], [0, 0]]  # clockwise
HOLE = [[0.5, 0.5], [1, 0.5], [1, 1], [0.5, 0.5]]  # counter-clockwise
FAR = [[5, 0], [5, 1], [6, 1], [5, 0]]
WKT = "(0 0, 0 2, 2 2, 2 0, 0 0)"
WKT_HOLE = "(0.5 0.5, 1 0.5, 1 1, 0.5 0.5)"
WKT_FAR = "(5 0, 5 1, 6 1, 5 0)"
SHAPES = {
    "point": ({"x": 1, "y": 2}, "POINT (1 2)"),
    "point-on-zero": ({"x": 0, "y": 0.0}, "POINT (0 0)"),
    "point-z": ({"x": 1, "y": 2, "z": 3}, "POINT Z (1 2 3)"),
    "point-with-null-z": ({"x": 1, "y": 2, "z": None}, "POINT (1 2)"),
    "point-with-nan-z": ({"x": 1, "y": 2, "z": "NaN"}, "POINT (1 2)"),
    "point-m": ({"x": 1, "y": 2, "m": 9}, "POINT (1 2)"),
    "point-of-text": ({"x": "1", "y": "2"}, "POINT (1 2)"),
    "multipoint": ({"points": [[1, 2], [3, 4]]}, "MULTIPOINT ((1 2), (3 4))"),
    "multipoint-of-one": ({"points": [[1, 2]]}, "POINT (1 2)"),
    "path": ({"paths": [[[0, 0], [1, 1]]]}, "LINESTRING (0 0, 1 1)"),
    "paths": ({"paths": [[[0, 0], [1, 1]], [[2, 2], [3, 3]]]}, "MULTILINESTRING ((0 0, 1 1), (2 2, 3 3))"),
    "path-of-one-point-beside-another": ({"paths": [[[0, 0]], [[2, 2], [3, 3]]]}, "LINESTRING (2 2, 3 3)"),
    "path-z": ({"hasZ": True, "paths": [[[0, 0, 5], [1, 1, 6]]]}, "LINESTRING Z (0 0 5, 1 1 6)"),
    "path-m": ({"hasM": True, "paths": [[[0, 0, 5], [1, 1, 6]]]}, "LINESTRING (0 0, 1 1)"),
    "path-zm": ({"hasZ": True, "hasM": True, "paths": [[[0, 0, 5, 7], [1, 1, 6, 8]]]}, "LINESTRING Z (0 0 5, 1 1 6)"),
    "path-with-null-measures": ({"hasM": True, "paths": [[[0, 0, None], [1, 1, None]]]}, "LINESTRING (0 0, 1 1)"),
    "ring": ({"rings": [SQUARE]}, f"POLYGON ({WKT})"),
    "ring-open": ({"rings": [SQUARE[:4]]}, f"POLYGON ({WKT})"),
    "ring-and-hole": ({"rings": [SQUARE, HOLE]}, f"POLYGON ({WKT}, {WKT_HOLE})"),
    "two-rings": ({"rings": [SQUARE, FAR]}, f"MULTIPOLYGON (({WKT}), ({WKT_FAR}))"),
    "hole-belongs-to-the-ring-before": (
        {"rings": [FAR, SQUARE, HOLE]},
        f"MULTIPOLYGON (({WKT_FAR}), ({WKT}, {WKT_HOLE}))",
    ),
    "leading-hole-is-skipped": ({"rings": [HOLE, SQUARE]}, f"POLYGON ({WKT})"),
    "short-ring-is-left-out": ({"rings": [SQUARE, [[1, 1], [2, 2]], [[1, 1], [2, 2], [1, 1]]]}, f"POLYGON ({WKT})"),
    "three-points-are-closed": ({"rings": [[[0, 0], [0, 2], [2, 2]]]}, "POLYGON ((0 0, 0 2, 2 2, 0 0))"),
    "ring-z": (
        {"rings": [[[*position, 7] for position in SQUARE]]},
        "POLYGON Z ((0 0 7, 0 2 7, 2 2 7, 2 0 7, 0 0 7))",
    ),
}


@pytest.mark.parametrize(("geometry", "wkt"), SHAPES.values(), ids=SHAPES)
def test_geometries_of_all_kinds_are_made(tmp_path: Path, geometry: Any, wkt: str) -> None:
    assert read_esri(tmp_path, [feature(1, geometry)]).shapes == [wkt]


def test_geometries_of_all_kinds_keep_their_order_in_one_file(tmp_path: Path) -> None:
    found = read_esri(tmp_path, [feature(i, one) for i, (one, _) in enumerate(SHAPES.values())])
    assert found.shapes == [wkt for _, wkt in SHAPES.values()]
    assert found.column("n") == [str(i) for i in range(len(SHAPES))]
    assert found.counters["geometry/closed-rings"] == 2


NONE_AT_ALL = [None, {}, {"x": None, "y": None}, {"rings": []}, {"paths": []}, {"points": []}, {"curveRings": []}]
UNREADABLE = [
    {"x": "NaN", "y": "NaN"}, {"x": 1}, {"x": 1, "y": None}, {"x": float("nan"), "y": 2}, {"x": "a", "y": "b"},
    {"x": [1], "y": [2]}, {"x": float("inf"), "y": 2}, {"rings": [[[0, 0], [1, 1]]]}, {"rings": [HOLE]}, {"rings": 7},
    {"rings": [[[0, 0], ["NaN", 1], [2, 2], [0, 0]]]}, {"paths": [[[0, 0]]]}, {"points": [["NaN", "NaN"]]},
    {"curveRings": [[{"c": [[1, 1], [2, 2]]}]]}, {"curvePaths": [[[0, 0], {"q": []}]]},
]  # fmt: skip


@pytest.mark.parametrize("beside", [{"x": 1, "y": 2}, {"rings": [SQUARE]}], ids=["points", "polygons"])
@pytest.mark.parametrize("geometry", NONE_AT_ALL, ids=json.dumps)
def test_features_without_geometry_are_dropped_and_counted(tmp_path: Path, geometry: Any, beside: Any) -> None:
    found = read_esri(tmp_path, [feature(1, geometry), feature(2, beside)])
    assert found.column("n") == ["2"]
    assert found.counters == {"rows/read": 2, "rows/dropped/no-geometry": 1}


@pytest.mark.parametrize("beside", [{"x": 1, "y": 2}, {"rings": [SQUARE]}], ids=["points", "polygons"])
@pytest.mark.parametrize("geometry", UNREADABLE, ids=json.dumps)
def test_features_with_unreadable_geometry_are_dropped_and_counted(tmp_path: Path, geometry: Any, beside: Any) -> None:
    found = read_esri(tmp_path, [feature(1, geometry), feature(2, beside)])
    assert found.column("n") == ["2"]
    assert found.counters == {"rows/read": 2, "rows/dropped/bad-geometry": 1}


@pytest.mark.parametrize("member", ["points", "paths", "rings"])
def test_measures_are_looked_for_no_deeper_than_positions_can_be(tmp_path: Path, member: str) -> None:
    deep = f'{{"attributes": {{"n": 1}}, "geometry": {{"hasM": true, "{member}": {"[" * 800}{"]" * 800}}}}}'
    found = read_esri(tmp_path, [deep, feature(2)])
    assert found.column("n") == ["2"]
    assert found.counters["rows/dropped/bad-geometry"] == 1


def test_latitude_and_longitude_stand_in_where_geometry_is_missing(tmp_path: Path) -> None:
    features = [
        feature(1, None, lat=3.5, lon="4.5"),
        feature(2, None, lat=None, lon="4.5"),
        feature(3, {"x": 1.5, "y": 2.5}, lat=9.0, lon="9"),
        feature(4, None, lat="x", lon="1"),
        feature(5, None, lat=0, lon=0),
        feature(6, {"x": "NaN", "y": "NaN"}, lat=" 7 ", lon="+8"),
        feature(7, None, lat="inf", lon="nan"),
    ]
    found = read_esri(tmp_path, features, ["n", "lat", "lon"], wanted=["n"], lat="lat", lon="lon")
    assert found.column("n") == ["1", "3", "5", "6"]
    assert found.shapes == ["POINT (4.5 3.5)", "POINT (1.5 2.5)", "POINT (0 0)", "POINT (8 7)"]
    assert found.counters["rows/dropped/no-geometry"] == 3


def test_a_geometry_with_too_many_vertices_is_dropped_and_counted(tmp_path: Path) -> None:
    ring = [[0, 0], *([i / 1000, 1] for i in range(3000)), [3, 0], [0, 0]]
    found = read_esri(tmp_path, [feature(1, {"rings": [ring]}), feature(2)], limits=Limits(vertices=1000))
    assert found.column("n") == ["2"]
    assert found.counters["rows/dropped/too-many-vertices"] == 1


def test_millions_of_vertices_are_dropped_without_being_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge = json.dumps(feature(1, {"rings": [["HERE"]]})).replace('"HERE"', "[0,0]," * 2_500_000 + "[1,1]")
    monkeypatch.setattr(ragged, "flatten", None)
    found = read_esri(tmp_path, [feature(0), huge, feature(2)])
    assert found.column("n") == ["0", "2"]
    assert found.counters == {"rows/read": 3, "rows/dropped/too-many-vertices": 1}


# ---- damaged dumps -------------------------------------------------------------------------------------


def test_lines_that_are_no_feature_are_dropped_and_counted(tmp_path: Path) -> None:
    found = read_esri(tmp_path, [feature(1), "{broken", "[1]", "", '"x"', "[" * 100_000, feature(2)])
    assert found.column("n") == ["1", "2"]
    assert found.counters == {"rows/read": 6, "rows/dropped/not-a-feature": 4}


def test_bytes_that_are_not_utf8_are_replaced_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "dump"
    line = json.dumps(feature("X")).encode().replace(b"X", b"\xe9")
    path.write_bytes(gzip.compress(b'{"metadata": {"fields": [{"name": "n"}]}}\n' + line))
    found = read(open_reader(path, conform_of(Format.GEOJSON), Limits(), form="esri"))
    assert found.rows == [{"n": "\ufffd"}]
    assert found.counters["text/replaced-characters"] == 1


@pytest.mark.parametrize(
    "data",
    [b"", b"not gzip", gzip.compress(b"[]\n"), gzip.compress(b"{}\n"), gzip.compress(b'{"metadata": 7}\n'),
     gzip.compress(b'{"metadata": {"fields": []}}\n' + b'{"attributes": {"n": 1}}\n' * 9)[:-20],
     gzip.compress(b'{"metadata": {"fields": []}}\n' + b"x" * 9_000_000)],
    ids=["empty", "not-gzip", "a-list", "no-metadata", "strange-metadata", "cut-off", "endless-line"],
)  # fmt: skip
def test_a_file_that_is_no_dump_is_an_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "dump"
    path.write_bytes(data)
    with pytest.raises(ConvertError):
        read(open_reader(path, conform_of(Format.GEOJSON), Limits(feature_bytes=1_000_000), form="esri"))


def test_batches_are_bounded_and_a_limit_of_rows_is_kept(tmp_path: Path) -> None:
    features = [feature(i, {"x": i, "y": 0}) for i in range(40_000)]
    assert read_esri(tmp_path, features).column("n") == [str(i) for i in range(40_000)]
    assert read_esri(tmp_path, features, limits=Limits(rows=20_000)).shapes[-1] == "POINT (19999 0)"
