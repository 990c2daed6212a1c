"""GeoJSON: every shape of file, values as text, geometries, coordinate systems, and hostile input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oa_pipeline.convert.readers import geojson_stream, ragged
from oa_pipeline.convert.readers.geojson_reader import conform_columns
from oa_pipeline.convert.task import Limits
from oa_pipeline.errors import ConvertError, Problem
from oa_pipeline.sources.model import Chain, Columns, Conform, Constant, Join, MapValues, Regexp, RemovePrefix

from .reading import read_geojson

POINT = {"type": "Point", "coordinates": [1, 2]}


def feature(properties: Any = None, geometry: Any = POINT, **more: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry, **more}


def collection(*features: Any, **more: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features), **more}


TWO = [feature({"n": "1"}), feature({"n": "2"})]
LINES = "\n".join(json.dumps(one) for one in TWO)

# ---- shapes of files -----------------------------------------------------------------------------------

FILES = {
    "collection": json.dumps(collection(*TWO)),
    "indented": json.dumps(collection(*TWO), indent=2),
    "without-blanks": json.dumps(collection(*TWO), separators=(",", ":")),
    "features-before-type": json.dumps({"features": TWO, "type": "FeatureCollection"}),
    "members-on-both-sides": json.dumps(
        {"bbox": [1, [2]], "name": "},{]", "features": TWO, "crs": None, "x": {"features": []}}
    ),
    "mark": "\ufeff" + json.dumps(collection(*TWO)),
    "bare-list": json.dumps(TWO),
    "lines": LINES,
    "lines-with-blanks": "\n\n" + LINES.replace("\n", "\r\n\r\n") + "\n\n",
    "record-separators": "".join(f"\x1e{json.dumps(one)}\n" for one in TWO),
    "record-separators-and-indents": "".join(f"\x1e{json.dumps(one, indent=1)}\n" for one in TWO),
    "two-collections": json.dumps(collection(TWO[0])) + "\n" + json.dumps(collection(TWO[1])),
    "trailing-comma": '{"type": "FeatureCollection", "features": [' + LINES.replace("\n", ",") + ",\n]}",
    "foreign-members-in-features": json.dumps(
        [{**one, "id": 7, "bbox": [1, 2], "x": [{"a": 1}, {"b": 2}]} for one in TWO]
    ),
    "no-type-in-features": json.dumps([{"properties": one["properties"], "geometry": POINT} for one in TWO]),
    "features-named-with-escapes-inside": json.dumps(collection(*TWO, note='"features": [')),
}  # fmt: skip


@pytest.mark.parametrize("block", [7, 64, None], ids=["blocks-of-7", "blocks-of-64", "one-block"])
@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_features_are_found_in_every_shape_of_file(
    tmp_path: Path, text: str, block: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if block:
        monkeypatch.setattr(geojson_stream, "BLOCK_BYTES", block)
    found = read_geojson(tmp_path, text, mapped=["n"])
    assert found.column("n") == ["1", "2"]
    assert found.shapes == ["POINT (1 2)"] * 2
    assert found.counters == {"rows/read": 2}


def test_a_single_feature_is_one_row(tmp_path: Path) -> None:
    assert read_geojson(tmp_path, feature({"n": "1"})).column("n") == ["1"]


def test_an_empty_collection_has_no_rows(tmp_path: Path) -> None:
    found = read_geojson(tmp_path, collection(), mapped=["n"])
    assert found.rows == []
    assert found.columns == ()


def test_what_is_no_feature_is_dropped_and_counted(tmp_path: Path) -> None:
    lines = [json.dumps(TWO[0]), "[1]", "null", json.dumps(POINT), "{broken", json.dumps(TWO[1])]
    found = read_geojson(tmp_path, "\n".join(lines))
    assert found.column("n") == ["1", "2"]
    assert found.counters["rows/read"] == 6
    assert found.counters["rows/dropped/not-json"] == 1
    assert found.counters["rows/dropped/not-a-feature"] == 3


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text('ab"\\{}[],é\u2028\r', max_size=8)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"\\{', max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    held=st.lists(st.dictionaries(st.sampled_from(["a", 'b"', "c\\", "é", "},{"]), values, max_size=4), max_size=6),
    block=st.integers(2, 60),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 0, 2]),
)
def test_any_features_cut_anywhere_are_found_whole(
    tmp_path_factory: pytest.TempPathFactory,
    held: list[dict[str, Any]],
    block: int,
    ascii_only: bool,
    indent: int | None,
) -> None:
    text = json.dumps(collection(*map(feature, held)), ensure_ascii=ascii_only, indent=indent)
    before = geojson_stream.BLOCK_BYTES
    geojson_stream.BLOCK_BYTES = block
    try:
        found = read_geojson(tmp_path_factory.mktemp("any"), text, mapped=["a", 'b"', "c\\", "é", "},{"])
    finally:
        geojson_stream.BLOCK_BYTES = before
    assert len(found.rows) == len(held)
    for row, one in zip(found.rows, held, strict=True):
        for name, value in one.items():
            if isinstance(value, str):
                assert row[name] == value.replace("\r", "\n")
            elif value is None:
                assert row[name] == ""


# ---- values --------------------------------------------------------------------------------------------

TEXTS = {
    "text": ('"a b"', "a b"),
    "null": ("null", ""),
    "true": ("true", "True"),
    "false": ("false", "False"),
    "integer": ("12", "12"),
    "whole-float": ("12.0", "12"),
    "large-whole-float": ("1e15", "1000000000000000"),
    "float": ("0.1", "0.1"),
    "small-float": ("1.5e-05", "1.5e-05"),
    "minus-zero": ("-0.0", "0"),
    "beyond-doubles": ("9007199254740993", "9007199254740993"),
    "beyond-64-bits": ("123456789012345678901234567890", "123456789012345678901234567890"),
    "thousands-of-digits": ("7" * 5000, "7" * 5000),
    "too-large-for-a-float": ("1e400", "1e400"),
    "nan": ("NaN", ""),
    "infinity": ("-Infinity", ""),
    "list": ('["a", 1, null, "é"]', '["a",1,null,"é"]'),
    "object": ('{"b": 1, "a": [true]}', '{"b":1,"a":[true]}'),
    "escapes": (r'"\u00e9\n\t\"\\\/\ud83d\ude00"', 'é\n\t"\\/😀'),
    "half-a-surrogate-pair": (r'"a\ud800b"', "a\ufffdb"),
    "carriage-returns": (r'"a\r\nb\rc\u000dd"', "a\nb\nc\nd"),
    "nul": (r'"a\u0000b"', "a\0b"),
    "date": ('"2012/01/02"', "2012/01/02"),
    "empty": ('""', ""),
}


@pytest.mark.parametrize("company", ["", '"z"', "3"], ids=["alone", "beside-text", "beside-a-number"])
@pytest.mark.parametrize(("literal", "text"), TEXTS.values(), ids=TEXTS)
def test_values_become_text(tmp_path: Path, literal: str, text: str, company: str) -> None:
    rows = [
        f'{{"type": "Feature", "properties": {{"v": {one}}}, "geometry": {json.dumps(POINT)}}}'
        for one in (literal, company)
        if one
    ]
    found = read_geojson(tmp_path, f'{{"type": "FeatureCollection", "features": [{",".join(rows)}]}}')
    assert found.rows[0]["v"] == text


def test_of_two_members_with_one_name_the_last_counts(tmp_path: Path) -> None:
    text = f'[{{"type": "Feature", "properties": {{"a": 1, "a": "2"}}, "geometry": {json.dumps(POINT)}}}]'
    assert read_geojson(tmp_path, text).column("a") == ["2"]


@pytest.mark.parametrize("properties", [None, {}, "absent", 7, []])
def test_a_feature_without_properties_has_empty_cells(tmp_path: Path, properties: Any) -> None:
    odd = feature(properties)
    if properties == "absent":
        del odd["properties"]
    assert read_geojson(tmp_path, collection(odd, TWO[0])).column("n") == ["", "1"]


def test_columns_are_those_of_the_first_features_and_what_the_conform_finds_later(tmp_path: Path) -> None:
    many = [feature({"a": 1, "b": 2})] * 60_000
    data = json.dumps(collection(*many, feature({"späte": "x", "other": 1})))
    found = read_geojson(tmp_path, data, mapped=["späte", "nowhere"], wanted=["späte", "nowhere", "a"])
    assert found.columns == ("a", "b", "späte")
    assert found.rows[-1] == {"a": "", "späte": "x"}
    assert found.rows[0] == {"a": "1", "späte": ""}


def test_names_the_conform_uses_are_found_in_every_function() -> None:
    conform = Conform(
        None,
        "",
        (
            ("a", Columns(("c1", "c2"))),
            ("b", Join(("c3",))),
            ("c", Regexp("c4", "no", "no")),
            ("d", Chain((RemovePrefix("c5", "c6"), MapValues("c7", (("no", "no"),)), Constant("no")), "v")),
        ),
    )
    assert conform_columns(conform) == {f"c{i}" for i in range(1, 8)}


def test_names_that_no_struct_takes_are_read_too(tmp_path: Path) -> None:
    found = read_geojson(tmp_path, collection(feature({'a"b': "1", "c\\d": "2", "": "3"}), feature(None)))
    assert found.rows == [{'a"b': "1", "c\\d": "2", "": "3"}, {'a"b': "", "c\\d": "", "": ""}]


def test_rows_are_counted_when_no_column_is_wanted(tmp_path: Path) -> None:
    assert len(read_geojson(tmp_path, collection(*TWO), wanted=[]).shapes) == 2
    assert len(read_geojson(tmp_path, collection(feature({})), wanted=[]).shapes) == 1


def test_bytes_that_are_not_utf8_are_replaced_and_counted(tmp_path: Path) -> None:
    data = json.dumps(collection(feature({"n": "XX"}), feature({"n": "b"}))).encode().replace(b"XX", b"\xe9\xff")
    found = read_geojson(tmp_path, data)
    assert found.column("n") == ["\ufffd\ufffd", "b"]
    assert found.counters["text/replaced-characters"] == 2


def test_long_cells_are_cut_and_counted(tmp_path: Path) -> None:
    found = read_geojson(tmp_path, collection(feature({"n": "é" * 70_000})))
    assert found.column("n") == ["é" * 65_536]
    assert found.counters["text/cut-cells"] == 1


# ---- geometries ----------------------------------------------------------------------------------------

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


@pytest.mark.parametrize("literal", ["[1e400, 2]", "[NaN, 2]"])
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


# ---- coordinate systems --------------------------------------------------------------------------------


def named(name: str) -> dict[str, Any]:
    return {"type": "name", "properties": {"name": name}}


SYSTEMS = {
    "none": (None, None, "EPSG:4326"),
    "projected-tag": ("EPSG:25832", None, "EPSG:25832"),
    "projected-tag-in-lower-case": ("epsg:25832", None, "epsg:25832"),
    "geographic-tag": ("EPSG:4167", None, "EPSG:4326"),
    "unknown-tag": ("EPSG:99999", None, "EPSG:99999"),
    "projected-member": (None, named("urn:ogc:def:crs:EPSG::25832"), "EPSG:25832"),
    "projected-member-short": (None, named("EPSG:3067"), "EPSG:3067"),
    "projected-member-address": (None, named("http://www.opengis.net/def/crs/EPSG/0/3067"), "EPSG:3067"),
    "projected-member-old": (None, {"type": "EPSG", "properties": {"code": 2180}}, "EPSG:2180"),
    "geographic-member": (None, named("urn:ogc:def:crs:OGC:1.3:CRS84"), "EPSG:4326"),
    "geographic-member-by-code": (None, named("urn:ogc:def:crs:EPSG::4258"), "EPSG:4326"),
    "tag-before-member": ("EPSG:4326", named("urn:ogc:def:crs:EPSG::25832"), "EPSG:4326"),
    "unknown-member": (None, named("urn:ogc:def:crs:EPSG::99999"), "EPSG:4326"),
    "link": (None, {"type": "link", "properties": {"href": "http://127.0.0.1:9/crs"}}, "EPSG:4326"),
    "file-name": (None, named("/etc/passwd"), "EPSG:4326"),
    "null": (None, None, "EPSG:4326"),
    "nonsense": (None, [1], "EPSG:4326"),
}


@pytest.mark.parametrize("where", ["before", "behind"])
@pytest.mark.parametrize(("srs", "member", "crs"), SYSTEMS.values(), ids=SYSTEMS)
def test_a_projected_system_is_honoured_and_a_geographic_one_changes_nothing(
    tmp_path: Path, srs: str | None, member: Any, crs: str, where: str
) -> None:
    held = {"crs": member, "features": TWO} if where == "before" else {"features": TWO, "crs": member, "name": "x"}
    assert read_geojson(tmp_path, held, srs=srs).crs == crs


def test_a_property_called_crs_is_no_coordinate_system(tmp_path: Path) -> None:
    last = feature({"crs": named("EPSG:3067"), "n": "1"})
    assert read_geojson(tmp_path, collection(last)).crs == "EPSG:4326"


# ---- hostile files -------------------------------------------------------------------------------------

SMALL = Limits(feature_bytes=200_000)
DEEP = "[" * 20_000 + "]" * 20_000
HOSTILE = {
    "brackets": "[" * 200_000,
    "objects": '{"a":' * 50_000,
    "deep-property": json.dumps([feature({"a": "HERE"})]).replace('"HERE"', DEEP),
    "deep-wanted-property": json.dumps([TWO[0], feature({"n": "HERE"})]).replace('"HERE"', DEEP),
    "deep-line": json.dumps(TWO[0]) + "\n" + json.dumps(feature({"n": "HERE"})).replace('"HERE"', DEEP),
    "never-closed-list": json.dumps(collection(*TWO))[:-2],
    "never-closed-feature": json.dumps(collection(*TWO))[:-9],
    "never-closed-object": '{"type": "FeatureCollection", "name": "x"',
    "ends-after-the-list": json.dumps(collection(*TWO))[:-1],
    "one-huge-feature": json.dumps(collection(feature({"a": "x" * 9_000_000}))),
    "one-huge-member": '{"name": "' + "x" * 9_000_000 + '"}',
    "one-huge-line": json.dumps(TWO[0]) + "\n{" + " " * 9_000_000 + "\n",
    "endless-name": '{"' + "x" * 5_000_000,
    "not-json": "n,x,y\n1,2,3\n",
    "html": "<html><title>Not found</title></html>",
    "not-an-object": "{n: 1}",
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_end_in_an_error_within_limits(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConvertError):
        read_geojson(tmp_path, text, SMALL)


@pytest.mark.parametrize("text", ["", " \n", "\ufeff"])
def test_an_empty_file_has_no_features(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConvertError) as caught:
        read_geojson(tmp_path, text)
    assert caught.value.problem is Problem.NO_FEATURES


def test_a_long_member_behind_the_features_is_let_go(tmp_path: Path) -> None:
    data = json.dumps(collection(*TWO, note="x" * 9_000_000))
    assert read_geojson(tmp_path, data, SMALL).column("n") == ["1", "2"]


# ---- size ----------------------------------------------------------------------------------------------


def test_batches_are_bounded_and_a_limit_of_rows_is_kept(tmp_path: Path) -> None:
    data = json.dumps(collection(*[feature({"i": i}) for i in range(60_000)]))
    assert read_geojson(tmp_path, data).column("i") == [str(i) for i in range(60_000)]
    assert read_geojson(tmp_path, data, Limits(rows=20_000)).column("i") == [str(i) for i in range(20_000)]
