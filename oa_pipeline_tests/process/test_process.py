"""One data source from its address to its files: what a run leaves, and how each kind of failure ends."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from pyogrio.raw import write

from oa_pipeline.convert.sandbox import Converter
from oa_pipeline.errors import Problem
from oa_pipeline.process import Result, process
from oa_pipeline.settings import Settings
from oa_pipeline.sources.model import DataSource
from oa_pipeline.sources.parse import parse_source
from oa_pipeline_tests.servers import Request, Response, serve

LOCAL = Settings(allow_local_sources=True)
CSV = "lon,lat,n,s,extra\n-122.1,37.5,1,Main St,x\n-122.2,37.6,2,Oak Ave,\n,,3,Elm St,y\n"


@pytest.fixture(scope="module")
def converter() -> Iterator[Converter]:
    with Converter() as warm:
        yield warm


def declared(data: str, **changes: Any) -> dict[str, Any]:
    conform = {"format": "csv", "lon": "lon", "lat": "lat", "number": "n", "street": "s"}
    return {"name": "county", "protocol": "http", "data": data, "conform": conform, **changes}


def parsed(one: dict[str, Any], coverage: dict[str, Any] | None = None) -> DataSource:
    held = {"schema": 2, "coverage": coverage or {"country": "us", "US Census": {"geoid": "06001"}}}
    source = parse_source(json.dumps({**held, "layers": {"addresses": [one]}}).encode(), "us/ca/alameda")
    return source.data_sources[0]


@pytest.fixture
def local(tmp_path: Path) -> str:
    path = tmp_path / "data.csv"
    path.write_text(CSV)
    return f"file://{path}"


def run(data_source: DataSource, folder: Path, converter: Converter, **options: Any) -> Result:
    return process(data_source, folder, settings=options.pop("settings", LOCAL), converter=converter, **options)


def features(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress((folder / "out.geojson.gz").read_bytes()).splitlines()]


def test_a_run_leaves_every_output_and_says_so_in_its_index(local: str, tmp_path: Path, converter: Converter) -> None:
    folder = tmp_path / "out"
    result = run(parsed(declared(local)), folder, converter)

    index = json.loads((folder / "index.json").read_text())
    assert index["problem"] is None
    assert index["rows"] == {"read": 3, "written": 3, "dropped": {}, "kept for geojson only": {"no-geometry": 1}}
    assert index["fields filled"]["street"] == 3
    assert set(index["outputs"]) == {"geojson", "csv", "parquet", "sample"}
    for output in index["outputs"].values():
        assert (folder / output["file"]).stat().st_size == output["size"]
    assert {p.name for p in folder.iterdir()} == {path.name for path in result.files.values()}
    assert [f["properties"]["number"] for f in features(folder)] == ["1", "2", "3"]


def test_plain_geojson_has_the_same_lines(local: str, tmp_path: Path, converter: Converter) -> None:
    run(parsed(declared(local)), tmp_path / "packed", converter)
    run(parsed(declared(local)), tmp_path / "plain", converter, plain_geojson=True)

    packed = gzip.decompress((tmp_path / "packed" / "out.geojson.gz").read_bytes())
    assert (tmp_path / "plain" / "out.geojson").read_bytes() == packed
    assert not (tmp_path / "plain" / "out.geojson.gz").exists()


def test_the_csv_holds_only_what_can_be_drawn(local: str, tmp_path: Path, converter: Converter) -> None:
    folder = tmp_path / "out"
    run(parsed(declared(local)), folder, converter)

    with zipfile.ZipFile(folder / "alameda.zip") as archive:
        assert archive.testzip() is None
        member = next(n for n in archive.namelist() if n.endswith("alameda.csv"))
        rows = list(csv.DictReader(io.StringIO(archive.read(member).decode())))
    assert [(r["LON"], r["LAT"], r["NUMBER"]) for r in rows] == [("-122.1", "37.5", "1"), ("-122.2", "37.6", "2")]


def test_the_sample_is_of_the_publishers_own_columns(local: str, tmp_path: Path, converter: Converter) -> None:
    run(parsed(declared(local)), tmp_path / "out", converter)

    sample = json.loads((tmp_path / "out" / "sample.json").read_text())
    assert sample[0] == ["lon", "lat", "n", "s", "extra"]
    assert sample[1] == ["-122.1", "37.5", "1", "Main St", "x"]


def test_the_same_input_gives_the_same_bytes(local: str, tmp_path: Path, converter: Converter) -> None:
    data_source = parsed(declared(local))
    with Converter() as other:
        run(data_source, tmp_path / "one", converter)
        run(data_source, tmp_path / "two", other)

    for name in ("out.geojson.gz", "alameda.zip", "out.parquet", "sample.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_another_order_of_rows_and_another_unused_column_leave_the_hashes(tmp_path: Path, converter: Converter) -> None:
    header, *rows = CSV.splitlines()
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "b.csv").write_text("\r\n".join([header.replace("extra", "other"), *reversed(rows)]))
    found = []
    for name in ("a", "b"):
        result = run(parsed(declared(f"file://{tmp_path / name}.csv")), tmp_path / name, converter)
        found.append((result.outcome.content_hash, sorted(f["properties"]["hash"] for f in features(tmp_path / name))))

    assert found[0] == found[1]


def test_a_skipped_source_is_not_downloaded(tmp_path: Path, converter: Converter) -> None:
    with serve(lambda _: Response(body=CSV.encode())) as server:
        result = run(parsed(declared(f"{server.url}/a.csv", skip=True)), tmp_path / "out", converter)

    assert server.log == []
    assert result.outcome.problem is Problem.SKIPPED
    assert result.index["skipped"] is True


def test_a_failing_acceptance_test_stops_everything_before_the_download(tmp_path: Path, converter: Converter) -> None:
    test = {"acceptance-tests": [{"description": "strips", "inputs": {"n": "1"}, "expected": {"number": "2"}}]}
    with serve(lambda _: Response(body=CSV.encode())) as server:
        result = run(parsed(declared(f"{server.url}/a.csv", test=test)), tmp_path / "out", converter)

    assert server.log == []
    assert result.outcome.problem is Problem.TEST_FAILED
    assert result.index["tests"]["passed"] is False
    assert "strips" in result.outcome.detail


def test_passing_acceptance_tests_are_recorded(local: str, tmp_path: Path, converter: Converter) -> None:
    test = {
        "acceptance-tests": [{"description": "plain", "inputs": {"n": "1", "s": "Main"}, "expected": {"number": "1"}}]
    }
    result = run(parsed(declared(local, test=test)), tmp_path / "out", converter)

    assert result.outcome.problem is None
    assert result.index["tests"]["passed"] is True


def test_without_a_conform_the_download_is_kept_and_the_cure_told(
    local: str, tmp_path: Path, converter: Converter
) -> None:
    one = declared(local)
    del one["conform"]
    result = run(parsed(one), tmp_path / "out", converter)

    assert result.outcome.problem is Problem.NO_CONFORM
    assert result.outcome.cure
    assert result.files["cache"].read_text() == CSV


@pytest.mark.parametrize(
    ("status", "transient"), [(404, False), (403, False), (500, True), (503, True), (499, False)], ids=str
)
def test_an_http_error_is_never_data(status: int, transient: bool, tmp_path: Path, converter: Converter) -> None:
    def answer(_: Request) -> Response:
        return Response(status, CSV.encode(), {"Retry-After": "0"})

    with serve(answer) as server:
        result = run(parsed(declared(f"{server.url}/a.csv")), tmp_path / "out", converter)

    assert result.outcome.problem is Problem.DOWNLOAD_FAILED
    assert str(status) in result.outcome.detail
    assert result.transient is transient
    assert not (tmp_path / "out" / "out.geojson.gz").exists()


def test_a_login_page_is_quoted(tmp_path: Path, converter: Converter) -> None:
    page = b"<!DOCTYPE html><html><head><title>Please sign in</title></head><body>no</body></html>"
    with serve(lambda _: Response(200, page, {"Content-Type": "text/html"})) as server:
        result = run(parsed(declared(f"{server.url}/a.csv")), tmp_path / "out", converter)

    assert result.outcome.problem is Problem.CONFORM_FAILED
    assert "Please sign in" in result.outcome.detail


def test_local_files_are_refused_unless_allowed(local: str, tmp_path: Path, converter: Converter) -> None:
    result = run(parsed(declared(local)), tmp_path / "out", converter, settings=Settings())

    assert result.outcome.problem is Problem.REFUSED
    assert "OA_ALLOW_LOCAL_SOURCES" in str(result.outcome.detail + result.outcome.cure)


def test_incomplete_coverage_is_a_warning_only(local: str, tmp_path: Path, converter: Converter) -> None:
    result = run(parsed(declared(local), {"country": "us"}), tmp_path / "out", converter)

    assert result.outcome.problem is None
    assert any("coverage" in w for w in result.index["warnings"])


def test_a_missing_column_is_reported_with_the_closest(tmp_path: Path, converter: Converter) -> None:
    (tmp_path / "a.csv").write_text("lon,lat,HOUSE_NO,s\n1,2,3,x\n")
    one = declared(f"file://{tmp_path}/a.csv")
    one["conform"]["number"] = "HOUSENO"
    result = run(parsed(one), tmp_path / "out", converter)

    assert result.outcome.problem is None
    assert any("HOUSENO" in w and "HOUSE_NO" in w for w in result.index["warnings"])


def test_most_rows_bad_fails_with_cause_and_cure_and_leaves_no_outputs(tmp_path: Path, converter: Converter) -> None:
    (tmp_path / "a.csv").write_text("lon,lat,n,s\n" + "here,there,1,x\n" * 6 + "1,2,1,x\n" * 4)
    result = run(parsed(declared(f"file://{tmp_path}/a.csv")), tmp_path / "out", converter)

    assert result.outcome.problem is Problem.CONFORM_FAILED
    assert "6 of 10 rows" in result.outcome.detail
    assert result.outcome.cure
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"cache.csv", "index.json", "output.txt"}


def test_a_failure_after_a_success_leaves_nothing_of_it(local: str, tmp_path: Path, converter: Converter) -> None:
    folder = tmp_path / "out"
    run(parsed(declared(local)), folder, converter)
    broken = declared(local)
    broken["conform"]["lon"] = "nowhere"
    result = run(parsed(broken), folder, converter)

    assert result.outcome.problem is Problem.CONFORM_FAILED
    assert not (folder / "out.geojson.gz").exists()


def test_a_converter_past_its_limit_is_the_sources_problem_not_ours(tmp_path: Path, converter: Converter) -> None:
    (tmp_path / "a.csv").write_text("lon,lat,n,s\n" + f"1,2,3,{'a' * 40}!\n")
    one = declared(f"file://{tmp_path}/a.csv")
    one["conform"]["street"] = {"function": "regexp", "field": "s", "pattern": "^(a+)+$"}
    result = run(parsed(one), tmp_path / "out", converter, settings=replace(LOCAL, convert_cpu_seconds=20))

    assert result.outcome.problem is Problem.CONFORM_FAILED
    assert "slow" in result.outcome.detail or "CPU" in result.outcome.detail


def test_a_second_addresses_data_source_names_its_csv_after_itself(tmp_path: Path, converter: Converter) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    one = declared(f"file://{tmp_path}/a.csv")
    held = {"schema": 2, "coverage": {"country": "us"}, "layers": {"addresses": [one, {**one, "name": "city"}]}}
    second = parse_source(json.dumps(held).encode(), "us/ca/alameda").data_sources[1]
    result = run(second, tmp_path / "out", converter)

    assert result.files["csv"].name == "alameda-city.zip"


def test_the_log_tells_the_story_without_secrets(tmp_path: Path, converter: Converter) -> None:
    with serve(lambda _: Response(body=CSV.encode(), headers={"Content-Type": "text/csv"})) as server:
        run(parsed(declared(f"{server.url}/a.csv?token=sentinel")), tmp_path / "out", converter)

    log = (tmp_path / "out" / "output.txt").read_text()
    assert "rows/written: 3" in log
    assert "sentinel" not in log
    assert "sentinel" not in (tmp_path / "out" / "index.json").read_text()


def test_where_several_layers_could_be_meant_the_one_read_is_named(tmp_path: Path, converter: Converter) -> None:
    path, points = tmp_path / "a.gpkg", shapely.to_wkb(shapely.points([[1.0, 2.0], [3.0, 4.0]]))
    for name in ("Roads", "Addresses"):
        values, how = [np.array(["1", "2"], dtype=object)], {"geometry_type": "Point", "crs": "EPSG:4326"}
        write(path, points, values, ["n"], driver="GPKG", layer=name, append=path.exists(), **how)
    one = {**declared(f"file://{path}"), "conform": {"format": "gpkg", "number": "n", "street": "n"}}
    warned = run(parsed(one), tmp_path / "one", converter).outcome.warnings
    one["conform"]["layer"] = "Addresses"
    named = run(parsed(one), tmp_path / "two", converter).outcome

    assert "there is no `layer`: Roads is read, and not Addresses" in warned
    assert (named.rows, [said for said in named.warnings if "`layer`" in said]) == (2, [])


def test_rows_that_are_all_the_same_are_told(tmp_path: Path, converter: Converter) -> None:
    for rows, alike in ((["1,2,3,x"] * 40_000, True), ([*["1,2,3,x"] * 40_000, "1,2,4,x"], False)):
        (tmp_path / "a.csv").write_text("\n".join(["lon,lat,n,s", *rows]))
        outcome = run(parsed(declared(f"file://{tmp_path}/a.csv")), tmp_path / "out", converter).outcome

        assert outcome.problem is None
        assert any("rows are the same" in warning for warning in outcome.warnings) is alike


def test_the_index_tells_when_and_with_what(local: str, tmp_path: Path, converter: Converter) -> None:
    index = run(parsed(declared(local)), tmp_path / "out", converter).index

    assert datetime.fromisoformat(index["started"]).tzinfo is not None
    assert {"download", "rows", "convert", "total"} <= set(index["seconds"])
    assert {"oa_pipeline", "python", "polars", "gdal", "geos", "proj"} <= set(index["versions"])


def test_tests_that_passed_are_recorded_also_where_the_download_failed(tmp_path: Path, converter: Converter) -> None:
    test = {"acceptance-tests": [{"description": "plain", "inputs": {"n": "1"}, "expected": {"number": "1"}}]}
    result = run(parsed(declared(f"file://{tmp_path}/absent.csv", test=test)), tmp_path / "out", converter)

    assert result.outcome.problem is Problem.DOWNLOAD_FAILED
    assert result.index["tests"]["passed"] is True
