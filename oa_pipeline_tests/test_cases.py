"""The black-box cases beside the checkout all agree, in-process, through one warm converter for each worker."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.convert.sandbox import Converter
from oa_pipeline.process import process
from oa_pipeline.settings import Settings
from oa_pipeline.sources.parse import parse_source
from oa_pipeline_tests.conftest import SHARED

CASES = SHARED / "cases"
# There the recorded expectation lacks a value that this project publishes.
DROPPED_BY_THE_PEER = {"int-accuracy-not-output": "accuracy", "building-id-not-output": "id"}

if CASES.is_dir():
    sys.path.insert(0, str(CASES / "_tools"))


def _names() -> list[str]:
    return sorted(p.parent.name for p in CASES.glob("*/source.json"))


@pytest.fixture(scope="module")
def converter() -> Iterator[Converter]:
    with Converter() as warm:
        yield warm


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The cases' own stand-in for the web, in a process of its own."""
    command = [sys.executable, str(CASES / "_tools" / "testserver.py"), str(CASES), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        yield running.stdout.readline().split()[-1]
        running.kill()


def _features(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]


def _resolved(node: Any, case: Path, base: str) -> Any:
    text = json.dumps(node, ensure_ascii=False)
    return json.loads(text.replace("@CASE_DIR@", str(case)).replace("@SERVER@", base))


@pytest.mark.skipif(not CASES.is_dir(), reason="no shared/ folder beside this checkout")
@pytest.mark.parametrize("name", _names())
def test_the_case_agrees(name: str, tmp_path: Path, converter: Converter, server: str) -> None:
    import compare

    case = CASES / name
    told = json.loads((case / "case.json").read_text("utf-8"))
    declared = _resolved(json.loads((case / "source.json").read_text("utf-8")), case, server)
    layer = (case / "layer.txt").read_text().strip()
    chosen = (case / "layersource.txt").read_text("utf-8").strip()
    source = parse_source(json.dumps(declared).encode(), "source")
    found = [d for d in source.data_sources if source.schema == 1 or (d.layer, d.name) == (layer, chosen)]

    result = process(
        found[0],
        tmp_path / "out",
        settings=Settings(allow_local_sources=True),
        converter=converter,
        formats=("geojson",),
        plain_geojson=True,
    )

    expected = case / "expected.geojsonl"
    made = tmp_path / "out" / "out.geojson"
    if not expected.exists():
        assert not made.exists()
        assert result.outcome.problem is not None
        wanted = told["state"].get("source problem")
        assert wanted is None or wanted == result.outcome.problem
        return
    assert made.exists(), f"{result.outcome.problem}: {result.outcome.detail}"
    ignored = {DROPPED_BY_THE_PEER[q] for q in told.get("quirks", []) if q in DROPPED_BY_THE_PEER}
    actual = _features(made)
    differences = compare.compare_features(
        _features(expected),
        actual,
        tol=told.get("coord_tol", 1e-9),
        ordered=told.get("ordered", True),
        ignore=ignored,
    )
    assert not differences
    for attribute in ignored:
        assert any(f["properties"].get(attribute) not in (None, "") for f in actual)
