"""Which coordinate system a GeoJSON file is read in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .geojson_values import TWO, collection, feature
from .reading import read_geojson


def named(name: str) -> dict[str, Any]:
    return {"type": "name", "properties": {"name": name}}


SYSTEMS = {
    "none": (None, None, "EPSG:4326"),
    "projected-tag": ("EPSG:25832", None, "EPSG:25832"),
    "projected-tag-in-lower-case": ("epsg:25832", None, "epsg:25832"),
    "geographic-tag": ("EPSG:4167", None, "EPSG:4326"),
    "unknown-tag": ("EPSG:99999", None, "EPSG:99999"),
    "projected-member": (None, named("urn:ogc:def:crs:EPSG::25832"), "EPSG:25832"),
    "projected-member-short": (None, named("EPSG:3067"), "EPSG:3067"),
    "projected-member-address": (None, named("http://www.opengis.net/def/crs/EPSG/0/3067"), "EPSG:3067"),
    "projected-member-old": (None, {"type": "EPSG", "properties": {"code": 2180}}, "EPSG:2180"),
    "geographic-member": (None, named("urn:ogc:def:crs:OGC:1.3:CRS84"), "EPSG:4326"),
    "geographic-member-by-code": (None, named("urn:ogc:def:crs:EPSG::4258"), "EPSG:4326"),
    "tag-before-member": ("EPSG:4326", named("urn:ogc:def:crs:EPSG::25832"), "EPSG:4326"),
    "unknown-member": (None, named("urn:ogc:def:crs:EPSG::99999"), "EPSG:4326"),
    "link": (None, {"type": "link", "properties": {"href": "http://127.0.0.1:9/crs"}}, "EPSG:4326"),
    "file-name": (None, named("/etc/passwd"), "EPSG:4326"),
    "null": (None, None, "EPSG:4326"),
    "nonsense": (None, [1], "EPSG:4326"),
}


@pytest.mark.parametrize("where", ["before", "behind"])
@pytest.mark.parametrize(("srs", "member", "crs"), SYSTEMS.values(), ids=SYSTEMS)
def test_a_projected_system_is_honoured_and_a_geographic_one_changes_nothing(
    tmp_path: Path, srs: str | None, member: Any, crs: str, where: str
) -> None:
    held = {"crs": member, "features": TWO} if where == "before" else {"features": TWO, "crs": member, "name": "x"}
    assert read_geojson(tmp_path, held, srs=srs).crs == crs


def test_a_property_called_crs_is_no_coordinate_system(tmp_path: Path) -> None:
    last = feature({"crs": named("EPSG:3067"), "n": "1"})
    assert read_geojson(tmp_path, collection(last)).crs == "EPSG:4326"
