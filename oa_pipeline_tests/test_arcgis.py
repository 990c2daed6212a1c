"""The ArcGIS stand-in behaves like one."""

from __future__ import annotations

import json
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from . import arcgis


def ask(url: str, **params: object) -> dict:
    with urlopen(f"{url}/query", urlencode(params).encode()) as reply:
        return json.load(reply)


@pytest.mark.parametrize(
    ("params", "ids"),
    [
        ({"where": "1=1", "resultOffset": 2, "resultRecordCount": 2, "orderByFields": "OBJECTID"}, [3, 4]),
        ({"where": "OBJECTID > 2 AND OBJECTID <= 4"}, [3, 4]),
        ({"where": "OBJECTID >= 5 AND OBJECTID <= 9"}, [5]),
        ({"where": "OBJECTID = 1 OR OBJECTID = 5"}, [1, 5]),
    ],
    ids=["offset", "window", "ids", "either"],
)
def test_pages_hold_what_was_asked_for(params: dict, ids: list[int]) -> None:
    with arcgis.serving(arcgis.Layer(arcgis.points(5))) as served:
        answer = ask(served.url, **params)
        assert [f["attributes"]["OBJECTID"] for f in answer["features"]] == ids


def test_a_page_cut_off_says_so() -> None:
    with arcgis.serving(arcgis.Layer(arcgis.points(5), arcgis.metadata(maxRecordCount=3))) as served:
        answer = ask(served.url, where="1=1")
        assert len(answer["features"]) == 3
        assert answer["exceededTransferLimit"] is True
        assert "exceededTransferLimit" not in ask(served.url, where="OBJECTID <= 3")


def test_a_layer_that_does_not_announce_paging_refuses_it_with_200() -> None:
    with arcgis.serving(arcgis.Layer(metadata=arcgis.metadata(advancedQueryCapabilities=None))) as served:
        assert ask(served.url, where="1=1", resultOffset=0)["error"]["code"] == 400


def test_an_envelope_selects_by_vertices() -> None:
    with arcgis.serving(arcgis.Layer([arcgis.point(1, 1, 1), arcgis.point(2, 5, 5)])) as served:
        box = json.dumps({"xmin": 0, "ymin": 0, "xmax": 2, "ymax": 2})
        assert len(ask(served.url, where="1=1", geometry=box)["features"]) == 1


def test_count_statistics_and_ids_agree_with_the_features() -> None:
    with arcgis.serving(arcgis.Layer(arcgis.points(3, first=7))) as served:
        assert ask(served.url, where="1=1", returnCountOnly="true") == {"count": 3}
        assert ask(served.url, where="1=1", returnIdsOnly="true")["objectIds"] == [7, 8, 9]
        held = ask(served.url, where="1=1", outStatistics="[]")["features"][0]["attributes"]
        assert held == {"the_min": 7, "the_max": 9}
        assert [p["path"][-8:] for p in served.log] == ["/0/query"] * 3
        assert served.pages == []
