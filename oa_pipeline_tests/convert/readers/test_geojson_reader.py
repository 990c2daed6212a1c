"""GeoJSON: every shape of file, and values as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oa_pipeline.convert.readers import geojson_stream
from oa_pipeline.convert.readers.geojson_reader import conform_columns
from oa_pipeline.convert.task import Limits
from oa_pipeline.sources.model import Chain, Columns, Conform, Constant, Join, MapValues, Regexp, RemovePrefix

from .geojson_values import LINES, POINT, TWO, collection, feature
from .reading import read_geojson

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
    "half-a-surrogate-pair-in-a-list": (r'[{"a\uDFFF": "\ud800b"}]', '[{"a\ufffd":"\ufffdb"}]'),
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


def test_half_a_surrogate_pair_in_a_name_is_replaced(tmp_path: Path) -> None:
    text = json.dumps([feature({"a\ud800": "1", "b": "2"})])
    assert read_geojson(tmp_path, text).rows == [{"a\ufffd": "1", "b": "2"}]


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


# ---- size ----------------------------------------------------------------------------------------------


def test_batches_are_bounded_and_a_limit_of_rows_is_kept(tmp_path: Path) -> None:
    data = json.dumps(collection(*[feature({"i": i}) for i in range(60_000)]))
    assert read_geojson(tmp_path, data).column("i") == [str(i) for i in range(60_000)]
    assert read_geojson(tmp_path, data, Limits(rows=20_000)).column("i") == [str(i) for i in range(20_000)]
