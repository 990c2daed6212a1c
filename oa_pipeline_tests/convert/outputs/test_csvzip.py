from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oa_pipeline.convert.outputs import Block
from oa_pipeline.convert.outputs.csvzip import COLUMNS, CsvZipWriter, Readme

README = Readme("us/ca/alameda", "county", "https://example.com", "CC BY 4.0")
HEADER = ["LON", "LAT", "NUMBER", "STREET", "UNIT", "CITY", "DISTRICT", "REGION", "POSTCODE", "ID", "HASH"]


def written(folder: Path, *blocks: Block, base: str = "us/ca/alameda") -> ZipFile:
    writer = CsvZipWriter(folder, base, README)
    for block in blocks:
        writer.write(block)
    return ZipFile(folder / writer.close().path)


def test_members_stand_under_the_source_s_full_path(streets: Block, tmp_path: Path) -> None:
    with written(tmp_path, streets) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "README.txt",
            "us/ca/alameda.vrt",
            "us/ca/alameda.csv",
            "summary/us/ca/alameda-summary.csv",
            "summary/us/ca/alameda-summary.vrt",
        ]
    assert [p.name for p in tmp_path.iterdir()] == ["alameda.zip"]


def test_the_csv_has_the_original_s_columns_and_only_usable_rows(streets: Block, tmp_path: Path) -> None:
    with written(tmp_path, streets) as archive:
        text = archive.read("us/ca/alameda.csv").decode()
    h = streets.hashes
    assert text == (
        "LON,LAT,NUMBER,STREET,UNIT,CITY,DISTRICT,REGION,POSTCODE,ID,HASH\r\n"
        f"-9.1571235,39.36,12,Main St,,Óbidos,,,,1,{h[0]}\r\n"
        f'12,50.0000001,12 1/2,Main St,"A, B",,,,,,{h[1]}\r\n'
        f'-180,1e-05,7,"the ""Mews""","1\n2",,,,=1+1,,{h[2]}\r\n'
    )


cells = st.none() | st.text(max_size=8) | st.text(alphabet='",\r\n \t;=+@-\x00', max_size=4)


SHARED = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]  # the folder serves all examples


@settings(derandomize=True, max_examples=60, deadline=None, suppress_health_check=SHARED)
@given(rows=st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, cells)), min_size=1, max_size=5), seed=st.integers(1))
def test_the_csv_is_what_the_standard_library_writes(block: Any, tmp_path: Path, rows: Any, seed: int) -> None:
    places = [(seed * (i + 1) % 3600000001 / 1e7 - 180, seed % 1800000001 / 1e7 - 90) for i in range(len(rows))]
    made = block(rows, places)
    expected = io.StringIO(newline="")
    writer = csv.writer(expected)
    writer.writerow(HEADER)
    for row, (x, y), h, usable in zip(rows, places, made.hashes, made.located.usable, strict=True):
        if usable:
            place = ["%.12g" % (round(v, 7) + 0.0) for v in (x, y)]
            writer.writerow([*place, *(row[c] or "" for c in COLUMNS), h])
    with written(tmp_path, made) as archive:
        assert archive.read("us/ca/alameda.csv").decode() == expected.getvalue()


def test_the_readme_says_where_from_and_under_what_licence(tmp_path: Path) -> None:
    with written(tmp_path) as archive:
        text = archive.read("README.txt").decode()
    assert "Website: https://example.com\nLicense: CC BY 4.0\n" in text
    assert "Website: Unknown\nLicense: Unknown\n" in Readme("x", "y").text().decode()
    assert "License: one two\n" in Readme("x", "y", licence="one\r\ntwo").text().decode()


def test_gdal_reads_the_csv_and_the_summary_through_their_vrt(streets: Block, tmp_path: Path) -> None:
    # In a process of its own: how GDAL is set up is decided once for a process, and others do so differently.
    with written(tmp_path, streets) as archive:
        archive.extractall(tmp_path / "x")
    program = (
        "import sys, pyogrio\n"
        "for name in sys.argv[1:]:\n"
        "    info = pyogrio.read_info(name, force_feature_count=True)\n"
        "    print(info['layer_name'], info['features'], info['geometry_type'], info['crs'])\n"
    )
    names = [tmp_path / "x" / n for n in ("us/ca/alameda.vrt", "summary/us/ca/alameda-summary.vrt")]
    ran = subprocess.run([sys.executable, "-c", program, *map(str, names)], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["alameda 3 Point EPSG:4326", "alameda-summary 3 Polygon EPSG:4326"]


def test_names_are_escaped_in_the_vrt(tmp_path: Path) -> None:
    with written(tmp_path, base='xx/a&b"<c') as archive:
        layer = ElementTree.fromstring(archive.read('xx/a&b"<c.vrt'))[0]
        summary = ElementTree.fromstring(archive.read('summary/xx/a&b"<c-summary.vrt'))[0]
    assert (layer.get("name"), layer.findtext("SrcDataSource")) == ('a&b"<c', 'a&b"<c.csv')
    assert (summary.get("name"), summary.findtext("SrcDataSource")) == ('a&b"<c-summary', 'a&b"<c-summary.csv')


@pytest.mark.parametrize("base", ["", "/etc/passwd", "../x", "us/../../x", "us\\x"])
def test_a_name_that_leaves_the_folder_is_refused(base: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot name members"):
        CsvZipWriter(tmp_path, base, README)


def test_two_runs_give_the_same_bytes(streets: Block, tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, streets, streets).close()
        made.append((tmp_path / name / "alameda.zip").read_bytes())
    assert made[0] == made[1]


def test_no_rows_make_a_zip_with_a_header(tmp_path: Path) -> None:
    with written(tmp_path) as archive:
        assert archive.read("us/ca/alameda.csv").decode() == ",".join(HEADER) + "\r\n"
        assert archive.read("summary/us/ca/alameda-summary.csv") == b"count,lon,lat,area\r\n"


def test_other_tools_accept_the_zip(streets: Block, tmp_path: Path) -> None:
    written(tmp_path, streets).close()
    path = str(tmp_path / "alameda.zip")
    subprocess.run([sys.executable, "-m", "zipfile", "-t", path], check=True, capture_output=True)
    if which("unzip"):
        subprocess.run(["unzip", "-t", path], check=True, capture_output=True)


def test_nothing_remains_after_abort(streets: Block, tmp_path: Path) -> None:
    for close in (False, True):
        writer = CsvZipWriter(tmp_path, "us/ca/alameda", README)
        writer.write(streets)
        if close:
            writer.close()
        writer.abort()
        writer.abort()
        assert list(tmp_path.iterdir()) == []
