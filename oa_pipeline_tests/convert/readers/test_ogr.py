from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pandas
import pyarrow as pa
import pyogrio
import pytest
import shapely

from oa_pipeline.convert.archive import unpack
from oa_pipeline.convert.choose import choose
from oa_pipeline.convert.task import Limits
from oa_pipeline.sources.model import Compression, Conform, Format
from oa_pipeline_tests.hostile import gml, gml_feature
from oa_pipeline_tests.ogr_child import Child, ogr

__all__ = ["ogr"]
POINTS = shapely.points([1.5, 2.5, 3.5], [10.0, 20.0, 30.0])


def write(path: Path, driver: str, geometry: Any = POINTS, crs: Any = 4326, **more: Any) -> Path:
    """A file of three rows: `n` 1 to 3, `s` with letters of many scripts."""
    options = {key: more.pop(key) for key in ("layer", "encoding", "use_arrow") if key in more}
    columns = {
        "n": np.arange(1, len(geometry) + 1, dtype=np.int32),
        "s": ["Straße", "улица", "通り"][: len(geometry)],
        **more,
    }
    frame = geopandas.GeoDataFrame(pandas.DataFrame(columns), geometry=geometry, crs=crs)
    pyogrio.write_dataframe(frame, path, driver=driver, **options)
    return path


SHAPEFILE, GPKG, GDB = "ESRI Shapefile", "GPKG", "OpenFileGDB"


@pytest.mark.parametrize(
    ("kind", "driver", "name"),
    [
        ("shapefile", SHAPEFILE, "d.shp"),
        ("shapefile-polygon", SHAPEFILE, "d.shp"),
        ("gpkg", GPKG, "d.gpkg"),
        ("xml", "GML", "d.gml"),
        ("kml", "LIBKML", "d.kml"),
        ("xml", "KML", "d.kml"),
    ],
)
def test_every_format_gives_its_rows_in_order(ogr: Child, tmp_path: Path, kind: str, driver: str, name: str) -> None:
    read = ogr(write(tmp_path / name, driver), kind)
    assert read.error == ""
    if driver != "KML":
        assert [int(n) for n in read.column("n")] == [1, 2, 3]
        assert read.column("s") == ["Straße", "улица", "通り"]
    assert [text.replace(" Z", "").replace(" 0)", ")") for text in read.geometry] == [
        "POINT (1.5 10)",
        "POINT (2.5 20)",
        "POINT (3.5 30)",
    ]
    assert read.crs == "EPSG:4326"
    assert read.counters == {"rows/read": 3}


def test_a_file_geodatabase_is_a_directory(ogr: Child, tmp_path: Path) -> None:
    read = ogr(write(tmp_path / "d.gdb", GDB, layer="Addresses"), "gdb", layer="addresses")
    assert read.column("s") == ["Straße", "улица", "通り"]
    assert read.kinds == ["Points"]


def test_only_wanted_columns_are_read_and_all_are_listed(ogr: Child, tmp_path: Path) -> None:
    read = ogr(write(tmp_path / "d.gpkg", GPKG), "gpkg", wanted=["s", "absent"])
    assert read.columns == ["n", "s"]
    assert [list(row) for row in read.rows] == [["s"]] * 3


def test_no_wanted_column_still_gives_every_row(ogr: Child, tmp_path: Path) -> None:
    assert len(ogr(write(tmp_path / "d.gpkg", GPKG), "gpkg", wanted=[]).rows) == 3


def test_reading_may_stop_early(ogr: Child, tmp_path: Path) -> None:
    read = ogr(write(tmp_path / "d.gpkg", GPKG), "gpkg", limits={"rows": 2})
    assert read.column("n") == ["1", "2"]
    assert read.geometry == ["POINT (1.5 10)", "POINT (2.5 20)"]


def test_many_rows_come_in_batches(ogr: Child, tmp_path: Path) -> None:
    count = 40_000
    frame = geopandas.GeoDataFrame({"n": np.arange(count)}, geometry=shapely.points(np.arange(count), 0.0), crs=3857)
    pyogrio.write_dataframe(frame, tmp_path / "d.gpkg")
    read = ogr(tmp_path / "d.gpkg", "gpkg")
    assert read.column("n") == [str(n) for n in range(count)]
    assert len(read.kinds) == 3


# ---- coordinate systems -------------------------------------------------------------------------------


def test_srs_replaces_the_layers_own_system(ogr: Child, tmp_path: Path) -> None:
    path = write(tmp_path / "d.gpkg", GPKG)
    assert ogr(path, "gpkg").crs == "EPSG:4326"
    assert ogr(path, "gpkg", srs="epsg:25833").crs == "epsg:25833"


def test_without_prj_nothing_tells_the_system(ogr: Child, tmp_path: Path) -> None:
    path = write(tmp_path / "d.shp", SHAPEFILE)
    path.with_suffix(".prj").unlink()
    assert ogr(path, "shapefile").crs is None


@pytest.mark.parametrize(
    ("name", "place"),
    [("EPSG:4326", "18 50"), ("urn:ogc:def:crs:EPSG::4326", "50 18"), ("EPSG:2180", "18 50")],
    ids=["old-style", "urn", "northing first in the registry"],
)
def test_gml_gives_x_before_y_however_it_names_its_system(ogr: Child, tmp_path: Path, name: str, place: str) -> None:
    feature = gml_feature("<ogr:a>x</ogr:a>", 18, 50).replace("EPSG:4326", name)
    feature = feature.replace("<gml:coordinates>18,50</gml:coordinates>", f"<gml:pos>{place}</gml:pos>")
    (tmp_path / "d.gml").write_bytes(gml(feature))
    read = ogr(tmp_path / "d.gml", "xml")
    assert read.geometry == ["POINT (18 50)"]
    assert read.crs == ("EPSG:2180" if "2180" in name else "EPSG:4326")


# ---- layers -------------------------------------------------------------------------------------------


@pytest.fixture
def layered(tmp_path: Path) -> Path:
    """A GeoPackage of `First`, `Second`, `1`, and a table without geometry, which GDAL lists last."""
    path = tmp_path / "d.gpkg"
    pyogrio.write_dataframe(pandas.DataFrame({"s": ["table"]}), path, layer="Table")
    for name in ("First", "Second", "1"):
        frame = geopandas.GeoDataFrame({"s": [name]}, geometry=POINTS[:1], crs=4326)
        pyogrio.write_dataframe(frame, path, layer=name, append=True)
    return path


@pytest.mark.parametrize(
    ("layer", "text"),
    [(None, "First"), ("second", "Second"), ("Table", "table"), (3, "table"), (1, "Second"), ("1", "1")],
    ids=["first with geometry", "name in any case", "no geometry", "last", "index", "digits are a name"],
)
def test_the_layer_that_is_meant(ogr: Child, layered: Path, layer: str | int | None, text: str) -> None:
    assert ogr(layered, "gpkg", layer=layer).column("s") == [text]


@pytest.mark.parametrize("layer", ["Third", 4, -1, "0"])
def test_a_layer_that_is_not_there_lists_those_that_are(ogr: Child, layered: Path, layer: str | int) -> None:
    read = ogr(layered, "gpkg", layer=layer)
    assert "there is no layer" in read.error
    assert "First, Second, 1, Table" in read.cure


def test_of_three_hundred_layers_some_are_listed(ogr: Child, tmp_path: Path) -> None:
    path = write(tmp_path / "d.gpkg", GPKG)
    base = sqlite3.connect(path)
    for number in range(300):
        base.execute(f"CREATE TABLE l{number} (fid INTEGER PRIMARY KEY, s TEXT)")
        base.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES (?, 'attributes', ?)",
            (f"l{number}", f"l{number}"),
        )
    base.commit()
    base.close()
    assert ogr(path, "gpkg").column("n") == ["1", "2", "3"]
    assert "and 261 more" in ogr(path, "gpkg", layer="nothing").cure


def test_a_file_of_rasters_only_has_no_layers(ogr: Child, tmp_path: Path) -> None:
    path = write(tmp_path / "d.gpkg", GPKG)
    base = sqlite3.connect(path)
    base.executescript("UPDATE gpkg_contents SET data_type = 'tiles'; DELETE FROM gpkg_geometry_columns")
    base.close()
    assert ogr(path, "gpkg").error != ""


# ---- shapefiles and their encodings -------------------------------------------------------------------


def encoded(folder: Path, text: bytes, *, rows: int = 1, language: int = 0, cpg: str | None = None) -> Path:
    """A shapefile whose `s` holds `text` as it is, then plain rows; the dbf says `language`."""
    frame = geopandas.GeoDataFrame(
        {"s": ["?" * len(text), *["plain"] * (rows - 1)]}, geometry=shapely.points(np.zeros(rows), 0.0), crs=4326
    )
    path = folder / "d.shp"
    pyogrio.write_dataframe(frame, path, encoding="ISO-8859-1")
    dbf = path.with_suffix(".dbf").read_bytes().replace(b"?" * len(text), text)
    path.with_suffix(".dbf").write_bytes(dbf[:29] + bytes([language]) + dbf[30:])
    path.with_suffix(".cpg").unlink(missing_ok=True)
    if cpg is not None:
        path.with_suffix(".cpg").write_text(cpg)
    return path


@pytest.mark.parametrize(
    ("text", "codec", "more", "tag"),
    [
        ("улица", "cp1251", {"cpg": "1251", "language": 0x57}, None),
        ("улица", "utf-8", {"cpg": "UTF-8"}, "cp1251"),
        ("서울시", "cp949", {"language": 0x57}, "EUCKR"),
        ("서울시", "cp949", {"language": 0x4E}, None),
        ("表示", "shift_jisx0213", {}, "SHIFT_JISX0213"),
        ("Ñandú", "latin-1", {}, None),
        ("Ñandú", "latin-1", {"language": 0x57}, None),
    ],
    ids=["cpg", "cpg before tag", "tag before byte", "byte", "tag", "nothing says", "latin byte"],
)
def test_shapefile_text_is_read_in_its_encoding(
    ogr: Child, tmp_path: Path, text: str, codec: str, more: dict[str, Any], tag: str | None
) -> None:
    read = ogr(encoded(tmp_path, text.encode(codec), **more), "shapefile", encoding=tag)
    assert read.column("s") == [text]
    assert read.counters == {"rows/read": 1}


def test_column_names_are_read_in_the_encoding_too(ogr: Child, tmp_path: Path) -> None:
    path = encoded(tmp_path, b"x", cpg="949")
    dbf = bytearray(path.with_suffix(".dbf").read_bytes())
    name = "주소".encode("cp949")
    dbf[32:43] = name + bytes(11 - len(name))
    path.with_suffix(".dbf").write_bytes(dbf)
    read = ogr(path, "shapefile", wanted=["주소"])
    assert read.columns == ["주소"]
    assert read.column("주소") == ["x"]


def test_two_columns_of_one_name_are_told_apart(ogr: Child, tmp_path: Path) -> None:
    path = write(tmp_path / "d.shp", SHAPEFILE)
    dbf = bytearray(path.with_suffix(".dbf").read_bytes())
    dbf[64:66] = b"n\0"
    path.with_suffix(".dbf").write_bytes(dbf)
    read = ogr(path, "shapefile")
    assert read.columns == ["n", "n_2"]
    assert (read.column("n"), read.column("n_2")[0]) == (["1", "2", "3"], "Straße")


def test_a_lying_cpg_fails_with_a_hint_when_many_rows_are_damaged(ogr: Child, tmp_path: Path) -> None:
    read = ogr(encoded(tmp_path, "Straße 1".encode("cp1252"), rows=99, cpg="UTF-8"), "shapefile")
    assert "1 of 99 rows are not utf-8, which its .cpg says" in read.error
    assert "looks like cp1252" in read.error
    assert ".cpg" in read.cure


def test_a_few_damaged_rows_are_replaced_and_counted(ogr: Child, tmp_path: Path) -> None:
    read = ogr(encoded(tmp_path, "Straße 1".encode("cp1252"), rows=100, cpg="UTF-8"), "shapefile")
    assert read.column("s")[0] == "Stra\ufffde 1"
    assert read.counters == {"rows/read": 100, "text/replaced-characters": 1}


def test_a_sample_is_too_small_to_judge_by(ogr: Child, tmp_path: Path) -> None:
    path = encoded(tmp_path, "Straße 1".encode("cp1252"), rows=99, cpg="UTF-8")
    assert ogr(path, "shapefile", limits={"rows": 5}).error == ""


# ---- types --------------------------------------------------------------------------------------------


def test_dbf_numbers_dates_and_blanks(ogr: Child, tmp_path: Path) -> None:
    more = {
        "r": [12.0, 0.5, None],
        "big": np.array([123456789012345678, 0, -1]),
        "d": pandas.array([date(2012, 1, 2), None, date(1999, 12, 31)], dtype=pandas.ArrowDtype(pa.date32())),
        "t": [" lead", "trail ", None],
    }
    read = ogr(write(tmp_path / "d.shp", SHAPEFILE, use_arrow=True, **more), "shapefile")
    assert read.column("r") == ["12.0", "0.5", ""]
    assert read.column("big") == ["123456789012345678", "0", "-1"]
    assert read.column("d") == ["2012/01/02", "", "1999/12/31"]
    assert read.column("t") == ["lead", "trail", ""]


def test_coded_values_read_as_their_codes(ogr: Child, tmp_path: Path) -> None:
    path = write(tmp_path / "d.gpkg", GPKG)
    base = sqlite3.connect(path)
    base.executescript(
        """
        CREATE TABLE gpkg_data_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, name TEXT, title TEXT,
            description TEXT, mime_type TEXT, constraint_name TEXT, PRIMARY KEY (table_name, column_name));
        CREATE TABLE gpkg_data_column_constraints (constraint_name TEXT NOT NULL, constraint_type TEXT NOT NULL,
            value TEXT, min NUMERIC, min_is_inclusive BOOLEAN, max NUMERIC, max_is_inclusive BOOLEAN, description TEXT);
        INSERT INTO gpkg_extensions VALUES ('gpkg_data_columns', NULL, 'gpkg_schema', 'x', 'read-write');
        INSERT INTO gpkg_data_columns (table_name, column_name, name, constraint_name) VALUES ('d', 'n', 'n', 'kinds');
        INSERT INTO gpkg_data_column_constraints (constraint_name, constraint_type, value, description)
            VALUES ('kinds', 'enum', '1', 'house'), ('kinds', 'enum', '2', 'flat'), ('kinds', 'enum', '3', 'plot');
        """
    )
    base.close()
    assert ogr(path, "gpkg").column("n") == ["1", "2", "3"]


GUESSED = (
    "<ogr:d>2012-01-02</ogr:d><ogr:dt>2012-01-02T10:11:12+02:00</ogr:dt><ogr:t>10:11:12</ogr:t><ogr:i>007</ogr:i>"
    "<ogr:l>a</ogr:l><ogr:l>b</ogr:l><ogr:b>true</ogr:b><ogr:r>1.50</ogr:r><ogr:s>  lead </ogr:s>"
)


@pytest.mark.parametrize("name", ["d.gml", "d.xml"])
def test_guessed_dates_of_gml_read_as_they_are_written(ogr: Child, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gml(gml_feature(GUESSED)))
    [row] = ogr(tmp_path / name, "xml").rows
    assert (row["d"], row["dt"], row["t"]) == ("2012-01-02", "2012-01-02T10:11:12+02:00", "10:11:12")
    assert (row["i"], row["b"], row["r"]) == ("007", "True", "1.5")
    assert row["l"] == '["a","b"]'


def test_curves_in_a_geopackage_are_stroked(ogr: Child, tmp_path: Path) -> None:
    path = write(tmp_path / "d.gpkg", GPKG, shapely.linestrings([[(0, 0), (1, 1)]]))
    curve = b"\x01\x08\x00\x00\x00\x03\x00\x00\x00" + np.array([0, 0, 1, 1, 2, 0], "<f8").tobytes()
    base = sqlite3.connect(path)
    for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        base.execute(f'DROP TRIGGER "{name}"')
    base.execute("UPDATE d SET geom = ?", (b"GP\x00\x01" + (4326).to_bytes(4, "little") + curve,))
    base.execute("UPDATE gpkg_geometry_columns SET geometry_type_name = 'CURVE'")
    base.commit()
    base.close()
    read = ogr(path, "gpkg")
    assert shapely.from_wkt(read.geometry[0]).length == pytest.approx(np.pi, rel=1e-3)
    assert read.counters == {"rows/read": 1, "geometry/stroked-curves": 1}


def test_rows_without_geometry_stay(ogr: Child, tmp_path: Path) -> None:
    read = ogr(write(tmp_path / "d.gpkg", GPKG, np.array([POINTS[0], None, shapely.Point()])), "gpkg")
    assert read.column("n") == ["1", "2", "3"]
    assert read.geometry == ["POINT (1.5 10)", "", ""]


def test_too_many_vertices_drop_their_row(ogr: Child, tmp_path: Path) -> None:
    lines = np.array([shapely.LineString(np.zeros((50, 2))), shapely.LineString([(0, 0), (1, 1)])])
    read = ogr(write(tmp_path / "d.gpkg", GPKG, lines), "gpkg", limits={"vertices": 10})
    assert read.column("n") == ["2"]
    assert read.counters == {"rows/read": 2, "rows/dropped/too-many-vertices": 1}


# ---- the shared cases ---------------------------------------------------------------------------------


def test_every_shared_case_gives_as_many_rows_as_features(ogr: Child, shared: Path, tmp_path: Path) -> None:
    wrong: list[str] = []
    for line in (shared / "cases" / "manifest.jsonl").read_text().splitlines():
        case = json.loads(line)
        folder = shared / "cases" / case["case"]
        data_source = _data_source(json.loads((folder / "source.json").read_text()), case)
        conform = data_source.get("conform") or {}
        kind = conform.get("format")
        data = folder / str(data_source.get("data", "")).rpartition("/")[2]
        if kind in (None, "csv", "geojson") or kind not in list(Format) or not data.is_file():
            continue
        tags = {key: conform[key] for key in ("file", "layer", "srs", "encoding") if key in conform}
        compression = data_source.get("compression")
        files = unpack(
            data,
            tmp_path / "u",
            compression=Compression(compression) if compression else None,
            file_name=data.name,
            wanted=tags.get("file"),
            limits=Limits(),
        )
        read = ogr(choose(files, Conform(Format(kind), kind, (), **tags)), kind, **tags)
        if read.error or len(read.rows) != case["features"]:
            wrong.append(f"{case['case']}: {len(read.rows)} rows, {read.error}")
        shutil.rmtree(tmp_path / "u")
    assert not wrong


def _data_source(source: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    if "layers" not in source:
        return source
    named = [d for d in source["layers"].get(case["layer"], []) if d.get("name") == case["name"]]
    return dict(named[0]) if named else {}
