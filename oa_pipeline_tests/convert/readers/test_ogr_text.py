from __future__ import annotations

from datetime import date, time

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oa_pipeline.convert.readers.ogr_encoding import Encoding
from oa_pipeline.convert.readers.ogr_text import TextRules


def text(values: pa.Array, driver: str = "GPKG", ogr_type: str = "OFTString", **rules: object) -> list[str]:
    made = TextRules(driver, **rules)  # type: ignore[arg-type]
    series = made.text(values, ogr_type, np.zeros(len(values), dtype=bool))
    assert series.dtype == pl.String
    return series.to_list()


@pytest.mark.parametrize(
    ("driver", "values", "expected"),
    [
        ("GPKG", pa.array([12, None, -5], pa.int32()), ["12", "", "-5"]),
        ("GPKG", pa.array([9007199254740993], pa.int64()), ["9007199254740993"]),
        ("GPKG", pa.array([True, False, None]), ["True", "False", ""]),
        ("GML", pa.array([True, False, None]), ["True", "False", ""]),
        ("OpenFileGDB", pa.array([True, False, None]), ["1", "0", ""]),
        ("ESRI Shapefile", pa.array([True, False, None]), ["1", "0", ""]),
        ("GPKG", pa.array([0.1, 16777216.0, 1e-5, None], pa.float32()), ["0.1", "16777216.0", "1e-05", ""]),
        ("OpenFileGDB", pa.array([0.1, 1.5], pa.float32()), ["0.10000000149011612", "1.5"]),
        ("GPKG", pa.array([date(2012, 1, 2), date(1, 2, 3), None]), ["2012/01/02", "0001/02/03", ""]),
        ("GPKG", pa.array([time(10, 11, 12), time(1, 2, 3, 450_000), None]), ["10:11:12", "01:02:03.450", ""]),
        ("GPKG", pa.array([1_325_499_072_000], pa.timestamp("ms")), ["2012/01/02 10:11:12"]),
        ("GPKG", pa.array([b"\x00\xab", b"", None]), ["00AB", "", ""]),
        ("GML", pa.array([["a", "b'\"é"], [], None]), ['["a","b\'\\"é"]', "[]", ""]),
        ("GML", pa.array([[1, 2]]), ["[1,2]"]),
        ("OpenFileGDB", pa.DictionaryArray.from_arrays([1, None, 0], ["no", "yes"]), ["1", "", "0"]),
        ("GPKG", pa.array(["a\r\nb\rc\nd", None, " x "]), ["a\nb\nc\nd", "", " x "]),
    ],
    ids=str,
)  # fmt: skip
def test_values_read_as_the_specification_says(driver: str, values: pa.Array, expected: list[str]) -> None:
    assert text(values, driver) == expected


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("2012-01-02T10:11:12", "2012/01/02 10:11:12"),
        ("2012-01-02T10:11:12Z", "2012/01/02 10:11:12+00"),
        ("2012-01-02T10:11:12.000", "2012/01/02 10:11:12"),
        ("2012-01-02T10:11:12.000Z", "2012/01/02 10:11:12+00"),
        ("2012-01-02T10:11:12.345+01:00", "2012/01/02 10:11:12.345+01"),
        ("2012-01-02T10:11:12+05:30", "2012/01/02 10:11:12+0530"),
        ("2012-01-02T10:11:12-08:00", "2012/01/02 10:11:12-08"),
        ("yesterday", "yesterday"),
        (None, ""),
    ],
)
def test_date_times_are_written_with_slashes_and_their_zone(given_text: str | None, expected: str) -> None:
    assert text(pa.array([given_text], pa.string()), ogr_type="OFTDateTime") == [expected]


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(st.one_of(st.floats(), st.sampled_from([1e16, 1e-4, 9.99e-5, 0.0, -0.0, 2.0**53])), min_size=1))
def test_reals_are_written_as_python_writes_them(values: list[float]) -> None:
    assert text(pa.array(values, pa.float64())) == [repr(value) for value in values]


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(st.floats(width=32), min_size=1))
def test_short_reals_are_the_shortest_text_that_gives_them(values: list[float]) -> None:
    expected = [repr(float(str(np.float32(value)))) for value in values]
    assert text(pa.array(values, pa.float32())) == expected


def test_long_cells_are_cut_and_counted() -> None:
    rules = TextRules("GPKG", cell_chars=10)
    series = rules.text(pa.array(["é" * 11, "é" * 10, None]), "OFTString", np.zeros(3, dtype=bool))
    assert series.to_list() == ["é" * 10, "é" * 10, ""]
    assert dict(rules.counters) == {"text/cut-cells": 1}


def latin(*values: bytes) -> pa.Array:
    """Bytes as GDAL hands them over when it is told that they are ISO-8859-1."""
    return pa.array([value.decode("latin-1") for value in values])


def test_bytes_that_are_not_the_encodings_are_replaced_counted_and_marked() -> None:
    rules = TextRules("ESRI Shapefile", Encoding("cp949", "`encoding`"), trick=True)
    marks = np.zeros(3, dtype=bool)
    series = rules.text(latin("서울".encode("cp949"), b"a\xff\xfeb", b"plain"), "OFTString", marks)
    assert series.to_list() == ["서울", "a\ufffd\ufffdb", "plain"]
    assert marks.tolist() == [False, True, False]
    assert dict(rules.counters) == {"text/replaced-characters": 2}


def test_half_a_character_at_the_end_of_a_full_column_is_left_out_and_not_held_against_the_file() -> None:
    rules = TextRules("ESRI Shapefile", Encoding("utf-8", "its .cpg"), trick=True)
    marks = np.zeros(1, dtype=bool)
    assert rules.text(latin("Straß".encode()[:-1]), "OFTString", marks).to_list() == ["Stra"]
    assert not marks.any()
    assert dict(rules.counters) == {"text/cut-characters": 1}


def test_text_that_should_be_utf_8_and_is_not_does_not_crash() -> None:
    rules = TextRules("GPKG")
    broken = pa.StringArray.from_buffers(
        2, pa.py_buffer(np.array([0, 3, 5], np.int32)), pa.py_buffer(b"a\xffb" + "é".encode())
    )
    marks = np.zeros(2, dtype=bool)
    assert rules.text(broken, "OFTString", marks).to_list() == ["a\ufffdb", "é"]
    assert marks.tolist() == [True, False]
