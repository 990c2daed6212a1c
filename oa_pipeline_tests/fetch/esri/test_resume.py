"""A dump that was broken off goes on, and ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from oa_pipeline.errors import FetchError
from oa_pipeline.fetch.esri.cache import Cache
from oa_pipeline.fetch.model import Budget

from ...arcgis import Layer, metadata, points, serving, status

WAYS = {
    "offset": metadata(maxRecordCount=20),
    "windows": metadata(maxRecordCount=20, advancedQueryCapabilities=None),
    "ids": metadata(maxRecordCount=20, advancedQueryCapabilities=None, supportsStatistics=False),
}
CHILD = """
import sys
from pathlib import Path
from oa_pipeline.fetch.esri import dump
from oa_pipeline.fetch.guard import Guard
from oa_pipeline.fetch.model import Budget
from oa_pipeline.fetch.transport import Transport
from oa_pipeline_tests.fetch.esri.conftest import data_source
with Transport(Guard(allow_local=True), Budget()) as transport:
    dump(transport, data_source(sys.argv[1]), Path(sys.argv[2]))
"""
ROOT = Path(__file__).parents[3]


def test_a_killed_process_loses_nothing_and_brings_nothing_twice(bench, read, tmp_path) -> None:
    layer = Layer(points(600), metadata(maxRecordCount=20), seconds=0.02)
    killed = threading.Event()
    with serving(layer) as served:
        # What comes later waits until it is killed, so that it cannot have ended before.
        layer.intercept = lambda _: status(503) if len(served.pages) > 12 and killed.wait(250) else None
        child = subprocess.Popen([sys.executable, "-c", CHILD, served.url, str(bench.folder)], cwd=ROOT)
        try:
            while len(served.pages) < 12:
                assert child.poll() is None, "the dump ended before it could be killed"
                time.sleep(0.005)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
            killed.set()
        layer.seconds, layer.intercept = 0, None
        checkpoint = json.loads((bench.folder / "esri.checkpoint.json").read_text())
        resumed = bench.dump(served.url, headers=(("Referer", "again"),))
        # The server may read what the dead one asked as late as this.
        asked_again = sum(page["referrer"] == "again" for page in served.pages)
        bench.folder = tmp_path / "unbroken"
        unbroken = bench.dump(served.url)
    assert 0 < checkpoint["features"] < 600
    assert asked_again == (600 - checkpoint["features"]) // 20
    assert read(resumed)[1] == layer.features
    assert resumed.path.read_bytes() == unbroken.path.read_bytes()
    assert resumed.sha256 == unbroken.sha256


@pytest.mark.parametrize("way", WAYS)
def test_a_dump_that_failed_goes_on_where_it_stopped(way: str, bench, read) -> None:
    layer = Layer(points(200), WAYS[way])
    answers = iter(range(5))
    layer.intercept = lambda _: None if next(answers, None) is not None else status(503)
    with serving(layer) as served:
        with pytest.raises(FetchError, match="after 100 of 200 features") as caught:
            bench.dump(served.url, Budget(attempts=2), in_flight=1)
        assert caught.value.retryable
        layer.intercept = None
        before = len(served.pages)
        fetched = bench.dump(served.url)
    assert read(fetched)[1] == layer.features
    assert len(served.pages) - before == 5
    assert [p.name for p in bench.folder.iterdir()] == ["cache.esri.jsonl.gz"]


def test_boxes_go_on_without_bringing_a_feature_twice(bench, read) -> None:
    described = metadata(maxRecordCount=10, advancedQueryCapabilities=None, supportsStatistics=False)
    layer = Layer(points(100), described, no_ids=True)
    for n in range(0, 100, 30):  # these lie in several boxes at once
        layer.features[n]["geometry"] = {"paths": [[[-9, -9], [9, 9], [-9, 9], [9, -9]]]}
    answers = iter(range(12))
    layer.intercept = lambda _: None if next(answers, None) is not None else status(503)
    with serving(layer) as served:
        with pytest.raises(FetchError, match="boxes"):
            bench.dump(served.url, Budget(attempts=2), in_flight=1)
        layer.intercept = None
        _, features = read(bench.dump(served.url))
    assert sorted(features, key=lambda f: f["attributes"]["OBJECTID"]) == layer.features


@pytest.mark.parametrize("change", ["count", "edit date", "field"])
def test_a_layer_that_changed_meanwhile_is_begun_anew(change: str, bench, read) -> None:
    layer = Layer(points(100), metadata(maxRecordCount=20, editingInfo={"lastEditDate": 1}))
    answers = iter(range(2))
    layer.intercept = lambda _: None if next(answers, None) is not None else status(503)
    with serving(layer) as served:
        with pytest.raises(FetchError):
            bench.dump(served.url, Budget(attempts=1), in_flight=1)
        layer.intercept = None
        if change == "count":
            layer.features = points(101)
        elif change == "edit date":
            layer.metadata["editingInfo"] = {"lastEditDate": 2}
        else:
            layer.metadata["fields"].append({"name": "STREET", "type": "esriFieldTypeString"})
        before = len(served.pages)
        _, features = read(bench.dump(served.url))
    assert features == layer.features
    assert served.pages[before]["resultOffset"] == "0"


def test_a_dump_that_led_nowhere_is_begun_anew(bench, read) -> None:
    layer = Layer(points(100), metadata(maxRecordCount=20), ignores=frozenset({"resultOffset"}))
    with serving(layer) as served:
        with pytest.raises(FetchError, match="repeats itself"):
            bench.dump(served.url)
        layer.ignores = frozenset()
        before = len(served.pages)
        assert read(bench.dump(served.url))[1] == layer.features
    assert served.pages[before]["resultOffset"] == "0"


def test_another_way_is_taken_when_the_one_begun_is_closed_meanwhile(bench, read) -> None:
    layer = Layer(points(100), WAYS["ids"])
    answers = iter(range(2))
    layer.intercept = lambda _: None if next(answers, None) is not None else status(503)
    with serving(layer) as served:
        with pytest.raises(FetchError):
            bench.dump(served.url, Budget(attempts=1), in_flight=1)
        layer.intercept, layer.no_ids = None, True
        _, features = read(bench.dump(served.url))
    assert len(features) == 100
    assert "geometry" in served.pages[-1]


@pytest.mark.parametrize("harm", ["part shorter", "part longer", "checkpoint garbage", "part gone", "part garbled"])
def test_a_damaged_folder_never_damages_the_result(harm: str, bench, read) -> None:
    layer = Layer(points(100), metadata(maxRecordCount=20))
    answers = iter(range(3))
    layer.intercept = lambda _: None if next(answers, None) is not None else status(503)
    with serving(layer) as served:
        with pytest.raises(FetchError):
            bench.dump(served.url, Budget(attempts=1), in_flight=1)
        layer.intercept = None
        part = bench.folder / "esri.part.gz"
        size = part.stat().st_size
        if harm == "part shorter":
            os.truncate(part, size - 1)
        elif harm == "part longer":
            with part.open("ab") as file:
                file.write(b"half a member")
        elif harm == "checkpoint garbage":
            (bench.folder / "esri.checkpoint.json").write_text('{"done": ')
        elif harm == "part gone":
            part.unlink()
        else:
            content = bytearray(part.read_bytes())
            content[size // 2] ^= 0xFF
            part.write_bytes(content)
            with pytest.raises(FetchError, match="damaged on disk") as caught:
                bench.dump(served.url)
            assert caught.value.retryable
        _, features = read(bench.dump(served.url))
    assert features == layer.features


def test_a_cache_without_a_dump_has_begun_with_nothing(tmp_path) -> None:
    assert Cache(tmp_path / "new").begun_with() is None
