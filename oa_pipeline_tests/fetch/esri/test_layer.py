"""What a layer says about itself."""

from __future__ import annotations

from typing import Any

import pytest

from oa_pipeline.errors import FetchError
from oa_pipeline.fetch.esri.answers import identity, whole
from oa_pipeline.fetch.esri.client import Client
from oa_pipeline.fetch.esri.layer import PAGE_CEILING, PAGE_DEFAULT, read_layer

from ...arcgis import metadata


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (metadata(maxRecordCount=250), 250),
        (metadata(maxRecordCount=100_000), PAGE_CEILING),
        (metadata(maxRecordCount=0), PAGE_DEFAULT),
        (metadata(maxRecordCount=-1), PAGE_DEFAULT),
        (metadata(maxRecordCount="1000"), 1000),
        (metadata(maxRecordCount=None), PAGE_DEFAULT),
    ],
    ids=["said", "huge", "zero", "negative", "text", "not said"],
)
def test_page_limit(described: dict[str, Any], expected: int) -> None:
    assert read_layer(described).page_limit == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "OBJECTID"),
        ({"objectIdField": None}, "OBJECTID"),
        ({"objectIdField": "", "fields": [{"name": "FID", "type": "esriFieldTypeOID"}]}, "FID"),
        ({"objectIdField": None, "fields": "none"}, None),
        ({"objectIdField": None, "fields": [None, {"type": "esriFieldTypeOID"}]}, None),
    ],
    ids=["named", "by type", "empty name", "no list", "no name"],
)
def test_object_id_field(changes: dict[str, Any], expected: str | None) -> None:
    assert read_layer(metadata(**changes)).oid == expected


@pytest.mark.parametrize(
    ("held", "usable"),
    [
        ({"xmin": 1, "ymin": 2, "xmax": 3, "ymax": 4}, True),
        ({"xmin": "1", "ymin": 2, "xmax": 3, "ymax": 4}, True),
        ({"xmin": "NaN", "ymin": "NaN", "xmax": "NaN", "ymax": "NaN"}, False),
        ({"xmin": None, "ymin": 2, "xmax": 3, "ymax": 4}, False),
        ({"xmin": 1}, False),
        ([], False),
        (None, False),
    ],
    ids=["numbers", "text", "NaN", "null", "missing", "list", "none"],
)
def test_extent(held: Any, usable: bool) -> None:
    assert (read_layer(metadata(extent=held)).extent is not None) == usable


def test_a_number_of_hundreds_of_digits_is_none_that_can_be_used() -> None:
    huge = 10**400
    assert whole(huge) is None
    assert len({identity(huge), identity(-huge), identity(huge + 1), None}) == 4
    described = metadata(maxRecordCount=huge, extent={"xmin": huge, "ymin": 0, "xmax": 1, "ymax": 1})
    assert read_layer(described).extent is None
    assert read_layer(described).page_limit == PAGE_DEFAULT


def test_an_extent_of_one_point_has_room_for_boxes() -> None:
    extent = read_layer(metadata(extent={"xmin": 5, "ymin": 6, "xmax": 5, "ymax": 6})).extent
    assert extent is not None
    assert extent.xmin < 5 < extent.xmax
    assert extent.ymin < 6 < extent.ymax


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"lastEditDate": 5, "dataLastEditDate": 3}, 5),
        ({"dataLastEditDate": 3}, 3),
        ({"lastEditDate": None}, None),
        ({"lastEditDate": "soon"}, None),
        ("never", None),
    ],
    ids=["both", "data only", "null", "text", "no object"],
)
def test_edit_date(info: Any, expected: int | None) -> None:
    assert read_layer(metadata(editingInfo=info)).edit_date == expected


def test_a_service_is_not_a_layer() -> None:
    with pytest.raises(FetchError, match="FeatureServer/0"):
        read_layer({"layers": [{"id": 0}], "currentVersion": 10})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7),
        (7.0, 7),
        (" 7 ", 7),
        ("-7", -7),
        (None, None),
        (True, None),
        (7.5, None),
        (float("nan"), None),
        ([], None),
    ],
    ids=str,
)
def test_identity(value: Any, expected: int | None) -> None:
    assert identity(value) == expected


def test_ids_of_text_are_told_apart() -> None:
    assert len({identity(text) for text in ("a", "b", "7", 7, "{7E}", "")}) == 5


@pytest.mark.parametrize(
    ("address", "layer", "query"),
    [
        ("https://h/a/FeatureServer/0", "https://h/a/FeatureServer/0", "https://h/a/FeatureServer/0/query"),
        ("https://h/a/Mapserver/3/", "https://h/a/Mapserver/3", "https://h/a/Mapserver/3/query"),
        ("https://h/a/0/query?where=1", "https://h/a/0?where=1", "https://h/a/0/query?where=1"),
        ("https://h/a/0?f=json", "https://h/a/0", "https://h/a/0/query"),
        ("https://h/a/0/?token=a%2Fb&f=pjson", "https://h/a/0?token=a%2Fb", "https://h/a/0/query?token=a%2Fb"),
        ("  https://h:6443/a b/0 ", "https://h:6443/a b/0", "https://h:6443/a b/0/query"),
    ],
    ids=["plain", "slash", "query", "format", "token", "blanks"],
)
def test_addresses(address: str, layer: str, query: str) -> None:
    client = Client(None, address)  # type: ignore[arg-type]
    assert (client.url, client.query_url) == (layer, query)
