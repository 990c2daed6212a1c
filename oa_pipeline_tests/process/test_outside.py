"""Rows outside of the declared coverage, seen by whole runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import shapely

from oa_pipeline.convert.sandbox import Converter
from oa_pipeline.convert.task import Outcome, Output
from oa_pipeline.process import outside, process
from oa_pipeline.sources.parse import parse_source
from oa_pipeline_tests.process.runs import CSV, LOCAL

ROWS = "x,y,n\n-122.1,37.7,1\n-122.0,37.6,2\n-73.9,40.7,3\n0,0,4\n"


def ran(tmp_path: Path, warm: Converter, coverage: dict[str, Any], rows: str = ROWS, layer: str = "addresses") -> Any:
    given = tmp_path / "data.csv"
    given.write_text(rows)
    conform = CSV if layer == "addresses" else {"format": "csv", "lon": "x", "lat": "y"}
    one = {"name": "county", "protocol": "http", "data": f"file://{given}", "conform": conform}
    held = {"schema": 2, "coverage": coverage, "layers": {layer: [one]}}
    source = parse_source(json.dumps(held).encode(), "us/ca/somewhere").data_sources[0]
    return process(source, tmp_path / "out", settings=LOCAL, converter=warm)


def test_rows_outside_are_counted_and_told_and_the_run_is_good(tmp_path: Path, warm: Converter) -> None:
    result = ran(tmp_path, warm, {"country": "us", "US Census": {"geoid": "06001"}})
    assert result.outcome.problem is None
    assert result.outcome.counters[outside.COUNTER] == 1  # 0, 0 is no place at all
    said = "rows outside of the declared coverage, Alameda (06001): 1"
    assert said in result.outcome.warnings
    assert result.index["counters"][outside.COUNTER] == 1
    assert said in (tmp_path / "out" / "output.txt").read_text()


@pytest.mark.parametrize(
    ("coverage", "layer"),
    [
        pytest.param({"ISO 3166": {"alpha2": "US"}}, "addresses", id="all rows are within"),
        pytest.param({"country": "us"}, "addresses", id="nothing is declared"),
        pytest.param({"US Census": {"geoid": "123456"}}, "addresses", id="what is declared is nothing"),
        pytest.param({"US Census": {"geoid": "06001"}}, "buildings", id="a layer whose rows are not counted by square"),
    ],
)
def test_nothing_is_told_where_nothing_is_known(
    tmp_path: Path, warm: Converter, coverage: dict[str, Any], layer: str
) -> None:
    result = ran(tmp_path, warm, coverage, layer=layer)
    assert result.outcome.problem is None
    assert outside.COUNTER not in result.outcome.counters
    assert not [one for one in result.outcome.warnings if "outside" in one]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no zip", None])
def test_a_zip_that_cannot_be_read_ends_nothing(tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / "x.zip").write_bytes(data)
    held = {
        "schema": 2,
        "coverage": {"US Census": {"geoid": "06001"}},
        "layers": {"addresses": [{"name": "a", "data": "http://h.example/x"}]},
    }
    source = parse_source(json.dumps(held).encode(), "us/ca/x").data_sources[0]
    outcome = Outcome(None, outputs={"csv": Output("x.zip", 1, "0", 1)}, bounds=(0.0, 0.0, 1.0, 1.0))
    assert outside.told(source, outcome, tmp_path) is outcome


def test_a_shape_that_cannot_be_reckoned_with_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = {
        "schema": 2,
        "coverage": {"geometry": {"type": "Polygon", "coordinates": [[[8, 8], [9, 8], [9, 9], [8, 8]]]}},
        "layers": {"addresses": [{"name": "a", "data": "http://h.example/x"}]},
    }
    source = parse_source(json.dumps(held).encode(), "zz/x").data_sources[0]
    outcome = Outcome(None, outputs={"csv": Output("x.zip", 1, "0", 1)}, bounds=(0.0, 0.0, 1.0, 1.0))

    def fails(*_: Any) -> Any:
        raise shapely.errors.GEOSException("side location conflict")

    monkeypatch.setattr(shapely, "buffer", fails)
    assert outside.told(source, outcome, tmp_path) is outcome
