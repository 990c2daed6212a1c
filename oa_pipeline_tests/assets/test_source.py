"""The asset on real samples: real conversion, real PostgreSQL, a store in a folder, Dagster in this process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import (
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    ExecuteInProcessResult,
    RunConfig,
    TableMetadataValue,
    materialize,
)

from oa_pipeline.assets import source as module
from oa_pipeline.assets.source import PARTITIONS, SourceConfig, source
from oa_pipeline.automation.lost import end_lost_runs
from oa_pipeline.automation.partitions import sync
from oa_pipeline.ledger import queries
from oa_pipeline.ledger.runs import Opening, open_run
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.samples import install
from oa_pipeline.settings import Settings
from oa_pipeline_tests.mapless import MAPLESS

IN_A_PROCESS = """
import sys
from dagster import DagsterInstance, materialize
from oa_pipeline.assets.source import PARTITIONS, source
from oa_pipeline.orchestration.workplace import Workplace
with DagsterInstance.ephemeral() as instance:
    instance.add_dynamic_partitions(PARTITIONS, [sys.argv[1]])
    materialize([source], partition_key=sys.argv[1], instance=instance, resources={"workplace": Workplace()})
"""
HARBOUR = "xx/harbour/addresses/city"
BROKEN = "xx/broken/addresses/city"
CSV = {"format": "csv", "lon": "x", "lat": "y", "number": "n", "street": "s"}


@pytest.fixture
def workplace(database: str, tmp_path: Path) -> Workplace:
    return Workplace(
        Settings(
            home=tmp_path / "home",
            database_url=database,
            sources=str(install(tmp_path / "repository")),
            allow_local_sources=True,
            **MAPLESS,
        )
    )


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


class Unwell(BaseHTTPRequestHandler):
    """Answers that it is unwell, and that one may try again at once."""

    def do_GET(self) -> None:
        self.send_response(503)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def unwell() -> Iterator[str]:
    """The address of a server that has a bad day."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Unwell) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def run(workplace: Workplace, instance: DagsterInstance) -> Any:
    """Carries out a run of one partition after a look at the repository."""

    def go(key: str, *, force: bool = False, at: Workplace | None = None) -> ExecuteInProcessResult:
        sync(at or workplace, instance)
        return materialize(
            [source],
            partition_key=key,
            instance=instance,
            resources={"workplace": at or workplace},
            run_config=RunConfig({"source": SourceConfig(force=force)}),
            raise_on_error=False,
        )

    return go


def add(workplace: Workplace, name: str, data: str, **more: Any) -> str:
    """A further source in the repository; gives its key."""
    one = {"name": "city", "protocol": "http", "data": data, "conform": CSV, **more}
    text = {"schema": 2, "coverage": {"country": "xx"}, "layers": {"addresses": [one]}}
    (Path(workplace.settings.sources) / f"sources/xx/{name}.json").write_text(json.dumps(text))
    return f"xx/{name}/addresses/city"


def data_version(result: ExecuteInProcessResult) -> str | None:
    (event,) = result.asset_materializations_for_node("source")
    return (event.tags or {}).get("dagster/data_version")


def metadata(result: ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node("source")
    return {
        name: value.records if isinstance(value, TableMetadataValue) else value.value
        for name, value in event.metadata.items()
    }


def checks(result: ExecuteInProcessResult) -> dict[str, bool]:
    return {e.check_name: e.passed for e in result.get_asset_check_evaluations()}


def failure(result: ExecuteInProcessResult) -> str:
    (event,) = [e for e in result.all_events if e.event_type == DagsterEventType.STEP_FAILURE]
    error = event.step_failure_data.error
    assert error is not None
    return f"{error.message} {event.step_failure_data.user_failure_data}"


def latest(engine: sa.Engine, key: str) -> dict[str, Any]:
    return dict(queries.latest_runs(engine, [key])[key])


def test_a_source_is_published_and_shows_what_a_person_wants_to_see(
    run: Any, workplace: Workplace, engine: sa.Engine
) -> None:
    result = run(HARBOUR)
    assert result.success
    row = latest(engine, HARBOUR)
    assert (row["status"], row["rows"], row["tests_passed"], row["copy_of"]) == ("succeeded", 239, True, None)
    number = row["id"]
    keys = {found.key for found in workplace.store().list()}
    assert keys == {
        f"runs/{number}/{name}"
        for name in (
            "cache.csv", "index.json", "out.geojson.gz", "out.parquet", "output.txt", "sample.json", "xx/harbour.zip",
        )
    }  # fmt: skip
    shown = metadata(result)
    assert (shown["dagster/row_count"], shown["rows read"], shown["rows dropped"]) == (239, 240, 1)
    assert (shown["status"], shown["licence"]) == ("succeeded", "Public domain")
    assert [r.data for r in shown["dropped by cause"]] == [{"cause": "bad-coordinates", "rows": 1}]
    shares = {r.data["field"]: r.data["share"] for r in shown["fields filled"]}
    assert (shares["street"], shares["unit"]) == ("100.0%", "not mapped")
    assert shown["sample"][0].data["STREET"] == "Anchor Lane"
    assert Path(shown["GeoJSON"]).is_file()
    assert {r.data["file"]: r.data["bytes"] for r in shown["sizes"]}["GeoJSON"] == Path(shown["GeoJSON"]).stat().st_size
    stages = [r.data["stage"] for r in shown["seconds by stage"]]
    assert (stages[0], stages[-2:]) == ("download", ["publish", "total"])
    assert "in GeoJSON only" not in shown, "an empty table tells nothing"
    assert checks(result) == {
        "acceptance_tests": True, "declared_coverage": True, "not_empty": True, "number_and_street": True,
        "publication_gate": True,
    }  # fmt: skip
    assert list((workplace.settings.home / "work").iterdir()) == []


def test_maps_of_a_run_are_stored_recorded_and_shown_and_kept_while_nothing_changes(
    run: Any, workplace: Workplace, engine: sa.Engine
) -> None:
    drawing = Workplace(replace(workplace.settings, previews=True, slippy_maps=True))
    result = run(HARBOUR, at=drawing)
    row = latest(engine, HARBOUR)
    outputs, number = row["outputs"], row["id"]
    assert (outputs["preview"]["key"], outputs["preview"]["content_type"]) == (
        f"runs/{number}/preview.png",
        "image/png",
    )
    assert outputs["pmtiles"]["key"] == f"runs/{number}/slippymap.pmtiles"
    assert (outputs["pmtiles"]["rows"], outputs["pmtiles"]["content_type"]) == (239, "application/vnd.pmtiles")
    assert workplace.store().size(outputs["pmtiles"]["key"]) == outputs["pmtiles"]["size"]
    assert {"preview", "tiles"} <= set(row["seconds"])
    shown = metadata(result)
    assert shown["map"].startswith("![where its rows are](data:image/png;base64,")
    assert len(shown["map"]) < 32 * 1024
    assert {"preview", "slippy map"} <= set(shown)

    run(HARBOUR, at=drawing)
    again = latest(engine, HARBOUR)
    assert (again["copy_of"], again["outputs"]) == (number, outputs)


def test_a_run_whose_maps_cannot_be_made_is_published_and_says_so(
    run: Any, workplace: Workplace, engine: sa.Engine
) -> None:
    settings = replace(workplace.settings, previews=True, slippy_maps=True, tippecanoe="/nowhere/tippecanoe")
    result = run(HARBOUR, at=Workplace(settings))
    assert result.success
    row = latest(engine, HARBOUR)
    assert row["status"] == "succeeded"
    assert "pmtiles" not in row["outputs"]
    assert "preview" in row["outputs"]
    assert any("There is no slippy map: there is no program" in warning for warning in row["warnings"])
    assert "There is no slippy map" in metadata(result)["warnings"]


def test_the_log_of_a_run_is_its_standard_output(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(HARBOUR)
    assert "done: 239 rows" in capsys.readouterr().out


def test_an_unchanged_source_is_what_it_was_and_is_not_converted_again(run: Any, engine: sa.Engine) -> None:
    first = run(HARBOUR)
    one = latest(engine, HARBOUR)
    second = run(HARBOUR)
    two = latest(engine, HARBOUR)
    third = run(HARBOUR)
    three = latest(engine, HARBOUR)
    assert data_version(first) == data_version(second) == data_version(third)
    assert (two["copy_of"], three["copy_of"]) == (one["id"], one["id"])
    assert two["outputs"] == one["outputs"]
    assert metadata(second)["status"] == f"unchanged since run {one['id']}"
    assert metadata(second)["sample"] == metadata(first)["sample"]
    assert two["seconds"] == {}
    assert queries.latest_good_run(engine, HARBOUR)["id"] == three["id"]  # type: ignore[index]


def test_a_new_time_stamp_with_the_same_bytes_is_no_change(run: Any, workplace: Workplace, engine: sa.Engine) -> None:
    data = workplace.settings.home.parent / "x.csv"
    data.write_text("n,s,x,y\n1,A,2,3\n")
    key = add(workplace, "own", data.as_uri())
    first = run(key)
    data.write_text("n,s,x,y\n1,A,2,3\n")
    second = run(key)
    assert latest(engine, key)["copy_of"] is not None
    assert data_version(first) == data_version(second)


@pytest.mark.parametrize("what", ["force", "source file", "object deleted"])
def test_it_is_converted_again_when_asked_or_when_the_result_would_not_stand(
    run: Any, workplace: Workplace, engine: sa.Engine, what: str
) -> None:
    first = run(HARBOUR)
    if what == "source file":
        path = Path(workplace.settings.sources) / "sources/xx/harbour.json"
        path.write_text(path.read_text().replace('"postcode": "ZIP"', '"postcode": "ZIP", "city": "STREET"'))
    if what == "object deleted":
        Path(workplace.store().location, latest(engine, HARBOUR)["outputs"]["csv"]["key"]).unlink()
    second = run(HARBOUR, force=what == "force")
    assert latest(engine, HARBOUR)["copy_of"] is None
    assert (data_version(first) == data_version(second)) is (what != "source file")


def test_the_second_addresses_of_a_file_have_a_csv_of_their_own(
    run: Any, workplace: Workplace, engine: sa.Engine
) -> None:
    data = workplace.settings.home.parent / "x.csv"
    data.write_text("n,s,x,y\n1,A,2,3\n")
    path = Path(workplace.settings.sources) / "sources/xx/two.json"
    both = [{"name": name, "protocol": "http", "data": data.as_uri(), "conform": CSV} for name in ("one", "two")]

    def csv_of(name: str) -> list[str]:
        run(f"xx/two/addresses/{name}")
        stored = latest(engine, f"xx/two/addresses/{name}")["outputs"]["csv"]["key"]
        with zipfile.ZipFile(Path(workplace.store().location, stored)) as held:
            return [member for member in held.namelist() if member.endswith(".csv") and "summary" not in member]

    for order, expected in ((both, "xx/two-two.csv"), (both[1:], "xx/two.csv")):
        text = {"schema": 2, "coverage": {"country": "xx"}, "layers": {"addresses": order}}
        path.write_text(json.dumps(text))
        assert csv_of("two") == [expected], "also once it has become the first"


def test_a_source_at_fault_fails_with_problem_and_cure_and_keeps_the_last_result(
    run: Any, workplace: Workplace, engine: sa.Engine
) -> None:
    data = workplace.settings.home.parent / "x.csv"
    data.write_text("n,s,x,y\n1,A,2,3\n")
    key = add(workplace, "own", data.as_uri())
    run(key)
    good = latest(engine, key)
    data.unlink()
    result = run(key)
    assert not result.success
    row = latest(engine, key)
    assert (row["status"], row["problem"]) == ("failed", "Could not download source data")
    assert str(row["problem"]) in failure(result)
    assert queries.latest_good_run(engine, key)["id"] == good["id"]  # type: ignore[index]
    assert workplace.store().exists(f"runs/{row['id']}/output.txt")


def test_the_broken_sample_says_what_to_do(run: Any, engine: sa.Engine) -> None:
    result = run(BROKEN)
    assert not result.success
    row = latest(engine, BROKEN)
    assert row["status"] == "failed"
    assert row["cure"]
    assert row["cure"] in failure(result)


def test_a_failed_acceptance_test_is_a_failed_check(run: Any, workplace: Workplace, engine: sa.Engine) -> None:
    path = Path(workplace.settings.sources) / "sources/xx/harbour.json"
    path.write_text(path.read_text().replace('"street": "Anchor Lane",\n', '"street": "Anker Lane",\n'))
    result = run(HARBOUR)
    assert not result.success
    assert latest(engine, HARBOUR)["problem"] == "An acceptance test failed"
    assert checks(result) == {"acceptance_tests": False}


def test_addresses_without_number_and_street_fail_their_check(run: Any, workplace: Workplace) -> None:
    data = workplace.settings.home.parent / "x.csv"
    data.write_text("other,x,y\n1,2,3\n")
    assert not checks(run(add(workplace, "own", data.as_uri())))["number_and_street"]


def test_rows_outside_of_the_declared_coverage_fail_their_check(run: Any, workplace: Workplace) -> None:
    data = workplace.settings.home.parent / "x.csv"
    data.write_text("n,s,x,y\n1,a,9.52,47.14\n2,a,9.53,47.15\n3,a,2.35,48.85\n")
    key = add(workplace, "away", data.as_uri())
    path = Path(workplace.settings.sources) / "sources/xx/away.json"
    path.write_text(path.read_text().replace('"country": "xx"', '"ISO 3166": {"alpha2": "LI"}'))
    result = run(key)
    assert not checks(result)["declared_coverage"]
    (said,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "declared_coverage"]
    assert said.description.startswith("rows outside of the declared coverage, Liechtenstein (LI): 1; see whether")
    assert said.metadata["rows outside"].value == 1


def test_a_source_that_says_to_skip_is_green_and_has_no_result(
    run: Any, workplace: Workplace, engine: sa.Engine
) -> None:
    key = add(workplace, "own", "https://example.com/x.csv", skip=True)
    result = run(key)
    assert result.success
    assert data_version(result) == "skipped"
    assert latest(engine, key)["status"] == "skipped"
    assert queries.latest_good_run(engine, key) is None


def test_what_may_work_later_is_tried_twice_more(
    run: Any, workplace: Workplace, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, unwell: str
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.0)
    key = add(workplace, "own", f"{unwell}/x.csv")
    result = run(key)
    assert not result.success
    assert [row["attempt"] for row in queries.history(engine, key)] == [2, 1, 0]
    assert {row["status"] for row in queries.history(engine, key)} == {"failed"}


def test_our_own_failure_is_recorded_as_ours_and_raises(run: Any, workplace: Workplace, engine: sa.Engine) -> None:
    blocked = workplace.settings.home / "store"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where the folder should be")
    result = run(HARBOUR)
    assert not result.success
    row = latest(engine, HARBOUR)
    assert (row["status"], row["problem"]) == ("failed", "The pipeline failed, not the source")
    assert "OA_STORE" in row["cure"]


def test_the_deadline_ends_a_run_as_a_failure_that_is_not_retried(
    run: Any, workplace: Workplace, engine: sa.Engine, silent: str
) -> None:
    late = replace(workplace, given=replace(workplace.settings, deadline_seconds=1))
    key = add(workplace, "own", f"{silent}/x.csv")
    result = run(key, at=late)
    assert not result.success
    (row,) = queries.history(engine, key)
    assert (row["status"], row["problem"]) == ("failed", "Could not download source data")
    assert "still at its download" in row["detail"]


def test_a_run_that_is_overtaken_stops_and_publishes_nothing(
    run: Any, workplace: Workplace, engine: sa.Engine, silent: str
) -> None:
    key = add(workplace, "own", f"{silent}/x.csv")
    quick = replace(workplace, beat_seconds=0.2)

    def overtake() -> None:
        for _ in range(600):
            if queries.running(engine):
                break
            time.sleep(0.05)
        open_run(engine, Opening(key), now=datetime.now(UTC))

    other = threading.Thread(target=overtake)
    other.start()
    result = run(key, at=quick)
    other.join()
    assert "took over" in failure(result)
    newer, older = queries.history(engine, key)
    assert (older["status"], older["successor"], newer["status"]) == ("lost", newer["id"], "running")
    assert list(workplace.store().list()) == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["told to stop", "killed"])
def test_a_run_that_is_stopped_leaves_a_true_ledger_and_no_process(
    run: Any, workplace: Workplace, engine: sa.Engine, instance: DagsterInstance, silent: str, how: signal.Signals
) -> None:
    key = add(workplace, "own", f"{silent}/x.csv")
    sync(workplace, instance)
    settings = workplace.settings
    environment = {
        **os.environ, "OA_HOME": str(settings.home), "OA_DATABASE_URL": settings.database_url,
        "OA_SOURCES": settings.sources, "OA_ALLOW_LOCAL_SOURCES": "1",
    }  # fmt: skip
    child = subprocess.Popen([sys.executable, "-c", IN_A_PROCESS, key], env=environment, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not queries.running(engine) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.5)
        child.send_signal(how)
        child.wait(60)
    finally:
        child.kill()
        child.wait()
    (row,) = queries.history(engine, key)
    if how is signal.SIGTERM:
        assert (row["status"], row["detail"]) == ("cancelled", "the run was told to stop")
        return
    assert row["status"] == "running"
    # The sensor ends it, as Dagster no longer has the run.
    assert end_lost_runs(instance, engine) == [row["id"]]
    assert latest(engine, key)["status"] == "lost"


def test_the_pieces_of_dagsters_events_are_few(run: Any, instance: DagsterInstance) -> None:
    result = run(HARBOUR)
    logs = instance.all_logs(result.run_id)
    assert sum(1 for entry in logs if not entry.is_dagster_event) <= 12
    assert instance.get_latest_materialization_event(AssetKey("source")) is not None
    assert PARTITIONS == "sources"
