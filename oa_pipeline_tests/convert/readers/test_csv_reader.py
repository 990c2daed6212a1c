"""Csv files: headers, encodings, separators, line ends, points, and what is said of a file that is no such thing."""

from __future__ import annotations

from pathlib import Path

import pytest

from oa_pipeline.convert.readers import csv_text
from oa_pipeline.convert.readers.csv_blocks import RECORD_BYTES
from oa_pipeline.convert.readers.csv_header import unique_names
from oa_pipeline.convert.readers.csv_text import BLOCK_BYTES
from oa_pipeline.convert.task import Limits
from oa_pipeline.errors import ConvertError, Problem

from .reading import read_csv

# ---- headers and columns -------------------------------------------------------------------------------

HEADERS = {
    "first-line": ({}, "n,x,y\n1,2,3\n", "n"),
    "line-two-by-both-tags": ({"headers": 2, "skiplines": 2}, "title, with comma\nn,x,y\n1,2,3\n", "n"),
    "line-two-by-headers-alone": ({"headers": 2}, "title\nn,x,y\n1,2,3\n", "n"),
    "line-two-by-skiplines-alone": ({"skiplines": 2}, "title\nn,x,y\n1,2,3\n", "n"),
    "lines-between-header-and-rows": ({"headers": 1, "skiplines": 3}, "n,x,y\nunits\n-----\n1,2,3\n", "n"),
    "none": ({"headers": -1, "lon": "COLUMN2", "lat": "COLUMN3"}, "1,2,3\n", "COLUMN1"),
    "none-after-a-title": (
        {"headers": -1, "skiplines": 1, "lon": "COLUMN2", "lat": "COLUMN3"},
        "t\n1,2,3\n",
        "COLUMN1",
    ),
    "after-empty-lines": ({}, "\n\nn,x,y\n1,2,3\n", "n"),
    "quote-open-in-a-skipped-line": ({"headers": 2, "skiplines": 2}, 'a "title\nn,x,y\n1,2,3\n', "n"),
    "cell-over-two-lines": ({}, '"n\nm",x,y\n1,2,3\n', "n\nm"),
}


@pytest.mark.parametrize(("tags", "data", "column"), HEADERS.values(), ids=HEADERS)
def test_the_header_is_found_where_the_tags_say(tmp_path: Path, tags: dict, data: str, column: str) -> None:
    found = read_csv(tmp_path, data, **tags)
    assert found.column(column) == ["1"]
    assert found.shapes == ["POINT (2 3)"]


def test_the_first_row_gives_the_number_of_columns_where_there_is_no_header(tmp_path: Path) -> None:
    found = read_csv(tmp_path, "1,2,3\n4,5,6,7\n8,9\n", headers=-1, lon="COLUMN2", lat="COLUMN3")
    assert found.column("COLUMN1") == ["1", "8"]
    assert found.shapes == ["POINT (2 3)", None]
    assert found.counters == {"rows/read": 3, "rows/dropped/too-many-cells": 1}


def test_names_that_occur_twice_get_numbers() -> None:
    assert unique_names(["a", "a", "a_2", "a", "", "", "__proto__"]) == (
        "a",
        "a_3",
        "a_2",
        "a_4",
        "",
        "_2",
        "__proto__",
    )


def test_a_column_with_the_name_of_the_geometry_is_renamed() -> None:
    assert unique_names(["oa:geom", "b"]) == ("oa:geom_2", "b")


def test_every_row_of_a_file_with_a_name_twice_is_read(tmp_path: Path) -> None:
    found = read_csv(tmp_path, "a,a,x,y\n1,2,3,4\n")
    assert found.rows == [{"a": "1", "a_2": "2", "x": "3", "y": "4"}]
    assert read_csv(tmp_path, ",,x,y\n1,2,3,4\n").rows == [{"": "1", "_2": "2", "x": "3", "y": "4"}]


def test_only_what_is_wanted_is_given_besides_the_coordinates(tmp_path: Path) -> None:
    found = read_csv(tmp_path, "a,b,c,x,y\n1,2,3,4,5\n", wanted=["c", "nowhere"])
    assert found.rows == [{"c": "3", "x": "4", "y": "5"}]
    assert found.columns == ("a", "b", "c", "x", "y")


def test_thousands_of_columns_are_read_and_too_many_are_refused(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(9_998)]
    found = read_csv(tmp_path, ",".join(["x", "y", *names]) + "\n1,2\n", wanted=["c9997"])
    assert found.rows == [{"x": "1", "y": "2", "c9997": ""}]
    with pytest.raises(ConvertError, match="10001 columns"):
        read_csv(tmp_path, ",".join(["x", "y", "z", *names]) + "\n1,2\n")


# ---- encodings and line ends -----------------------------------------------------------------------------

TEXT = "n,x,y\nÉlysée,1,2\n"
ENCODED = {
    "utf-8": (TEXT.encode(), None),
    "utf-8-with-mark": (TEXT.encode("utf-8-sig"), None),
    "utf-8-sig-with-mark": (TEXT.encode("utf-8-sig"), "utf-8-sig"),
    "utf-8-sig-without-mark": (TEXT.encode(), "utf-8-sig"),
    "utf-16-by-its-mark": (TEXT.encode("utf-16"), None),
    "utf-16": (TEXT.encode("utf-16"), "utf-16"),
    "utf-16-le-with-mark": (("\ufeff" + TEXT).encode("utf-16-le"), "utf-16-le"),
    "latin-1": (TEXT.encode("latin-1"), "latin-1"),
    "cp1252": (TEXT.encode("cp1252"), "CP1252"),
}


@pytest.mark.parametrize(("data", "encoding"), ENCODED.values(), ids=ENCODED)
def test_text_is_decoded_and_marks_are_no_part_of_the_first_name(
    tmp_path: Path, data: bytes, encoding: str | None
) -> None:
    found = read_csv(tmp_path, data, encoding=encoding)
    assert found.columns == ("n", "x", "y")
    assert found.column("n") == ["Élysée"]
    assert "text/replaced-characters" not in found.counters


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("EUCKR", "세종대로"), ("SHIFT_JISX0213", "千代田区"), ("CP949", "뷁로"), ("big5", "臺北"), ("CP1251", "улица")],
)
def test_python_codec_names_work_and_characters_cut_by_a_block_are_whole(
    tmp_path: Path, encoding: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_text, "BLOCK_BYTES", 101)
    data = ("n,x,y\n" + f"{text},1,2\n" * 300).encode(encoding)
    assert read_csv(tmp_path, data, encoding=encoding).column("n") == [text] * 300


def test_utf8_characters_cut_by_a_block_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "BLOCK_BYTES", 101)
    assert read_csv(tmp_path, "n,x,y\n" + "é中😀,1,2\n" * 300).column("n") == ["é中😀"] * 300


@pytest.mark.parametrize("encoding", ["no-such-thing", "zlib", "rot13", "undefined", "idna"])
def test_an_encoding_that_is_none_is_named(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(ConvertError, match=encoding):
        read_csv(tmp_path, b"n,x,y\n\xe9,1,2\n", encoding=encoding)


def test_a_few_undecodable_bytes_are_replaced_and_counted(tmp_path: Path) -> None:
    found = read_csv(tmp_path, b"n,x,y\n" + b"a,1,2\n" * 400 + b"\xe9\xe9,1,2\n\xe9,1,2\n" + "\ufffd,1,2\n".encode())
    assert found.column("n")[400:] == ["\ufffd\ufffd", "\ufffd", "\ufffd"]
    assert found.counters["text/replaced-characters"] == 3


def test_one_spoilt_row_never_ends_a_source(tmp_path: Path) -> None:
    assert read_csv(tmp_path, b"n,x,y\n\xe9,1,2\nb,1,2\n").column("n") == ["\ufffd", "b"]


@pytest.mark.parametrize(("encoding", "text"), [("cp949", "세종대로 새문안로"), ("cp1252", "Élysée Château")])
def test_many_undecodable_rows_end_in_a_hint_at_the_encoding(tmp_path: Path, encoding: str, text: str) -> None:
    with pytest.raises(ConvertError, match="30 of 130 rows") as caught:
        read_csv(tmp_path, b"n,x,y\n" + b"a,1,2\n" * 100 + f"{text},1,2\n".encode(encoding) * 30)
    assert encoding in caught.value.cure
    assert caught.value.place == "conform.encoding"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_line_ends_of_all_kinds_part_rows_and_are_lf_inside_cells(tmp_path: Path, end: str) -> None:
    found = read_csv(tmp_path, f'n,x,y{end}"a{end}b",1,2{end}{end}c,3,4{end}')
    assert found.column("n") == ["a\nb", "c"]


@pytest.mark.parametrize("block", range(8, 26))
def test_a_line_end_cut_by_a_block_is_one_line_end(tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_text, "BLOCK_BYTES", block)
    found = read_csv(tmp_path, 'n,x,y\r\na,1,2\r\n"b\r\nc",3,4\r')
    assert found.column("n") == ["a", "b\nc"]
    assert found.counters == {"rows/read": 2}


# ---- cells -------------------------------------------------------------------------------------------------


def test_long_cells_are_cut_and_counted(tmp_path: Path) -> None:
    found = read_csv(tmp_path, "n,m,x,y\n" + "é" * 70_000 + ",ok,1,2\n" + "é" * 65_536 + ",b,3,4\n")
    assert [len(cell) for cell in found.column("n")] == [65_536, 65_536]
    assert found.counters["text/cut-cells"] == 1
    assert found.column("m") == ["ok", "b"]


@pytest.mark.parametrize("quote", ["", '"'], ids=["bare", "quoted"])
def test_a_cell_of_ten_megabytes_is_cut(tmp_path: Path, quote: str) -> None:
    cell = quote + "line " * 2_000_000 + quote
    found = read_csv(tmp_path, f"n,x,y\na,1,2\n{cell},3,4\nb,5,6\n")
    assert [len(one) for one in found.column("n")] == [1, 65_536, 1]


def test_a_quote_that_is_never_closed_swallows_what_follows_and_is_counted(tmp_path: Path) -> None:
    found = read_csv(tmp_path, 'n,x,y\na,1,2\n"b,3,4\nc,5,6\n')
    assert found.column("n") == ["a", "b,3,4\nc,5,6\n"]
    assert found.counters["text/unclosed-quotes"] == 1


def test_a_quote_that_swallows_many_megabytes_is_an_error_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="line 3"):
        read_csv(tmp_path, 'n,x,y\na,1,2\n"b,3,4\n' + "cccccccccccc,5,6\n" * ((RECORD_BYTES + 3 * BLOCK_BYTES) // 17))


@pytest.mark.parametrize("separator", [";", "|", "\t", "§"])
def test_one_character_parts_the_cells(tmp_path: Path, separator: str) -> None:
    found = read_csv(tmp_path, "n,x,y\n1,2,3\n".replace(",", separator), csvsplit=separator)
    assert found.shapes == ["POINT (2 3)"]


def test_rows_may_end_early_and_too_many_cells_lose_the_row(tmp_path: Path) -> None:
    found = read_csv(tmp_path, "x,y,n\n1,2,a\n3,4\n5,6,c,d\n7,8,e,\n")
    assert found.column("n") == ["a", ""]
    assert found.counters == {"rows/read": 4, "rows/dropped/too-many-cells": 2}


# ---- points ------------------------------------------------------------------------------------------------


def test_points_come_from_the_two_columns_and_bad_ones_cost_only_their_row(tmp_path: Path) -> None:
    cells = [("1,5", "2"), ("", "2"), ("abc", "2"), ("0", "0"), ("500", "91"), ("1.234,5", "1"), ("NULL", "NULL")]
    found = read_csv(tmp_path, "x;y\n" + "".join(f"{x};{y}\n" for x, y in cells), csvsplit=";")
    assert found.shapes == ["POINT (1.5 2)", None, "POINT (0 0)", "POINT (500 91)"]
    assert found.counters == {"rows/read": 7, "rows/dropped/bad-coordinates": 3}


def test_the_system_is_the_tags_else_longitude_and_latitude(tmp_path: Path) -> None:
    assert read_csv(tmp_path, "x,y\n1,2\n").crs == "EPSG:4326"
    assert read_csv(tmp_path, "x,y\n1,2\n", srs="epsg:25833").crs == "epsg:25833"


# ---- what is said --------------------------------------------------------------------------------------------


def test_a_wrong_separator_is_told_with_the_first_line_and_a_better_one(tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="only one column") as caught:
        read_csv(tmp_path, "n;x;y\n1;2;3\n")
    assert "'n;x;y'" in caught.value.cure
    assert "csvsplit to ';'" in caught.value.cure


def test_a_missing_coordinate_column_is_told_with_the_closest_names(tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="lat 'LATITUDE'") as caught:
        read_csv(tmp_path, "n,x,Latitude\n1,2,3\n", lat="LATITUDE")
    assert "'Latitude'" in caught.value.cure


def test_a_conform_without_coordinates_is_told_to_name_them(tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="no lat and lon") as caught:
        read_csv(tmp_path, "n,x,y\n1,2,3\n", lat=None, lon=None)
    assert "set lat and lon" in caught.value.cure


@pytest.mark.parametrize("separator", ["", ";;", '"', "\n"])
def test_a_separator_that_is_not_one_character_is_refused(tmp_path: Path, separator: str) -> None:
    with pytest.raises(ConvertError, match="csvsplit"):
        read_csv(tmp_path, "x,y\n1,2\n", csvsplit=separator)


def test_an_empty_file_has_no_features(tmp_path: Path) -> None:
    with pytest.raises(ConvertError) as caught:
        read_csv(tmp_path, "\n\n")
    assert caught.value.problem is Problem.NO_FEATURES


def test_a_header_beyond_the_end_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="before line 5"):
        read_csv(tmp_path, "x,y\n1,2\n", headers=5, skiplines=5)


# ---- size ----------------------------------------------------------------------------------------------------


def test_batches_are_bounded_and_a_limit_of_rows_is_kept(tmp_path: Path) -> None:
    data = "n,x,y\n" + "".join(f"{i},1,2\n" for i in range(40_000))
    assert read_csv(tmp_path, data).column("n") == [str(i) for i in range(40_000)]
    assert read_csv(tmp_path, data, Limits(rows=20_000)).column("n") == [str(i) for i in range(20_000)]
