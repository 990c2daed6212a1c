"""Whole runs where the transport or the state of a run misleads others."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from oa_pipeline.cli import oa
from oa_pipeline.errors import Problem
from oa_pipeline.settings import Settings
from oa_pipeline_tests.arcgis import Answer, Layer, error, metadata, point, points, serving, status
from oa_pipeline_tests.hostile import nested_zip, plain_zip
from oa_pipeline_tests.process.runs import CSV, Ran, Runs
from oa_pipeline_tests.servers import Request, Response, serve

GOOD = b"x,y,n\n1,2,7\n"
ESRI = {"format": "geojson", "number": "NUMBER"}


def test_two_data_sources_of_one_layer_write_to_two_folders(tmp_path: Path) -> None:
    made = []
    for name in ("county", "city"):
        (tmp_path / f"{name}.csv").write_text(f"x,y,n\n1,2,{name}\n")
        made.append({"name": name, "protocol": "http", "data": f"file://{tmp_path}/{name}.csv", "conform": CSV})
    source = tmp_path / "somewhere.json"
    source.write_text(json.dumps({"schema": 2, "coverage": {"country": "us"}, "layers": {"addresses": made}}))
    for name in ("county", "city"):
        asked = ["process-one", str(source), str(tmp_path / "out"), "--name", name, "--allow-local"]
        assert CliRunner().invoke(oa, asked).exit_code == 0
    for name in ("county", "city"):
        index = json.loads((tmp_path / "out" / "somewhere" / "addresses" / name / "index.json").read_text())
        assert (index["name"], index["rows"]["written"]) == (name, 1)


# ---- every failure has a problem -----------------------------------------------------------------------


def of_layer(**changes: Any) -> Callable[[Runs], Ran]:
    def ran(run: Runs) -> Ran:
        with serving(Layer(points(5), **changes)) as served:
            return run(served.url, ESRI, protocol="ESRI")

    return ran


def of_bytes(data: bytes, name: str, **more: Any) -> Callable[[Runs], Ran]:
    return lambda run: run(data, CSV, name=name, **more)


FAILURES = {
    "token": (of_layer(intercept=lambda _: error(499, "Token Required")), Problem.TOKEN_REQUIRED),
    "refusal": (of_layer(intercept=lambda _: error(400, "Failed to execute query")), Problem.DOWNLOAD_FAILED),
    "protocol": (of_bytes(GOOD, "data.csv", protocol="gopher"), Problem.UNKNOWN_PROTOCOL),
    "broken zip": (of_bytes(plain_zip({"a.csv": GOOD})[:-30], "d.zip"), Problem.CONFORM_FAILED),
    "zips too deep": (of_bytes(nested_zip(6, data=GOOD), "d.zip"), Problem.CONFORM_FAILED),
    "empty zip": (of_bytes(plain_zip({}), "d.zip"), Problem.CONFORM_FAILED),
    "no rows": (of_bytes(b"x,y,n\n", "data.csv"), Problem.NO_FEATURES),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_run_without_output_always_says_why(run: Runs, name: str) -> None:
    start, problem = FAILURES[name]
    ran = start(run)
    outcome, index = ran.result.outcome, json.loads((ran.folder / "index.json").read_text())
    assert outcome.problem is problem
    assert outcome.detail
    assert index["problem"]["text"] == str(outcome.problem)
    assert not (ran.folder / "out.geojson.gz").exists()
    assert str(outcome.problem) in ran.log


def test_a_compression_that_is_none_of_ours_is_no_obstacle_where_the_content_is_plain(run: Runs) -> None:
    assert run(GOOD, CSV, name="data.csv", compression="7z").values("number") == ["7"]


@pytest.mark.parametrize("code", [499, 500, 502, 503, 599])
def test_the_body_of_an_error_is_never_conformed(run: Runs, code: int) -> None:
    def answer(_: Request) -> Response:
        return Response(code, GOOD, {"Content-Type": "text/csv", "Retry-After": "0"})

    with serve(answer) as server:
        ran = run(f"{server.url}/d.csv", CSV)
    assert ran.result.outcome.problem is Problem.DOWNLOAD_FAILED
    assert str(code) in ran.problem


def test_output_with_an_incomplete_coverage_has_a_warning_and_no_problem(run: Runs) -> None:
    ran = run(GOOD, CSV, name="data.csv")
    assert ran.result.outcome.problem is None
    assert ran.result.index["problem"] is None
    assert "overage" in ran.warnings
    assert ran.values("number") == ["7"]


def test_words_of_a_problem_in_the_data_make_no_problem(run: Runs) -> None:
    words = "; ".join(problem.value for problem in Problem)
    ran = run.csv(f'x,y,n\n1,2,"{words}"\n')
    assert ran.result.outcome.problem is None
    assert ran.values("number") == [words]


def test_a_cell_longer_than_a_csv_field_may_be_is_no_obstacle_from_any_thread(run: Runs) -> None:
    found: list[Ran] = []
    thread = threading.Thread(
        target=lambda: found.append(run.csv("x,y,n,a\n1,2,7," + "z" * 200_000 + "\n", street="a"))
    )
    thread.start()
    thread.join()
    assert found[0].problem == ""
    assert found[0].values("street") == ["z" * 65_536]
    assert found[0].counters["text/cut-cells"] == 1


def test_the_headers_of_the_source_are_sent(run: Runs) -> None:
    with serve(lambda _: Response(200, GOOD)) as server:
        run(f"{server.url}/d.csv", CSV, request={"headers": {"Referer": "https://example.org/map"}})
    assert [request.headers["referer"] for request in server.log] == ["https://example.org/map"]


# ---- pages instead of data -----------------------------------------------------------------------------

LOGIN = b"<!DOCTYPE html>\n<html><head><title>Please sign in</title></head><body>no</body></html>"


@pytest.mark.parametrize("kind", ["csv", "geojson", "shapefile", "gdb", "gpkg", "xml", "kml"])
@pytest.mark.parametrize("compression", [None, "zip"])
def test_a_login_page_is_quoted_whatever_was_expected(run: Runs, kind: str, compression: str | None) -> None:
    conform = {**CSV, "format": kind}
    with serve(lambda _: Response(200, LOGIN, {"Content-Type": "application/zip"})) as server:
        ran = run(f"{server.url}/data.zip", conform, **({"compression": compression} if compression else {}))
    assert ran.result.outcome.problem is Problem.CONFORM_FAILED
    assert "Please sign in" in ran.problem


# ---- layers that lead nowhere --------------------------------------------------------------------------


def same_page(_: dict[str, str]) -> Answer:
    page = {"features": points(2), "exceededTransferLimit": True}
    return 200, json.dumps(page).encode(), {"Content-Type": "application/json"}


NOWHERE: dict[str, Layer] = {
    "the same page for ever": Layer(points(5), metadata(maxRecordCount=2), intercept=same_page),
    "offsets without effect": Layer(points(5), metadata(maxRecordCount=2), ignores=frozenset({"resultOffset"})),
    "a count that was made up": Layer(points(5), metadata(maxRecordCount=2), count=10**12),
    "fewer features than counted": Layer(points(5), count=6),
    "an error with status 200": Layer(points(5), intercept=lambda _: error(400, "Cannot perform query")),
    "pages of html": Layer(points(5), encode=lambda _: LOGIN),
    "an extent and nothing else": Layer(
        points(5), {"extent": {"xmin": 0, "ymin": 0, "xmax": 1, "ymax": 1}}, no_count=True
    ),
    "no access": Layer(points(5), intercept=lambda _: status(403)),
}


@pytest.mark.parametrize("name", NOWHERE)
def test_a_layer_that_leads_nowhere_is_a_failure_and_nothing_partial_is_published(run: Runs, name: str) -> None:
    with serving(NOWHERE[name]) as served:
        ran = run(served.url, ESRI, protocol="ESRI")
        asked = len(served.log)
    assert ran.result.outcome.problem is Problem.DOWNLOAD_FAILED
    assert asked < 60
    assert set(ran.result.files) == {"log", "index"}
    assert not (ran.folder / "out.geojson.gz").exists()


@pytest.mark.parametrize(
    "layer",
    [
        Layer(points(7), metadata(maxRecordCount=1)),
        Layer(list(reversed(points(7)))),
        Layer(points(7), always_exceeded=True),
        Layer([point(i, 1, 2, NUMBER=str(i)) for i in (3, 3, 1, 2, 2, 7, 5)]),
    ],
    ids=["one a page", "unordered ids", "always more", "ids twice"],
)
def test_a_layer_that_is_odd_and_complete_gives_every_row(run: Runs, layer: Layer) -> None:
    with serving(layer) as served:
        ran = run(served.url, ESRI, protocol="ESRI")
    assert ran.problem == ""
    assert len(ran.features) == 7


def test_a_server_on_this_machine_sees_no_request_unless_local_sources_are_allowed(run: Runs) -> None:
    with serve(lambda _: Response(200, GOOD)) as server:
        ran = run(f"{server.url}/d.csv", CSV, settings=Settings())
    assert ran.result.outcome.problem is Problem.REFUSED
    assert server.log == []
