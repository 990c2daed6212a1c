"""Names come from address and content type; the name on disk is ours alone."""

from __future__ import annotations

import re

import pytest

from oa_pipeline.fetch.naming import disk_suffix, file_name


@pytest.mark.parametrize(
    ("url", "content_type", "name", "suffix"),
    [
        ("https://h/a/parcels.zip", "text/html", "parcels.zip", ".zip"),
        ("https://h/PARCELS.ZIP", "", "PARCELS.ZIP", ".zip"),
        ("https://h/data.geojson?x=1", "application/octet-stream", "data.geojson", ".geojson"),
        ("https://h/data.csv.gz", "application/gzip", "data.csv.gz", ".csv.gz"),
        ("https://h/data.gz", "", "data.gz", ".gz"),
        ("https://h/x.gz.gz", "", "x.gz.gz", ".gz"),
        ("https://h/download?id=7", "application/zip", "download.zip", ".zip"),
        ("https://h/download", "application/x-zip-compressed", "download.zip", ".zip"),
        ("https://h/export.aspx?f=csv", "text/csv; charset=utf-8", "export.csv", ".csv"),
        ("https://h/export.php", "application/vnd.geo+json", "export.geojson", ".geojson"),
        ("https://h/v1.2", "application/zip", "v1.2.zip", ".zip"),
        ("https://h/", "text/csv", "download.csv", ".csv"),
        ("https://h", "", "download", ".bin"),
        ("https://h/thing", "application/x-unheard-of", "thing", ".bin"),
        ("https://h/evil.sh", "application/x-sh", "evil.sh", ".bin"),
        ("https://h/a%2F..%2F..%2Fb.zip", "", "b.zip", ".zip"),
        ("https://h/..%00%1b[31m.zip", "", "[31m.zip", ".zip"),
        ("https://h/Stra%C3%9Fe.gpkg", "", "Straße.gpkg", ".gpkg"),
        ("file:///a/no#1?.csv", "", "no#1.csv", ".csv"),
        ("ftp://h/a/b.shp", "", "b.shp", ".shp"),
        ("https://h/.zip", "", "zip", ".bin"),
    ],
)
def test_a_name_and_the_suffix_on_disk(url: str, content_type: str, name: str, suffix: str) -> None:
    assert file_name(url, content_type) == name
    assert disk_suffix(name) == suffix


def test_no_name_is_longer_than_a_line_and_none_holds_a_path() -> None:
    name = file_name("https://h/" + "x%2f%5c" * 1000 + "y" * 5000 + ".zip", "")
    assert len(name) <= 120
    assert re.fullmatch(r"y+\.zip", name)
