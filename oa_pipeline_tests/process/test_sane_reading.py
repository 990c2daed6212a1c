"""Whole runs over files that others misread or fall over: encodings, headers, odd GeoJSON, archives in archives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas
import pyogrio
import pytest
import shapely

from oa_pipeline_tests.arcgis import Layer, metadata, serving
from oa_pipeline_tests.hostile import plain_zip
from oa_pipeline_tests.process.runs import CSV, Ran, Runs, collection, feature, point
from oa_pipeline_tests.servers import Response, serve

# ---- shapefiles and their encodings --------------------------------------------------------------------


def shapefile(tmp_path: Path, text: str, encoding: str, cpg: bool, language: int | None = None) -> dict[str, bytes]:
    """The parts of a shapefile whose one text is stored in `encoding`, with or without a .cpg that says so."""
    folder = tmp_path / "made"
    folder.mkdir()
    frame = geopandas.GeoDataFrame({"n": ["x" * 40]}, geometry=shapely.points([[1, 2]]), crs=4326)
    pyogrio.write_dataframe(frame, folder / "d.shp", driver="ESRI Shapefile", encoding="ISO-8859-1")
    parts = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".cpg"}
    dbf = bytearray(parts["d.dbf"].replace(b"x" * 40, text.encode(encoding).ljust(40)))
    if language is not None:
        dbf[29] = language
    parts["d.dbf"] = bytes(dbf)
    if cpg:
        parts["d.cpg"] = encoding.encode()
    return parts


@pytest.mark.parametrize("file", ["shp/d.shp", "d.shp", None], ids=["with its folder", "bare name", "no file tag"])
def test_the_encoding_of_a_shapefile_comes_along_when_file_names_it(
    run: Runs, tmp_path: Path, file: str | None
) -> None:
    parts = shapefile(tmp_path, "Straße 通り", "UTF-8", cpg=True)
    archive = plain_zip({f"shp/{name}": data for name, data in parts.items()})
    conform = {"format": "shapefile", "number": "n", **({"file": file} if file else {})}
    ran = run(archive, conform, name="d.zip", compression="zip")
    assert ran.values("number") == ["Straße 通り"]


def test_the_encoding_tag_is_stronger_than_the_language_byte_and_weaker_than_a_cpg(run: Runs, tmp_path: Path) -> None:
    korean = shapefile(tmp_path, "서울특별시", "cp949", cpg=False, language=0x57)
    conform = {"format": "shapefile", "number": "n", "encoding": "CP949"}
    assert run(plain_zip(korean), conform, name="d.zip").values("number") == ["서울특별시"]

    said = plain_zip({**korean, "d.cpg": b"949"})
    conform["encoding"] = "UTF-8"
    assert run(said, conform, name="d.zip").values("number") == ["서울특별시"]


# ---- csv headers ---------------------------------------------------------------------------------------


def test_columns_of_one_name_are_told_apart_and_no_row_is_lost(run: Runs) -> None:
    ran = run.csv("x,y,n,n,n\n1,2,a,b,c\n3,4,d,e,f\n", number="n", street="n_2", unit="n_3")
    assert (ran.values("number"), ran.values("street"), ran.values("unit")) == (["a", "d"], ["b", "e"], ["c", "f"])
    assert ran.result.outcome.sample[0] == ("x", "y", "n", "n_2", "n_3")


@pytest.mark.parametrize("encoding", [None, "utf-8", "utf-8-sig", "UTF8"], ids=str)
def test_a_byte_order_mark_is_no_part_of_the_first_column(run: Runs, encoding: str | None) -> None:
    ran = run.csv("\ufeffn,x,y\n7,1,2\n".encode(), encoding=encoding)
    assert ran.values("number") == ["7"]


def test_a_column_called_like_the_geometry_is_renamed(run: Runs) -> None:
    ran = run.csv("x,y,n,oa:geom\n1,2,7,POINT(9 9)\n", street="oa:geom_2")
    assert (ran.places, ran.values("street")) == ([[1, 2]], ["POINT(9 9)"])


@pytest.mark.parametrize("tags", [{"headers": 3}, {"headers": 3, "skiplines": 3}, {"skiplines": 3}], ids=str)
def test_headers_alone_says_where_the_header_is(run: Runs, tags: dict[str, int]) -> None:
    ran = run.csv("a report\nof today\nx,y,n\n1,2,7\n", **tags)
    assert (ran.places, ran.values("number")) == ([[1, 2]], ["7"])


def test_without_header_the_columns_have_numbers(run: Runs) -> None:
    ran = run.csv("1,2,7\n3,4,8\n", headers=-1, lon="COLUMN1", lat="COLUMN2", number="COLUMN3")
    assert ran.values("number") == ["7", "8"]


@pytest.mark.parametrize("separator", ["||", "::", '"'], ids=repr)
def test_a_separator_of_several_characters_fails_with_the_cure(run: Runs, separator: str) -> None:
    ran = run.csv("x||y||n\n1||2||7\n", csvsplit=separator)
    assert "csvsplit" in ran.problem
    assert "one character" in ran.problem


@pytest.mark.parametrize("tag", ["lat", "lon"])
def test_a_csv_without_coordinate_columns_fails_with_the_cure(run: Runs, tag: str) -> None:
    ran = run.csv("x,y,n\n1,2,7\n", **{tag: None})
    assert f"no {tag}" in ran.problem
    assert "set lat and lon" in ran.problem


def test_a_coordinate_column_that_is_not_there_is_told_with_the_closest(run: Runs) -> None:
    ran = run.csv("LONGITUDE,LATITUDE,n\n1,2,7\n", lon="Longitud", lat="Latitude")
    assert "'LONGITUDE'" in ran.problem
    assert "'LATITUDE'" in ran.problem


@pytest.mark.parametrize("tag", ["lat", "lon"])
def test_a_function_for_a_coordinate_is_no_column_and_the_cure_asks_for_one(run: Runs, tag: str) -> None:
    ran = run.csv("x,y,n\n1,2,7\n", **{tag: {"function": "regexp", "field": "x", "pattern": "(.*)"}})
    assert f"no {tag}" in ran.problem
    assert "names of the columns" in ran.problem


# ---- GeoJSON -------------------------------------------------------------------------------------------

PLAIN = point(1, 2, n="1")


@pytest.mark.parametrize(
    ("data", "numbers"),
    [
        (collection(point(1, 2, a="x"), point(3, 4, n="2")), ["", "2"]),
        (collection({**PLAIN, "properties": None}, point(3, 4, n="2")), ["", "2"]),
        (collection({"type": "Feature", "geometry": PLAIN["geometry"]}, point(3, 4, n="2")), ["", "2"]),
        (b"\xef\xbb\xbf" + json.dumps(collection(PLAIN)).encode(), ["1"]),
        (b"".join(json.dumps(point(1, 2, n=str(i))).encode() + b"\n" for i in range(3)), ["0", "1", "2"]),
        (b"".join(b"\x1e" + json.dumps(point(1, 2, n=str(i))).encode() + b"\n" for i in range(3)), ["0", "1", "2"]),
        (b"\n\n" + json.dumps(PLAIN).encode() + b"\n\n\n" + json.dumps(point(1, 2, n="2")).encode(), ["1", "2"]),
        (collection(point(1, 2, n="1", other=float("nan")), point(3, 4, n="2")), ["1", "2"]),
        (collection(point("1.5", "2.5", n="1"), point(3, 4, n="2")), ["1", "2"]),
        (PLAIN, ["1"]),
        ([PLAIN, point(1, 2, n="2")], ["1", "2"]),
        (collection(PLAIN, feature(None, n="2"), point(1, 2, n="3")), ["1", "3"]),
        (collection(PLAIN, {"type": "Feature", "properties": {"n": "2"}}, point(1, 2, n="3")), ["1", "3"]),
    ],
    ids=[
        "a key that comes later",
        "properties null",
        "no properties",
        "byte order mark",
        "one feature a line",
        "record separators",
        "blank lines",
        "NaN",
        "coordinates as text",
        "a lone feature",
        "a list",
        "geometry null",
        "no geometry",
    ],
)
def test_geojson_of_every_kind_is_read(run: Runs, data: Any, numbers: list[str]) -> None:
    ran = run.geojson(data)
    assert ran.problem == ""
    assert ran.values("number") == numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9007199254740993, "9007199254740993"),
        (-(10**30), "-" + "1" + "0" * 30),
        (12.0, "12"),
        (12.5, "12.5"),
        (["a", 1, None], '["a",1,null]'),
        ({"k": {"m": "é"}}, '{"k":{"m":"é"}}'),
        (True, "True"),
        (None, ""),
    ],
    ids=["beyond 2^53", "beyond 2^64", "whole", "broken", "list", "object", "true", "null"],
)
def test_values_of_geojson_are_exact(run: Runs, value: Any, text: str) -> None:
    ran = run.geojson(collection(point(1, 2, s=value)), street="s")
    assert ran.values("street") == [text]


# ---- what the server calls it and what is in the archive -----------------------------------------------


@pytest.mark.parametrize("path", ["/data.geojson?x=1", "/download?id=7", "/", "/data.zip", "/data.csv"])
def test_content_decides_what_a_download_is_and_it_is_asked_for_once(run: Runs, path: str) -> None:
    body = json.dumps(collection(PLAIN)).encode()
    octets = {"Content-Type": "application/octet-stream"}
    with serve(lambda _: Response(200, body, octets)) as server:
        ran = run(f"{server.url}{path}", {"format": "geojson", "number": "n"})
        asked = len(server.log)
    assert ran.values("number") == ["1"]
    assert asked == 1


INNER = {"x.csv": b"x,y,n\n1,2,inner\n"}


@pytest.mark.parametrize(
    ("members", "file", "numbers"),
    [
        ({"inner.zip": plain_zip(INNER)}, "x.csv", ["inner"]),
        ({"inner.zip": plain_zip(INNER)}, None, ["inner"]),
        ({"a/inner.zip": plain_zip(INNER), "a/other.zip": plain_zip({"z.txt": b"-"})}, "x.csv", ["inner"]),
        ({"deep/er/x.csv": INNER["x.csv"], "y.csv": b"x,y,n\n1,2,y\n"}, "x.csv", ["inner"]),
        ({"deep/er/x.csv": INNER["x.csv"], "y.csv": b"x,y,n\n1,2,y\n"}, "deep/er/x.csv", ["inner"]),
    ],
    ids=["nested with file", "nested", "two zips in one folder", "file without its folder", "file with its folder"],
)
def test_file_finds_its_member_wherever_it_is(
    run: Runs, members: dict[str, bytes], file: str | None, numbers: list[str]
) -> None:
    conform = {**CSV, **({"file": file} if file else {})}
    ran = run(plain_zip(members), conform, name="d.zip", compression="zip")
    assert ran.values("number") == numbers


@pytest.mark.parametrize("order", [("a.csv", "b.csv"), ("b.csv", "a.csv")], ids=["ab", "ba"])
def test_several_candidates_are_an_error_that_lists_them_in_whatever_order_they_come(
    run: Runs, order: tuple[str, ...]
) -> None:
    ran = run(plain_zip(dict.fromkeys(order, b"x,y,n\n1,2,3\n")), CSV, name="d.zip")
    assert "a.csv, b.csv" in ran.problem
    assert "`file`" in ran.problem


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "CP949", None], ids=str)
def test_an_arcgis_layer_is_read_as_it_was_written_whatever_the_encoding_tag_says(
    run: Runs, encoding: str | None
) -> None:
    fields = [{"name": "OBJECTID", "type": "esriFieldTypeOID"}, {"name": "n", "type": "esriFieldTypeString"}]
    rows = [{"attributes": {"OBJECTID": 1, "n": "Straße 通り"}, "geometry": {"x": 1, "y": 2}}]
    with serving(Layer(rows, metadata(fields=fields))) as served:
        ran: Ran = run(
            served.url,
            {"format": "geojson", "number": "n", **({"encoding": encoding} if encoding else {})},
            protocol="ESRI",
        )
    assert ran.values("number") == ["Straße 通り"]
