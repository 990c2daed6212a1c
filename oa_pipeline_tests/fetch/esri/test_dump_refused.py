"""Layers that cannot be had whole, and what is said of them."""

from __future__ import annotations

from typing import Any

import pytest

from oa_pipeline.errors import FetchError, OverBudget, Problem, TokenRequired
from oa_pipeline.fetch.model import Budget

from ...arcgis import Answer, Layer, error, metadata, point, points, serving, status
from .conftest import NO_PAGES, NO_STATISTICS

# ---- what is refused --------------------------------------------------------------------------------


def test_a_token_is_asked_for_by_code_or_by_words(bench) -> None:
    for code, words in ((499, "Token Required"), (498, "Invalid Token"), (400, "Token Required")):
        layer = Layer()
        layer.answer = lambda query, params, code=code, words=words: error(code, words)
        with serving(layer) as served, pytest.raises(TokenRequired) as caught:
            bench.dump(served.url)
        assert caught.value.problem == Problem.TOKEN_REQUIRED
        assert served.url in str(caught.value)


HTML = (200, b"<!DOCTYPE html><html><title>Sign in</title></html>", {"Content-Type": "text/html"})


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error(400, "Service not found"), "Service not found"),
        (HTML, "web page (Sign in)"),
        ((200, b"[1, 2]", {}), "not a JSON object"),
        ((200, b'{"layers": [], "services": []}', {}), "number of a layer"),
        ((200, b"{" * 100_000, {}), "cannot be read"),
        ((200, b'{"fields":' + b"[" * 100_000, {}), "cannot be read"),
        (status(404), "404"),
    ],
    ids=["error object", "web page", "list", "service", "garbage", "nested", "not found"],
)
def test_metadata_that_is_none_is_an_error_with_a_cure(answer: Any, words: str, bench) -> None:
    layer = Layer()
    layer.answer = lambda query, params: answer
    with serving(layer) as served, pytest.raises(FetchError) as caught:
        bench.dump(served.url)
    assert words in str(caught.value)
    assert caught.value.cure
    assert len(served.log) == 1


HOSTILE = {
    "more for ever, same page": Layer(
        points(10), metadata(maxRecordCount=5), count=100, always_exceeded=True, ignores=frozenset({"resultOffset"})
    ),
    "repeated page": Layer(points(10), metadata(maxRecordCount=5), count=20, ignores=frozenset({"resultOffset"})),
    "where ignored": Layer(points(100), metadata(maxRecordCount=5, **NO_PAGES), ignores=frozenset({"where"})),
    "where ignored, ids": Layer(points(100), metadata(maxRecordCount=5, **NO_STATISTICS), ignores=frozenset({"where"})),
    "geometry ignored": Layer(
        points(100), metadata(maxRecordCount=5, **NO_STATISTICS), no_ids=True, ignores=frozenset({"geometry"})
    ),
    "count of a billion": Layer(points(10), count=10**12),
    "count too small": Layer(points(100), metadata(maxRecordCount=10), count=95),
    "count too large": Layer(points(100), metadata(maxRecordCount=10), count=105),
    "many at one place": Layer([point(n) for n in range(20)], metadata(maxRecordCount=5, **NO_STATISTICS), no_ids=True),
    "cut off without a word": Layer(
        points(100),
        metadata(maxRecordCount=5, **NO_STATISTICS),
        silent=True,
        ignores=frozenset({"orderByFields"}),
        no_ids=True,
        intercept=lambda p: (200, b'{"features": []}', {}) if '"xmin": 0' in p["geometry"] else None,
    ),
    "no way in": Layer(points(3), metadata(objectIdField=None, fields=[{"name": "A"}], **NO_PAGES)),
    "html pages": Layer(points(3), intercept=lambda _: HTML),
    "features of nothing": Layer(points(3), intercept=lambda _: (200, b'{"features": [1, 2, 3]}', {})),
    "no features at all": Layer(points(3), intercept=lambda _: (200, b"{}", {})),
}


@pytest.mark.parametrize("quirk", HOSTILE)
def test_a_dump_that_cannot_be_complete_ends_as_a_failure_and_leaves_no_result(quirk: str, bench) -> None:
    with serving(HOSTILE[quirk]) as served, pytest.raises(FetchError) as caught:
        bench.dump(served.url)
    assert caught.value.cure
    assert not list(bench.folder.glob("cache*"))
    assert len(served.log) < 400


def test_a_server_that_always_promises_more_is_asked_once_more_and_then_believed(bench, read) -> None:
    layer = Layer(points(10), metadata(maxRecordCount=5), always_exceeded=True)
    layer.intercept = lambda p: (200, b'{"features": []}', {}) if p["resultOffset"] == "10" else None
    with serving(layer) as served:
        assert read(bench.dump(served.url))[1] == layer.features


def test_requests_are_budgeted(bench) -> None:
    with serving(Layer(points(50), metadata(maxRecordCount=1))) as served, pytest.raises(OverBudget):
        bench.dump(served.url, Budget(requests=20))
    assert len(served.log) <= 20


def test_a_layer_edited_meanwhile_is_taken_when_its_count_explains_the_difference(bench, read) -> None:
    layer = Layer(points(30), metadata(maxRecordCount=10))

    def edit(params: dict[str, str]) -> None:
        if params["resultOffset"] == "20":
            layer.features = layer.features[:25]

    layer.intercept = edit
    with serving(layer) as served:
        fetched = bench.dump(served.url, in_flight=1)
    assert len(read(fetched)[1]) == 25
    assert any("edited meanwhile, from 30 to 25" in note for note in fetched.notes)
    assert fetched.validators.count == 30  # the state before: the next probe sees the change


def test_an_edit_that_does_not_explain_what_is_missing_is_no_excuse(bench) -> None:
    layer = Layer(points(20), metadata(maxRecordCount=10), count=30)

    def edit(params: dict[str, str]) -> None:
        layer.count = 29

    layer.intercept = edit
    with serving(layer) as served, pytest.raises(FetchError, match="20 features came, but the layer counts 30"):
        bench.dump(served.url)
    assert not list(bench.folder.iterdir())


def test_a_ring_of_five_million_vertices_is_left_out_and_counted(bench, read) -> None:
    layer = Layer(points(4))
    ring = b"[10.1234567,10.1234567]," * 5_000_000
    giant = b'{"features":[{"attributes":{"OBJECTID":2},"geometry":{"rings":[[%b[1,1]]]}}]}' % ring

    def hit(params: dict[str, str]) -> Answer | None:
        start = int(params["resultOffset"])
        return (200, giant, {}) if start <= 1 < start + int(params["resultRecordCount"]) else None

    layer.intercept = hit
    with serving(layer) as served:
        fetched = bench.dump(served.url)
    assert [f["attributes"]["OBJECTID"] for f in read(fetched)[1]] == [1, 3, 4]
    assert "esri: 1 feature over 64 MiB left out" in fetched.notes


def test_a_feature_too_large_for_every_box_ends_the_dump(bench, monkeypatch) -> None:
    monkeypatch.setattr("oa_pipeline.fetch.esri.paging.PAGE_BYTES", 1000)
    monkeypatch.setattr("oa_pipeline.fetch.esri.paging.FEATURE_BYTES", 1000)
    features = [point(1), point(2)]
    features[0]["geometry"] = {"rings": [[[x / 10, y / 10] for x in range(-99, 99, 8) for y in range(-99, 99, 8)]]}
    layer = Layer(features, metadata(**NO_STATISTICS), no_ids=True)
    with serving(layer) as served, pytest.raises(FetchError, match="too large") as caught:
        bench.dump(served.url)
    assert caught.value.cure
    assert len(served.log) < 200


def test_pages_that_are_mostly_cut_off_end_the_dump(bench) -> None:
    """Windows of sparse ids from a server that says of every page that there is more, and lets few through."""
    layer = Layer([point(n * 1_000_000) for n in range(1, 2000)], metadata(maxRecordCount=1000, **NO_PAGES))
    layer.intercept = lambda p: (200, b'{"features": [], "exceededTransferLimit": true}', {})
    with serving(layer) as served, pytest.raises(FetchError, match="most pages are cut off") as caught:
        bench.dump(served.url, Budget(requests=5000))
    assert caught.value.cure
    assert len(served.log) < 200


def test_the_sources_own_headers_are_sent(bench, monkeypatch) -> None:
    with serving(Layer(points(1))) as served:
        bench.dump(served.url, headers=(("Referer", "https://maps.example/"),))
        assert served.referrers == {"https://maps.example/"}
