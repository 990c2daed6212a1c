"""Files that want GDAL to read something else, or to fall over, opened as the converter opens them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely

from oa_pipeline_tests.hostile import gdalg, gml, gml_feature, laughs, plain_zip, virtual_table_gpkg, vrt
from oa_pipeline_tests.ogr_child import Child, ogr

__all__ = ["ogr"]
SECRET = "correct horse battery staple"


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback, its address, and the requests that reached it."""
    requests: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file elsewhere on the disk, which GDAL could read well."""
    path = tmp_path / "elsewhere" / "secret.gpkg"
    path.parent.mkdir()
    frame = geopandas.GeoDataFrame({"s": [SECRET]}, geometry=shapely.points([[1, 2]]), crs=4326)
    pyogrio.write_dataframe(frame, path, layer="secret")
    return path


FORMATS = [("shapefile", ".shp"), ("gpkg", ".gpkg"), ("xml", ".gml"), ("xml", ".xml"), ("kml", ".kml"), ("gdb", ".gdb")]


@pytest.mark.parametrize(("kind", "suffix"), FORMATS)
@pytest.mark.parametrize("make", [vrt, gdalg], ids=["vrt", "gdalg"])
def test_a_file_that_names_another_file_does_not_open_it(
    ogr: Child, tmp_path: Path, secret: Path, kind: str, suffix: str, make: object
) -> None:
    path = tmp_path / f"data{suffix}"
    path.write_bytes(make(str(secret)))  # type: ignore[operator]
    read = ogr(path, kind)
    assert read.error != ""
    assert read.rows == []


@pytest.mark.parametrize(
    "target",
    [
        "/vsicurl/{url}/a.gpkg",
        "/vsizip//vsicurl/{url}/a.zip",
        "ESRIJSON:{url}/a",
        "WFS:{url}/",
        "OAPIF:{url}/",
        "{url}/a",
    ],
)
@pytest.mark.parametrize("make", [vrt, gdalg], ids=["vrt", "gdalg"])
def test_a_file_that_names_an_address_asks_for_nothing(ogr: Child, tmp_path: Path, target: str, make: object) -> None:
    path = tmp_path / "data.gml"
    with listening() as (url, requests):
        path.write_bytes(make(target.format(url=url)))  # type: ignore[operator]
        assert ogr(path, "xml").error != ""
    assert requests == []


@pytest.mark.parametrize(
    "name",
    ["/vsicurl/{url}/a.gpkg", "ESRIJSON:{url}/a", "WFS:{url}/", "OAPIF:{url}/", "CSV:/vsicurl/{url}", "{url}/a.gpkg"],
)
def test_a_path_that_is_an_address_asks_for_nothing(tmp_path: Path, name: str) -> None:
    """Only files that exist are handed on; these raise before GDAL hears of them."""
    with listening() as (url, requests), pytest.raises(FileNotFoundError):
        Path(name.format(url=url)).resolve(strict=True)
    assert requests == []


def test_an_odd_name_of_an_existing_file_is_still_that_file(ogr: Child, tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"s": ["x"]}, geometry=shapely.points([[1, 2]]), crs=4326)
    with listening() as (url, requests):
        path = tmp_path / "ESRIJSON:" / url.replace("/", "_") / "a.gpkg"
        path.parent.mkdir(parents=True)
        pyogrio.write_dataframe(frame, path)
        assert ogr(path, "gpkg").column("s") == ["x"]
    assert requests == []


def test_a_geopackage_with_a_virtual_table_and_a_greedy_view_gives_its_own_rows_only(
    ogr: Child, tmp_path: Path, secret: Path
) -> None:
    path = tmp_path / "d.gpkg"
    frame = geopandas.GeoDataFrame({"s": ["mine"]}, geometry=shapely.points([[1, 2]]), crs=4326)
    pyogrio.write_dataframe(frame, path)
    virtual_table_gpkg(path, secret)
    reads = [ogr(path, "gpkg", layer=layer) for layer in (None, "stolen", "seen")]
    assert not any(SECRET in str(read.rows) for read in reads)
    assert all(read.rows == [] for read in reads[1:])


def test_an_sqlite_database_is_not_a_geopackage(ogr: Child, tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"s": ["x"]}, geometry=shapely.points([[1, 2]]), crs=4326)
    pyogrio.write_dataframe(frame, tmp_path / "d.sqlite", driver="SQLite")
    assert ogr(tmp_path / "d.sqlite", "gpkg").error != ""


def test_a_workbook_is_not_opened(ogr: Child, tmp_path: Path) -> None:
    (tmp_path / "d.xlsx").write_bytes(plain_zip({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}))
    for kind in ("gpkg", "xml", "kml"):
        assert ogr(tmp_path / "d.xlsx", kind).error != ""


# ---- GML and KML --------------------------------------------------------------------------------------


def test_a_billion_laughs_are_not_heard(ogr: Child, tmp_path: Path) -> None:
    feature = gml_feature("<ogr:s>&a10;</ogr:s>")
    (tmp_path / "d.gml").write_bytes(gml(feature, prologue=laughs()))
    (tmp_path / "d.kml").write_text(
        f'<?xml version="1.0"?>{laughs()}<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark>'
        "<name>&a10;</name><Point><coordinates>1,2</coordinates></Point></Placemark></Document></kml>"
    )
    for name, kind in (("d.gml", "xml"), ("d.kml", "kml")):
        assert len(str(ogr(tmp_path / name, kind).rows)) < 1000


def test_entities_of_other_files_are_not_read(ogr: Child, tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text(SECRET)
    prologue = f'<!DOCTYPE x [<!ENTITY stolen SYSTEM "file://{tmp_path}/plain.txt">]>'
    (tmp_path / "d.gml").write_bytes(gml(gml_feature("<ogr:s>&stolen;</ogr:s>"), prologue=prologue))
    (tmp_path / "d.kml").write_text(
        f'<?xml version="1.0"?>{prologue}<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark>'
        "<name>&stolen;</name><Point><coordinates>1,2</coordinates></Point></Placemark></Document></kml>"
    )
    assert SECRET not in str(vars(ogr(tmp_path / "d.gml", "xml")))
    assert SECRET not in str(vars(ogr(tmp_path / "d.kml", "kml")))


def test_links_and_schemas_are_not_followed(ogr: Child, tmp_path: Path) -> None:
    with listening() as (url, requests):
        schema = f' xsi:schemaLocation="http://ogr.maptools.org/ {url}/a.xsd"'
        linked = gml_feature("<ogr:s>x</ogr:s>") + (
            f'<gml:featureMember><ogr:t><ogr:geometryProperty xlink:href="{url}/b.gml#x"/><ogr:s>y</ogr:s></ogr:t>'
            "</gml:featureMember>"
        )
        (tmp_path / "d.gml").write_bytes(gml(linked, schema=schema))
        (tmp_path / "d.kml").write_text(
            '<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
            f"<NetworkLink><Link><href>{url}/c.kml</href></Link></NetworkLink><Placemark><name>x</name>"
            f"<styleUrl>{url}/d.kml#s</styleUrl><Point><coordinates>1,2</coordinates></Point></Placemark>"
            f"<Schema parent='{url}/e.kml'/></Document></kml>"
        )
        assert ogr(tmp_path / "d.gml", "xml").column("s") == ["x", "y"]
        assert ogr(tmp_path / "d.kml", "kml").column("Name") == ["x"]
    assert requests == []


@pytest.mark.parametrize("end", [0.5, 0.9], ids=["in the middle", "near the end"])
def test_gml_that_breaks_off_is_a_failure_and_not_fewer_rows(ogr: Child, tmp_path: Path, end: float) -> None:
    whole = gml("".join(gml_feature(f"<ogr:s>{n}</ogr:s>") for n in range(50)))
    (tmp_path / "d.gml").write_bytes(whole[: int(len(whole) * end)])
    assert "the XML is damaged at line 1" in ogr(tmp_path / "d.gml", "xml").error


# ---- databases that are cut off, which GDAL reads without a word --------------------------------------


def lines(path: Path, driver: str) -> Path:
    """A file of 3,000 rows, some hundred kilobytes long."""
    count = 3000
    frame = geopandas.GeoDataFrame(
        {"s": ["text of some length " * 5] * count}, geometry=shapely.points(np.arange(count), 1.0)
    )
    pyogrio.write_dataframe(frame.set_crs(3857), path, driver=driver, **({} if driver == "GPKG" else {"layer": "d"}))
    return path


def overwritten(path: Path, start: float, count: int) -> None:
    patched(path, int(path.stat().st_size * start) // 4096 * 4096, b"\xa5" * count)


def test_a_damaged_geopackage_is_a_failure_and_not_fewer_rows(ogr: Child, tmp_path: Path) -> None:
    overwritten(lines(tmp_path / "d.gpkg", "GPKG"), 0.6, 40_960)
    read = ogr(tmp_path / "d.gpkg", "gpkg")
    assert "the file says it has 3,000 rows, and only" in read.error


@pytest.mark.parametrize("cut", [True, False], ids=["cut off", "a few rows overwritten"])
def test_a_damaged_file_geodatabase_is_told(ogr: Child, tmp_path: Path, cut: bool) -> None:
    folder = lines(tmp_path / "d.gdb", "OpenFileGDB")
    table = max(folder.glob("*.gdbtable"), key=lambda path: path.stat().st_size)
    if cut:
        table.write_bytes(table.read_bytes()[: table.stat().st_size // 2])
        assert "and only" in ogr(folder, "gdb").error
    else:
        overwritten(table, 0.5, 300)
        read = ogr(folder, "gdb")
        lost = read.counters["rows/dropped/unreadable"]
        assert 1 <= lost < 30
        assert len(read.rows) == 3000 - lost
        assert read.counters["rows/read"] == 3000


# ---- shapefiles ---------------------------------------------------------------------------------------


@pytest.fixture
def shapefile(tmp_path: Path) -> Path:
    frame = geopandas.GeoDataFrame(
        {"s": ["a", "b", "c"]}, geometry=shapely.linestrings(np.arange(12.0).reshape(3, 2, 2)), crs=4326
    )
    pyogrio.write_dataframe(frame, tmp_path / "d.shp")
    return tmp_path / "d.shp"


def patched(path: Path, at: int, data: bytes) -> None:
    whole = bytearray(path.read_bytes())
    whole[at : at + len(data)] = data
    path.write_bytes(whole)


@pytest.mark.parametrize("count", [4, 4_000_000_000])
def test_a_dbf_that_promises_more_rows_than_it_has_is_refused(ogr: Child, shapefile: Path, count: int) -> None:
    patched(shapefile.with_suffix(".dbf"), 4, struct.pack("<I", count))
    assert f"promises {count:,} rows" in ogr(shapefile, "shapefile").error


def test_a_dbf_column_wider_than_its_rows_is_no_crash(ogr: Child, shapefile: Path) -> None:
    patched(shapefile.with_suffix(".dbf"), 32 + 16, b"\xff")
    read = ogr(shapefile, "shapefile")
    assert read.error != "" or len(read.rows) == 3


@pytest.mark.parametrize("width", [b"\xff\xff", b"\x00\x00"], ids=["65k wide", "no width"])
def test_rows_of_an_absurd_width_are_no_crash(ogr: Child, shapefile: Path, width: bytes) -> None:
    patched(shapefile.with_suffix(".dbf"), 10, width)
    assert len(ogr(shapefile, "shapefile").rows) <= 3


def test_a_shp_that_is_cut_off_is_refused(ogr: Child, shapefile: Path) -> None:
    shapefile.write_bytes(shapefile.read_bytes()[:-40])
    assert "cut off" in ogr(shapefile, "shapefile").error


def test_a_record_that_promises_four_thousand_million_points_is_no_crash(ogr: Child, shapefile: Path) -> None:
    patched(shapefile, 100 + 8 + 36, struct.pack("<II", 0xFFFFFFF0, 0xFFFFFFF0))
    read = ogr(shapefile, "shapefile")
    assert read.error != "" or read.geometry[1:] == ["LINESTRING (4 5, 6 7)", "LINESTRING (8 9, 10 11)"]


def test_a_prj_of_megabytes_is_refused(ogr: Child, shapefile: Path) -> None:
    shapefile.with_suffix(".prj").write_bytes(b"GEOGCS[" * 1_000_000)
    read = ogr(shapefile, "shapefile")
    assert "the .prj has 7,000,000 bytes" in read.error
    assert '"srs"' in read.cure


def test_a_prj_in_latin_1_is_read(ogr: Child, shapefile: Path) -> None:
    prj = shapefile.with_suffix(".prj")
    prj.write_bytes(prj.read_bytes().replace(b'GEOGCS["GCS_WGS_1984"', b'GEOGCS["Syst\xe8me"'))
    assert b"\xe8" in prj.read_bytes()
    assert ogr(shapefile, "shapefile").error == ""


def test_a_prj_that_names_a_grid_elsewhere_asks_for_nothing(ogr: Child, shapefile: Path) -> None:
    with listening() as (url, requests):
        shapefile.with_suffix(".prj").write_text(f"+proj=pipeline +step +proj=hgridshift +grids={url}/grid.tif")
        ogr(shapefile, "shapefile")
    assert requests == []


@pytest.mark.parametrize("lost", [".shx", ".dbf"])
def test_a_part_that_is_missing_is_named(ogr: Child, shapefile: Path, lost: str) -> None:
    shapefile.with_suffix(lost).unlink()
    assert f"lacks its {lost}" in ogr(shapefile, "shapefile").error


def test_noise_with_the_right_first_bytes_is_an_error(ogr: Child, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).bytes(3000)
    (tmp_path / "d.gpkg").write_bytes(b"SQLite format 3\x00" + noise[:52] + b"GPKG" + noise)
    (tmp_path / "d.shp").write_bytes(b"\x00\x00\x27\x0a" + noise)
    (tmp_path / "d.shx").write_bytes(b"\x00\x00\x27\x0a" + noise)
    (tmp_path / "d.dbf").write_bytes(b"\x03" + noise)
    (tmp_path / "d.gdb").mkdir()
    (tmp_path / "d.gdb" / "a00000001.gdbtable").write_bytes(noise)
    (tmp_path / "d.gdb" / "a00000001.gdbtablx").write_bytes(noise)
    for name, kind in (("d.gpkg", "gpkg"), ("d.shp", "shapefile"), ("d.gdb", "gdb")):
        assert ogr(tmp_path / name, kind).error != ""
