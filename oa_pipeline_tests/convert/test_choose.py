from __future__ import annotations

from pathlib import Path

import pytest

from oa_pipeline.convert.archive import Unpacked, unpack
from oa_pipeline.convert.choose import choose
from oa_pipeline.convert.task import Limits
from oa_pipeline.errors import ConvertError, Problem
from oa_pipeline.sources.model import Conform, Format
from oa_pipeline_tests.hostile import gdalg, gml, plain_zip, vrt

CSV = b"n,s\n1,Main St\n"
JSON = b'{"type": "FeatureCollection", "features": []}'
SHP = b"\x00\x00\x27\x0a" + bytes(96)
GPKG = b"SQLite format 3\x00" + bytes(52) + b"GPKG" + bytes(40)
KML = b'<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"></kml>'
PAGE = b"<html><head><title>Sign in</title></head></html>"


def shapefile(stem: str, *extensions: str) -> dict[str, bytes]:
    return {f"{stem}.{extension}": SHP for extension in extensions or ("shp", "shx", "dbf")}


def unpacked(folder: Path, members: dict[str, bytes], file: str | None = None) -> tuple[Unpacked, ...]:
    (folder / "input").write_bytes(plain_zip(members))
    return unpack(folder / "input", folder / "u", compression=None, file_name="d.zip", wanted=file, limits=Limits())


def chosen(folder: Path, kind: Format, members: dict[str, bytes], file: str | None = None) -> str:
    """The name in the archive of what is chosen."""
    files = unpacked(folder, members, file)
    path = choose(files, Conform(kind, kind, (), file=file))
    if path.is_dir():
        return next(u.name.rpartition("/")[0] for u in files if u.path.parent == path)
    return next(
        u.name for u in files if u.path.stem.startswith(path.name.split(".")[0]) and u.path.parent == path.parent
    )


@pytest.mark.parametrize(
    ("kind", "members", "file", "name"),
    [
        ("csv", {"readme.txt": b"x", "data.csv": CSV}, None, "data.csv"),
        ("csv", {"07.CSV": CSV, "format.html": PAGE, "md.xml": b"<?xml version='1.0'?><a/>"}, None, "07.CSV"),
        ("csv", {"data.txt": CSV, "format.html": PAGE}, None, "data.txt"),
        ("csv", {"data": CSV}, None, "data"),
        ("csv", {"a.csv": CSV, "b.csv": CSV}, "B.csv", "b.csv"),
        ("csv", {"a.csv": CSV, "STAD.dsv": CSV}, "STAD.dsv", "STAD.dsv"),
        ("csv", {"in.zip": plain_zip({"x.csv": CSV}), "read.me": b"x"}, None, "in.zip/x.csv"),
        ("geojson", {"readme.txt": b"x", "d/data.geojson": JSON, "style.xml": b"<a/>"}, None, "d/data.geojson"),
        ("geojson", {"data.geojson": JSON, "meta.json": JSON}, None, "data.geojson"),
        ("geojson", {"download.bin": JSON, "readme.txt": b"x"}, None, "download.bin"),
        ("shapefile", {**shapefile("a/roads"), "a/roads.shp.xml": b"<a/>"}, None, "a/roads.shp"),
        ("shapefile", {**shapefile("whole"), **shapefile("part", "shp")}, None, "whole.shp"),
        ("shapefile", {**shapefile("one"), **shapefile("two")}, "TWO.shp", "two.shp"),
        ("shapefile-polygon", shapefile("roads", "SHP", "SHX", "DBF"), None, "roads.SHP"),
        ("gdb", {"x/a.gdb/a00000001.gdbtable": b"x", "x/a.gdb/gdb": b"x", "b.txt": b"x"}, None, "x/a.gdb"),
        ("gdb", {"folder/a00000001.gdbtable": b"x", "b.txt": b"x"}, None, "folder"),
        ("gdb", {f"big.gdb/a{n:08x}.gdbtable": b"" for n in range(1, 5001)}, None, "big.gdb"),
        ("gpkg", {"a.gpkg": GPKG, "b.csv": CSV}, None, "a.gpkg"),
        ("gpkg", {"a.bin": GPKG, "b.csv": CSV}, None, "a.bin"),
        ("xml", {"a.gml": gml(""), "a.xsd": b"<xs:schema/>", "b.kml": KML}, None, "a.gml"),
        ("xml", {"b.kml": KML, "b.txt": b"x"}, None, "b.kml"),
        ("xml", {"a.gml": gml(""), "b.gml": gml("")}, "b.gml", "b.gml"),
        ("xml", {"a.xml": gml(""), "b.txt": b"x"}, None, "a.xml"),
        ("kml", {"doc.kml": KML, "icon.png": b"\x89PNG"}, None, "doc.kml"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_file_that_the_conform_is_about(
    tmp_path: Path, kind: str, members: dict[str, bytes], file: str | None, name: str
) -> None:
    assert chosen(tmp_path, Format(kind), members, file) == name


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("csv", {"b.csv": CSV, "a.csv": CSV}),
        ("csv", {"b.txt": CSV, "a.txt": CSV}),
        ("geojson", {"b.geojson": JSON, "a.geojson": JSON}),
        ("shapefile", {**shapefile("b"), **shapefile("a")}),
        ("gdb", {"b.gdb/a00000001.gdbtable": b"x", "a.gdb/a00000001.gdbtable": b"x"}),
        ("gpkg", {"b.gpkg": GPKG, "a.gpkg": GPKG}),
        ("xml", {"b.gml": gml(""), "a.gml": gml("")}),
    ],
    ids=["csv", "txt", "geojson", "shapefile", "gdb", "gpkg", "gml"],
)
def test_several_candidates_are_listed_and_file_is_asked_for(
    tmp_path: Path, kind: str, members: dict[str, bytes]
) -> None:
    with pytest.raises(ConvertError, match=r"several files could be meant: a\.\w+, b\.") as caught:
        chosen(tmp_path, Format(kind), members)
    assert "`file`" in caught.value.cure


def test_nothing_of_the_format_shows_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="no shapefile in the download") as caught:
        chosen(tmp_path, Format.SHAPEFILE, {"a.csv": CSV, "b.pdf": b"%PDF-"})
    assert "a.csv, b.pdf" in caught.value.cure


@pytest.mark.parametrize("lost", ["shx", "dbf"])
def test_a_shapefile_without_one_of_its_parts_says_which(tmp_path: Path, lost: str) -> None:
    parts = [part for part in ("shp", "shx", "dbf") if part != lost]
    with pytest.raises(ConvertError, match=f"lacks its .{lost}") as caught:
        chosen(tmp_path, Format.SHAPEFILE, shapefile("roads", *parts))
    assert "`file`" in caught.value.cure


@pytest.mark.parametrize(
    ("kind", "name", "data", "said"),
    [
        ("csv", "a.csv", PAGE, "got HTML: Sign in"),
        ("geojson", "a.geojson", PAGE, "got HTML: Sign in"),
        ("csv", "a.csv", b"%PDF-1.7", "a PDF document"),
        ("csv", "a.csv", JSON, "got JSON"),
        ("csv", "a.csv", plain_zip({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}), "Excel"),
        ("geojson", "a.geojson", CSV, "got text"),
        ("gpkg", "a.gpkg", CSV, "got text"),
        ("xml", "a.gml", CSV, "got text"),
        *[(kind, f"a.{ext}", vrt("/etc/passwd"), "virtual file") for kind, ext in (
            ("csv", "csv"), ("csv", "txt"), ("geojson", "geojson"), ("shapefile", "shp"), ("xml", "gml"),
            ("kml", "kml"), ("gpkg", "gpkg"),
        )],
        ("csv", "a.csv", gdalg("/etc/passwd"), "GDAL pipeline"),
        ("geojson", "a.geojson", gdalg("/etc/passwd"), "GDAL pipeline"),
    ],
)  # fmt: skip
def test_a_name_does_not_make_a_file_what_it_is_not(
    tmp_path: Path, kind: str, name: str, data: bytes, said: str
) -> None:
    with pytest.raises(ConvertError, match=said):
        chosen(tmp_path, Format(kind), {name: data})


def test_an_unknown_format_has_its_own_problem(tmp_path: Path) -> None:
    with pytest.raises(ConvertError) as caught:
        choose(unpacked(tmp_path, {"a.csv": CSV}), Conform(None, "tsv", ()))
    assert caught.value.problem is Problem.UNKNOWN_FORMAT
