"""Whole runs over files made to exhaust a parser, and over converters that crash, fork, write elsewhere and shout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.convert.sandbox import Converter
from oa_pipeline.errors import Problem
from oa_pipeline_tests.hostile import vrt
from oa_pipeline_tests.process.runs import CSV, LOCAL, Ran, Runs, collection, point
from oa_pipeline_tests.processes import alive, until
from oa_pipeline_tests.servers import Response, serve

ROOT = Path(__file__).resolve().parents[2]
BODY = "oa_pipeline_tests.convert.sandbox.bodies:body"
UNFILTERED = "oa_pipeline_tests.convert.sandbox.unfiltered:body"

# ---- GeoJSON -------------------------------------------------------------------------------------------

GOOD = json.dumps(point(1, 2, n="1"))


def around(*features: str) -> bytes:
    return ('{"type":"FeatureCollection","features":[' + ",".join(features) + "]}").encode()


def deep(levels: int) -> str:
    """A feature with a value of lists in lists."""
    nested = "[" * levels + "]" * levels
    return (
        '{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"n":"deep","d":'
        + nested
        + "}}"
    )


ENDLESS = {
    "nothing but brackets": b"[" * 200_000,
    "brackets in a list of features": around("[" * 200_000),
    "objects without end": b'{"a":' * 100_000,
    "a list that is never closed": around(GOOD)[:-2],
    "a feature that breaks off": around(GOOD, GOOD)[:-40],
    "an absent list": b'{"type":"FeatureCollection"}',
    "another kind of JSON": b'{"error":{"code":500,"message":"no"}}',
}


@pytest.mark.parametrize("name", ENDLESS)
def test_json_that_does_not_end_well_is_a_failure_within_bounds(run: Runs, name: str) -> None:
    ran = run(ENDLESS[name], {"format": "geojson", "number": "n"}, name="data.geojson")
    assert ran.result.outcome.problem in (Problem.CONFORM_FAILED, Problem.NO_FEATURES)
    assert ran.result.outcome.cure
    assert ran.result.outcome.peak_memory < 600 * 2**20
    assert ran.result.outcome.cpu_seconds < 20
    assert set(ran.result.files) == {"log", "index", "cache"}


def test_deep_values_are_read_and_absurdly_deep_ones_are_a_failure_that_says_so(run: Runs) -> None:
    conform = {"format": "geojson", "number": "n", "street": "d"}
    assert run(around(GOOD, deep(100)), conform, name="data.geojson").values("street") == ["", "[" * 100 + "]" * 100]
    for levels in (1_000, 20_000):
        ran = run(around(GOOD, deep(levels), GOOD), conform, name="data.geojson")
        assert ran.result.outcome.problem is Problem.CONFORM_FAILED
        assert "nests deeper" in ran.problem


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity"])
def test_a_coordinate_that_is_no_number_costs_its_feature_and_no_other(run: Runs, number: str) -> None:
    bad = GOOD.replace("[1, 2]", f"[{number}, 2]").replace('"1"', '"bad"')
    assert number in bad
    ran = run(around(GOOD, bad, GOOD), {"format": "geojson", "number": "n"}, name="data.geojson")
    assert ran.values("number") == ["1", "1"]
    assert ran.dropped == {"bad-geometry": 1}


def test_one_feature_of_many_megabytes_is_refused_in_little_memory(run: Runs, tmp_path: Path) -> None:
    path = tmp_path / "huge.geojson"
    with path.open("wb") as file:
        file.write(b'{"type":"FeatureCollection","features":[')
        file.write(b'{"type":"Feature","geometry":null,"properties":{"n":"')
        for _ in range(100):
            file.write(b"x" * 2**20)
        file.write(b'"}}]}')
    ran = run(path, {"format": "geojson", "number": "n"})
    assert ran.result.outcome.problem is Problem.CONFORM_FAILED
    assert "64 MiB" in ran.problem
    assert ran.result.outcome.peak_memory < 600 * 2**20


def test_a_link_to_a_coordinate_system_is_not_followed(run: Runs) -> None:
    with serve(lambda _: Response(200, b"EPSG:25833")) as server:
        crs = {"type": "link", "properties": {"href": f"{server.url}/crs", "type": "proj4"}}
        ran = run.geojson(collection(point(1, 2, n="1"), crs=crs))
        assert server.log == []
    assert ran.places == [[1, 2]]


@pytest.mark.parametrize("kind", ["csv", "geojson", "shapefile", "gdb", "gpkg", "xml", "kml"])
def test_a_virtual_file_is_no_data_of_any_format(run: Runs, tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("x,y,n\n1,2,correct horse\n")
    suffix = {"shapefile": "shp", "xml": "gml"}.get(kind, kind)
    ran = run(vrt(str(secret)), {**CSV, "format": kind}, name=f"data.{suffix}")
    assert ran.result.outcome.problem in (Problem.CONFORM_FAILED, Problem.NO_FEATURES)
    assert "correct horse" not in ran.log + json.dumps(ran.result.index)


# ---- converters that misbehave -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def acting() -> Iterator[Converter]:
    """Converters that do what a data source's `act` says instead of converting."""
    with Converter(body=BODY, path=(ROOT,)) as warm:
        yield warm


@pytest.fixture
def act(acting: Converter, tmp_path: Path) -> Any:
    """Runs a data source whose converter misbehaves."""
    runs = Runs(tmp_path, acting)
    return lambda name, **more: runs(b"x,y,n\n1,2,7\n", CSV, name="data.csv", act=name, **more)


def test_a_crash_is_the_outcome_of_its_run_and_the_next_is_unaffected(act: Any) -> None:
    ran: Ran = act("crash")
    assert ran.result.outcome.problem is Problem.CONFORM_FAILED
    assert "converter died: SIGSEGV" in ran.problem
    assert "SIGSEGV" in ran.log
    assert set(ran.result.files) == {"log", "index", "cache"}
    assert act("threads").problem == ""


def test_a_converter_that_will_not_end_is_ended_and_leaves_no_process(act: Any, tmp_path: Path) -> None:
    ran: Ran = act("hang", settings=replace(LOCAL, convert_seconds=1))
    assert "longer than 1 seconds" in ran.problem
    assert ran.result.outcome.problem is Problem.CONFORM_FAILED
    assert not (ran.folder / "work").exists()


def test_what_a_converter_left_running_ends_with_it(tmp_path: Path) -> None:
    with Converter(body=UNFILTERED, path=(ROOT,)) as unfiltered:
        ran = Runs(tmp_path, unfiltered)(b"x,y,n\n1,2,7\n", CSV, name="data.csv", act="detach")
    left = int(ran.result.outcome.detail)
    until(lambda: not alive(left))


def test_a_converter_writes_nowhere_but_in_its_own_folder(act: Any, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("correct horse")
    ran: Ran = act("look_around", read=str(outside / "secret"), write=str(outside / "new"))
    said = json.loads(ran.result.outcome.detail)
    assert not (outside / "new").exists()
    assert said["write"].startswith("denied")
    assert "up" in ran.result.outcome.walls.values()


def test_what_a_converter_shouts_stays_short_and_cannot_move_the_cursor(act: Any) -> None:
    ran: Ran = act("shout")
    assert "exit status 3" in ran.problem
    written = ran.log + (ran.folder / "index.json").read_text()
    assert len(written) < 80 * 1024
    assert not {c for c in written if ord(c) < 32} - {"\n", "\t"}
    assert "\x1b" not in written
    assert "\x07" not in written


def test_a_lie_instead_of_an_answer_is_a_death(act: Any) -> None:
    for name in ("lie", "link_out"):
        ran: Ran = act(name, read="/etc/passwd")
        assert ran.result.outcome.problem is Problem.CONFORM_FAILED
        assert "root:" not in ran.log
