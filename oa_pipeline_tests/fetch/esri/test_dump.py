"""A whole layer, by every way there is, from servers good and bad."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import Any

import pytest

from oa_pipeline.fetch.esri import probe
from oa_pipeline.fetch.guard import Guard
from oa_pipeline.fetch.model import Budget, Progress
from oa_pipeline.fetch.transport import Transport

from ...arcgis import Layer, error, metadata, point, points, serving, status
from .conftest import NO_PAGES, NO_STATISTICS, data_source

WAYS = {
    "offset": (Layer(metadata=metadata(maxRecordCount=10)), "resultOffset"),
    "unordered offset": (
        Layer(
            metadata=metadata(
                maxRecordCount=10, advancedQueryCapabilities={"supportsPagination": True, "supportsOrderBy": False}
            )
        ),
        "resultOffset",
    ),
    "windows": (Layer(metadata=metadata(maxRecordCount=10, **NO_PAGES)), "OBJECTID > "),
    "windows, no count": (Layer(metadata=metadata(maxRecordCount=10), no_count=True), "OBJECTID > "),
    "ids": (Layer(metadata=metadata(maxRecordCount=10, **NO_STATISTICS)), "OBJECTID >= "),
    "ids after made-up statistics": (
        Layer(metadata=metadata(maxRecordCount=10, **NO_PAGES), made_up_statistics=True),
        "OBJECTID >= ",
    ),
    "ids after refused statistics": (
        Layer(metadata=metadata(maxRecordCount=10, **NO_PAGES), no_statistics=True),
        "OBJECTID >= ",
    ),
    "ids after a lie about paging": (
        Layer(
            metadata=metadata(maxRecordCount=10, supportsStatistics=False),
            intercept=lambda p: error(400, "Unable to complete operation.") if "resultOffset" in p else None,
        ),
        "OBJECTID >= ",
    ),
    "windows, count fails": (
        Layer(metadata=metadata(maxRecordCount=10), no_count=True, error_code=500),
        "OBJECTID > ",
    ),
    "boxes": (Layer(metadata=metadata(maxRecordCount=10, **NO_PAGES), no_ids=True), "geometry"),
    "boxes, extent only": (
        Layer(metadata=metadata(maxRecordCount=10, **NO_STATISTICS), no_count=True, no_ids=True),
        "geometry",
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("in_flight", [1, 4])
def test_every_feature_comes_once_whatever_the_layer_can_do(way: str, in_flight: int, bench, read) -> None:
    layer, sign = WAYS[way]
    layer.features = points(57, first=3, step=7)
    with serving(layer) as served:
        fetched = bench.dump(served.url, in_flight=in_flight)
    described, features = read(fetched)
    in_order = sorted(features, key=lambda f: f["attributes"]["OBJECTID"])
    assert in_order == layer.features
    assert described["objectIdField"] == "OBJECTID"
    assert sign in json.dumps(served.pages[-1])
    assert [p.name for p in bench.folder.iterdir()] == ["cache.esri.jsonl.gz"]


@pytest.mark.parametrize("way", ["offset", "windows", "ids"])
def test_features_keep_the_servers_order_though_pages_arrive_in_another(way: str, bench, read) -> None:
    layer, _ = WAYS[way]
    layer.features = points(200)
    with serving(layer) as served:
        _, features = read(bench.dump(served.url, in_flight=4))
    assert [f["attributes"]["OBJECTID"] for f in features] == list(range(1, 201))


def test_each_page_asks_for_degrees_all_fields_and_geometry(bench) -> None:
    with serving(Layer(points(1))) as served:
        bench.dump(served.url)
    wanted = {
        "method": "POST",
        "outSR": "4326",
        "geometryPrecision": "7",
        "outFields": "*",
        "returnGeometry": "true",
        "orderByFields": "OBJECTID",
        "f": "json",
    }
    assert wanted.items() <= served.pages[0].items()


def test_a_feature_is_kept_as_the_server_spelt_it(bench, tmp_path) -> None:
    numbers = b'"A":12.0,"B":1e-05,"C":12345678901234567890'
    spelt = b'{"attributes":{"OBJECTID":1,' + numbers + b',"D":"\\u00e9\xc3\xa9"},"geometry":null}'
    body = b'{"features":[' + spelt + b"]}"
    layer = Layer(points(1), intercept=lambda _: (200, body, {}))
    with serving(layer) as served:
        fetched = bench.dump(served.url)
    assert gzip.decompress(fetched.path.read_bytes()).splitlines()[1] == spelt


@pytest.mark.parametrize("troubled", [False, True])
def test_equal_features_give_equal_bytes_however_they_were_paged(troubled: bool, bench) -> None:
    layer = Layer(points(120), metadata(maxRecordCount=50))
    with serving(layer) as served:
        plain = bench.dump(served.url)
        layer.metadata |= {"editingInfo": {"lastEditDate": 7}, "currentVersion": 12, "drawingInfo": {}}
        layer.intercept = lambda p: status(500) if troubled and int(p["resultRecordCount"]) > 11 else None
        again = bench.dump(served.url)
    assert again.sha256 == plain.sha256


def test_the_file_says_who_it_is(bench) -> None:
    layer = Layer(points(3), metadata(editingInfo={"lastEditDate": 1700000000123, "dataLastEditDate": 1600000000000}))
    with serving(layer) as served:
        fetched = bench.dump(served.url + "/?token=secret&f=pjson")
    content = fetched.path.read_bytes()
    assert fetched.form == "esri"
    assert (fetched.size, fetched.sha256, fetched.md5) == (
        len(content),
        hashlib.sha256(content).hexdigest(),
        hashlib.md5(content).hexdigest(),
    )
    assert (fetched.validators.edit_date, fetched.validators.count) == (1700000000123, 3)
    assert fetched.requests == len(served.log) == 3
    assert "secret" not in fetched.final_url
    assert {p["token"] for p in served.log} == {"secret"}
    assert {p["f"] for p in served.log} == {"json"}


def test_drawing_and_dates_of_editing_stay_out_of_the_file(bench, read) -> None:
    with serving(Layer(points(1), metadata(editingInfo={"lastEditDate": 1}))) as served:
        described, _ = read(bench.dump(served.url))
    assert not {"drawingInfo", "editingInfo", "currentVersion"} & described.keys()


def test_a_layer_without_features_is_a_valid_file(bench, read) -> None:
    with serving(Layer()) as served:
        described, features = read(bench.dump(served.url))
    assert (described["name"], features) == ("Addresses", [])
    assert served.pages == []


def test_probe_asks_twice_and_brings_edit_date_and_count() -> None:
    layer = Layer(points(3), metadata(editingInfo={"lastEditDate": 7}))
    with serving(layer) as served, Transport(Guard(allow_local=True), Budget()) as transport:
        held = probe(transport, data_source(served.url))
    assert (held.edit_date, held.count, len(served.log)) == (7, 3, 2)


def test_progress_is_told_in_features(bench) -> None:
    seen: list[Progress] = []
    with serving(Layer(points(25), metadata(maxRecordCount=10))) as served:
        bench.dump(served.url, on_progress=seen.append, in_flight=1)
    assert seen == [Progress(n, 25, "features") for n in (10, 20, 25)]


def test_a_proxy_that_lets_only_get_through_is_served(bench, read) -> None:
    with serving(Layer(points(3), post_refused=True)) as served:
        _, features = read(bench.dump(served.url))
    assert len(features) == 3
    assert served.log[-1]["method"] == "GET"


def test_duplicate_object_ids_within_a_page_are_kept(bench, read) -> None:
    features = [point(1, 1, 1), point(1, 2, 2), point(2, 3, 3)]
    for way in ({}, NO_PAGES, NO_STATISTICS):
        with serving(Layer(features, metadata(**way))) as served:
            assert read(bench.dump(served.url))[1] == features


@pytest.mark.parametrize("limit", [0, -5, None, "many", 10**12], ids=str)
def test_an_impossible_page_limit_is_replaced(limit: Any, bench) -> None:
    layer = Layer(points(3), metadata(maxRecordCount=1000), intercept=None)
    with serving(layer) as served:
        layer.metadata = metadata(maxRecordCount=limit)
        layer.intercept = lambda p: (200, json.dumps({"features": layer.features}).encode(), {})
        bench.dump(served.url)
    assert served.pages[0]["resultRecordCount"] == "3"


def test_one_feature_a_page_is_slow_but_works(bench, read) -> None:
    with serving(Layer(points(12), metadata(maxRecordCount=1))) as served:
        assert len(read(bench.dump(served.url))[1]) == 12


def test_a_server_that_gives_less_than_it_promises_is_believed(bench, read) -> None:
    layer = Layer(points(50), metadata(maxRecordCount=10), silent=True)
    with serving(layer) as served:
        layer.metadata = metadata(maxRecordCount=20)
        served.layer.intercept = lambda p: layer._page(
            {**p, "resultRecordCount": str(min(6, int(p["resultRecordCount"])))}
        )
        _, features = read(bench.dump(served.url, in_flight=3))
    assert features == layer.features


def test_unordered_ids_are_no_repetition(bench, read) -> None:
    features = points(40)[::-1]
    layer = Layer(features, metadata(maxRecordCount=5), ignores=frozenset({"orderByFields"}))
    with serving(layer) as served:
        assert read(bench.dump(served.url))[1] == features


@pytest.mark.parametrize("oid", [None, "name"], ids=["missing", "text"])
def test_features_without_numbers_for_ids_are_told_apart_all_the_same(oid: str | None, bench, read) -> None:
    features = [point(oid and f"{oid}-{n}", n, n) for n in range(23)]
    layer = Layer(features, metadata(maxRecordCount=5), ignores=frozenset({"orderByFields"}))
    with serving(layer) as served:
        assert read(bench.dump(served.url))[1] == features


def test_an_object_id_spelt_in_other_letters_is_found(bench, read) -> None:
    features = points(40)
    with serving(Layer(features, metadata(maxRecordCount=5, objectIdField="ObjectId"))) as served:
        served.layer.ignores = frozenset({"orderByFields"})
        assert read(bench.dump(served.url))[1] == features


def test_a_list_of_ids_too_long_to_hold_is_done_without(bench, read, monkeypatch) -> None:
    monkeypatch.setattr("oa_pipeline.fetch.esri.client.SMALL_ANSWER", 2000)
    features = points(500)
    with serving(Layer(features, metadata(maxRecordCount=100, **NO_STATISTICS))) as served:
        _, held = read(bench.dump(served.url))
    assert len(held) == 500
    assert "geometry" in served.pages[-1]


def test_text_that_is_not_utf8_is_repaired_and_said(bench, read) -> None:
    layer = Layer(
        [point(1, NUMBER="Köln")], encode=lambda answer: json.dumps(answer, ensure_ascii=False).encode("latin-1")
    )
    with serving(layer) as served:
        fetched = bench.dump(served.url)
    assert read(fetched)[1][0]["attributes"]["NUMBER"] == "K\ufffdln"
    assert "repaired" in " ".join(fetched.notes)


def test_sparse_ids_do_not_cost_a_request_a_window(bench, read) -> None:
    features = [point(n) for n in (1, 2, 3, 5_000_000, 5_000_001, 900_000_000, 2_000_000_000)]
    with serving(Layer(features, metadata(maxRecordCount=2, **NO_PAGES))) as served:
        assert read(bench.dump(served.url))[1] == features
    assert len(served.pages) < 200


def test_bare_nan_becomes_null_and_the_rest_of_the_feature_stays(bench, read) -> None:
    features = [point(1, float("nan"), 2.5, NUMBER='say "NaN", Infinity\\'), point(2, 1.0, float("-inf"))]
    with serving(Layer(features, encode=lambda answer: json.dumps(answer).encode())) as served:
        fetched = bench.dump(served.url)
    _, held = read(fetched)
    assert [f["geometry"] for f in held] == [{"x": None, "y": 2.5}, {"x": 1.0, "y": None}]
    assert held[0]["attributes"]["NUMBER"] == 'say "NaN", Infinity\\'
    assert "repaired" in " ".join(fetched.notes)


def test_answers_over_several_lines_become_one_line_a_feature(bench, read) -> None:
    features = points(3)
    with serving(Layer(features, encode=lambda answer: json.dumps(answer, indent=2).encode())) as served:
        assert read(bench.dump(served.url))[1] == features


def test_features_that_do_not_fit_one_page_are_asked_for_in_smaller_pages(bench, read, monkeypatch) -> None:
    monkeypatch.setattr("oa_pipeline.fetch.esri.paging.PAGE_BYTES", 20_000)
    monkeypatch.setattr("oa_pipeline.fetch.esri.paging.FEATURE_BYTES", 40_000)
    features = points(30)
    features[4]["geometry"] = {"rings": [[[0.5, 0.5]] * 3000]}  # 30,000 bytes: alone it fits
    features[17]["geometry"] = {"rings": [[[0.5, 0.5]] * 9000]}  # fits nowhere
    with serving(Layer(features)) as served:
        fetched = bench.dump(served.url)
    assert read(fetched)[1] == features[:17] + features[18:]
    assert any("1 feature over" in note and "left out" in note for note in fetched.notes)


def test_a_page_with_nothing_that_promises_more_is_asked_for_in_parts(bench, read) -> None:
    """ArcGIS Online answers so when the features asked for are too large for one answer."""
    layer = Layer(points(16), metadata(maxRecordCount=16))
    empty = json.dumps({"features": [], "exceededTransferLimit": True}).encode()
    layer.intercept = lambda p: (200, empty, {}) if int(p["resultRecordCount"]) > 4 else None
    with serving(layer) as served:
        assert read(bench.dump(served.url))[1] == layer.features
