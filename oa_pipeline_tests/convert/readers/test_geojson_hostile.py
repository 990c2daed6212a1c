"""GeoJSON that is broken, endless or nested beyond reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from oa_pipeline.convert.task import Limits
from oa_pipeline.errors import ConvertError, Problem

from .geojson_values import TWO, collection, feature
from .reading import read_geojson

SMALL = Limits(feature_bytes=200_000)
DEEP = "[" * 20_000 + "]" * 20_000
DEEP_ENOUGH = '{"type": "Polygon", "coordinates": ' + "[" * 800 + "]" * 800 + "}"  # for a decoder, not for who walks it
HOSTILE = {
    "brackets": "[" * 200_000,
    "objects": '{"a":' * 50_000,
    "deep-property": json.dumps([feature({"a": "HERE"})]).replace('"HERE"', DEEP),
    "deep-wanted-property": json.dumps([TWO[0], feature({"n": "HERE"})]).replace('"HERE"', DEEP),
    "deep-line": json.dumps(TWO[0]) + "\n" + json.dumps(feature({"n": "HERE"})).replace('"HERE"', DEEP),
    "deep-geometry-in-a-line": json.dumps(TWO[0]) + "\n" + json.dumps({**TWO[0], "geometry": "HERE"}).replace(
        '"HERE"', DEEP_ENOUGH
    ),
    "never-closed-list": json.dumps(collection(*TWO))[:-2],
    "never-closed-feature": json.dumps(collection(*TWO))[:-9],
    "never-closed-object": '{"type": "FeatureCollection", "name": "x"',
    "ends-after-the-list": json.dumps(collection(*TWO))[:-1],
    "one-huge-feature": json.dumps(collection(feature({"a": "x" * 9_000_000}))),
    "one-huge-member": '{"name": "' + "x" * 9_000_000 + '"}',
    "one-huge-line": json.dumps(TWO[0]) + "\n{" + " " * 9_000_000 + "\n",
    "endless-name": '{"' + "x" * 5_000_000,
    "not-json": "n,x,y\n1,2,3\n",
    "html": "<html><title>Not found</title></html>",
    "not-an-object": "{n: 1}",
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_end_in_an_error_within_limits(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConvertError):
        read_geojson(tmp_path, text, SMALL)


@pytest.mark.parametrize("text", ["", " \n", "\ufeff"])
def test_an_empty_file_has_no_features(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConvertError) as caught:
        read_geojson(tmp_path, text)
    assert caught.value.problem is Problem.NO_FEATURES


def test_a_long_member_behind_the_features_is_let_go(tmp_path: Path) -> None:
    data = json.dumps(collection(*TWO, note="x" * 9_000_000))
    assert read_geojson(tmp_path, data, SMALL).column("n") == ["1", "2"]
