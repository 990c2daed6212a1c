from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from oa_pipeline.convert.sniff import Kind, html_title, refuse_html, sniff, sniff_bytes
from oa_pipeline.errors import ConvertError
from oa_pipeline_tests.hostile import gdalg, gml, plain_zip, vrt

GPKG = b"SQLite format 3\x00" + bytes(52) + b"GPKG" + bytes(40)
DBF = bytes([3, 120, 1, 1]) + (5).to_bytes(4, "little") + (65).to_bytes(2, "little") + bytes(60)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", Kind.EMPTY),
        (b"\xef\xbb\xbf \r\n", Kind.EMPTY),
        (plain_zip({"a.csv": b"n\n"}), Kind.ZIP),
        (plain_zip({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}), Kind.WORKBOOK),
        (plain_zip({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"}), Kind.DOCUMENT),
        (gzip.compress(b"n\n"), Kind.GZIP),
        (b"Rar!\x1a\x07\x01\x00", Kind.RAR),
        (b"7z\xbc\xaf\x27\x1c\x00\x04", Kind.SEVEN_ZIP),
        (GPKG, Kind.GPKG),
        (b"SQLite format 3\x00" + bytes(100), Kind.SQLITE),
        (b"\x00\x00\x27\x0a" + bytes(96), Kind.SHP),
        (DBF, Kind.DBF),
        (b"%PDF-1.7\n%\xe2\xe3", Kind.PDF),
        (b"  <!DOCTYPE html>\n<html>", Kind.HTML),
        (b"\xef\xbb\xbf<HTML><head>", Kind.HTML),
        (b'<?xml version="1.0"?><!-- x --><!DOCTYPE html><html xmlns="http://www.w3.org/1999/xhtml">', Kind.HTML),
        (gml(""), Kind.GML),
        (b'<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2">', Kind.KML),
        (b'<?xml version="1.0"?><note/>', Kind.XML),
        (vrt("/etc/passwd"), Kind.VRT),
        (b"<?xml version='1.0'?>\n" + vrt("x"), Kind.VRT),
        (gdalg("x"), Kind.GDALG),
        (b'{"type": "FeatureCollection"', Kind.JSON),
        (b'\x1e{"type": "Feature"', Kind.JSON),
        (b'[{"a": 1}]', Kind.JSON),
        (b"[ID],[NAME]\n1,a\n", Kind.TEXT),
        (b"<id>;<name>\n1;a\n", Kind.TEXT),
        ("número;calle\n".encode("latin-1"), Kind.TEXT),
        ("číslo,ulice\n".encode("utf-16"), Kind.TEXT),
        (b"\x89\x50\x00\x00\x01\x02", Kind.BINARY),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else "",
)
def test_the_first_bytes_tell_what_a_file_is(head: bytes, kind: Kind) -> None:
    assert sniff_bytes(head) is kind


def test_a_page_instead_of_data_is_refused_with_its_title(tmp_path: Path) -> None:
    page = tmp_path / "data.zip"
    page.write_bytes(b"<!doctype html><html><head><title>\n Sign in &amp;\n continue </title></head>")
    with pytest.raises(ConvertError, match="got HTML: Sign in & continue") as caught:
        refuse_html(page, "data.zip")
    assert "point `data` at the file" in caught.value.cure


def test_a_title_is_shown_on_one_short_line_without_control_characters(tmp_path: Path) -> None:
    page = tmp_path / "x"
    page.write_bytes(b"<html><title>" + b"\x1b[31mlong " * 200 + b"</title>")
    title = html_title(page)
    assert len(title) <= 120
    assert title.isprintable()


@pytest.mark.parametrize(
    "head",
    [b"<!---->" * 9000 + b"x", b"<html>" + b"<title>" * 9000, b" " * 60_000 + b"x", b"<!--" * 15_000],
    ids=["comments", "titles", "blanks", "open comments"],
)
def test_no_page_makes_the_patterns_backtrack(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "x").write_bytes(head)
    assert sniff(tmp_path / "x") in Kind  # backtracking would take longer than any test may
    assert html_title(tmp_path / "x") == ""


def test_blanks_longer_than_the_head_are_not_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b" " * 70_000 + b"data")
    assert sniff(tmp_path / "x") is not Kind.EMPTY
