"""The dotmap as an asset, by its schedule and by its command, on a real PostgreSQL, and sent to a Mapbox over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from dagster import DagsterInstance, DefaultScheduleStatus, RunRequest, SkipReason

from oa_pipeline.automation.dotmap import this_time
from oa_pipeline.cli import oa
from oa_pipeline.definitions import build_defs
from oa_pipeline.errors import PublishError, SettingsError
from oa_pipeline.ledger import builds
from oa_pipeline.orchestration.dotmap import make_dotmap
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings
from oa_pipeline_tests.automation.test_nightly import execute, instance, metadata, version, workplace
from oa_pipeline_tests.mapbox import TILESET, TOKEN, USER, Mapbox, mapbox, said
from oa_pipeline_tests.publish.dotmap.conftest import World, sandbox

__all__ = ["instance", "sandbox", "workplace"]

LINN, PARIS = "us/or/linn/addresses/county", "fr/paris/addresses/city"


@pytest.fixture
def world(workplace: Workplace, tmp_path: Path, sandbox: Any) -> World:
    return World(workplace.ledger(), workplace.store(), tmp_path, sandbox)


@pytest.fixture
def there(s3_server: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapbox]:
    """A Mapbox that the settings name."""
    with mapbox(s3_server, bucket, polls=1) as found:
        named = {"USER": USER, "TOKEN": TOKEN, "TILESET": TILESET, "API": found.url, "S3_ENDPOINT": found.s3_url}
        for name, value in named.items():
            monkeypatch.setenv(f"OA_MAPBOX_{name}", value)
        yield found


def test_the_dotmap_is_an_asset_with_its_numbers(workplace: Workplace, instance: DagsterInstance, world: World) -> None:
    world.publish(LINN, [("1", -122.66, 45.61), ("2", -122.67, 45.61)])
    world.publish(PARIS, [("3", 2.35, 48.85)])
    world.publish("fr/lyon/addresses/city", [("4", 4.8, 45.7)], outputs={})
    done = execute(workplace, instance, "make_dotmap")
    told = metadata(done)
    assert (told["status"], told["dagster/row_count"], told["areas"], told["areas made"]) == ("build 1", 3, 2, 2)
    assert [record.data["area"] for record in told["largest areas"].records] == ["us-or", "fr"]
    assert told["left out"] == 1
    assert told["map"].startswith("![all addresses](data:image/png;base64,")
    assert told["features that were too many"] == 0
    assert told["dotmap.pmtiles"].endswith("/dotmap/1/dotmap.pmtiles")
    again = execute(workplace, instance, "make_dotmap")
    assert metadata(again)["status"] == "unchanged since build 1"
    assert version(done) == version(again)
    assert list((workplace.settings.home / "work").iterdir()) == []


def test_a_tick_asks_for_a_run_only_where_something_has_changed(workplace: Workplace, world: World) -> None:
    assert isinstance(this_time(workplace), SkipReason)
    world.publish(LINN, [("1", -122.66, 45.61)])
    assert isinstance(this_time(workplace), RunRequest)
    make_dotmap(workplace)
    assert isinstance(this_time(workplace), SkipReason)


@pytest.mark.parametrize(
    ("sources", "on"), [("/x", DefaultScheduleStatus.RUNNING), ("", DefaultScheduleStatus.STOPPED)]
)
def test_it_is_made_by_itself_where_there_are_sources_of_ones_own(
    sources: str, on: DefaultScheduleStatus, tmp_path: Path
) -> None:
    repository = build_defs(workplace=Workplace(Settings(home=tmp_path, sources=sources))).get_repository_def()
    (found,) = [one for one in repository.schedule_defs if one.name == "dotmap_regularly"]
    assert (found.cron_schedule, found.execution_timezone, found.default_status) == ("0 11 */5 * *", "UTC", on)


def test_it_is_sent_to_mapbox_once(world: World, there: Mapbox) -> None:
    workplace = Workplace(Settings.from_env())
    world.publish(LINN, [("1", -122.66, 45.61)])
    assert isinstance(this_time(workplace), RunRequest)
    done = make_dotmap(workplace)
    assert done.facts["mapbox"] == {"tileset": TILESET, "upload": "upload1"}
    with workplace.store().open("dotmap.mbtiles") as held:
        assert there.tilesets[TILESET] == held.read()
    assert not make_dotmap(workplace).made
    assert list(there.uploads) == ["upload1"]
    assert isinstance(this_time(workplace), SkipReason)


def test_what_mapbox_did_not_take_is_current_and_sent_by_the_next_run(
    world: World, there: Mapbox, instance: DagsterInstance, caplog: pytest.LogCaptureFixture
) -> None:
    workplace = Workplace(Settings.from_env())
    world.publish(LINN, [("1", -122.66, 45.61)])
    there.troubles["POST"] = [said(422, {"message": f"no, {TOKEN}"})]
    job = build_defs(workplace=workplace).resolve_job_def("make_dotmap")
    failed = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not failed.success
    shown = "".join(str(event) for event in instance.all_logs(failed.run_id)) + caplog.text
    assert "build 1 is current, but not at Mapbox: Mapbox answered 422: no, ***" in shown
    assert TOKEN not in shown
    assert workplace.store().exists("dotmap.pmtiles")
    assert isinstance(this_time(workplace), RunRequest)
    done = make_dotmap(workplace)
    assert (done.made, list(there.tilesets)) == (False, [TILESET])
    newest = builds.newest(workplace.ledger(), "dotmap")
    assert newest is not None
    assert TOKEN not in repr(newest)


def test_half_an_account_is_found_out_before_the_work(
    workplace: Workplace, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.publish(LINN, [("1", -122.66, 45.61)])
    monkeypatch.setenv("OA_MAPBOX_USER", USER)
    with pytest.raises(SettingsError, match="OA_MAPBOX_TOKEN and OA_MAPBOX_TILESET"):
        make_dotmap(Workplace(Settings.from_env()))
    assert builds.newest(workplace.ledger(), "dotmap") is None


def test_the_command_says_what_it_did(workplace: Workplace, world: World) -> None:
    world.publish(LINN, [("1", -122.66, 45.61)])
    made = CliRunner().invoke(oa, ["dotmap"])
    assert made.exit_code == 0, made.output
    assert made.stdout.startswith("build 1\n1 addresses, 1 areas, 1 made; ")
    assert "dotmap/1/dotmap.pmtiles" in made.stdout
    again = CliRunner().invoke(oa, ["dotmap"])
    assert again.stdout.startswith("nothing has changed since build 1\n")
    told = json.loads(CliRunner().invoke(oa, ["dotmap", "--mbtiles", "--json"]).stdout)
    assert (told["build"], sorted(told["objects"])) == (2, ["dotmap.mbtiles", "dotmap.pmtiles", "dotmap.png"])


def test_a_process_that_is_killed_leaves_the_former_one_and_the_next_makes_the_new(
    workplace: Workplace, world: World, tmp_path: Path
) -> None:
    world.publish(LINN, [("1", -122.66, 45.61)])
    make_dotmap(workplace)
    with workplace.store().open("dotmap.pmtiles") as held:
        former = held.read()
    world.publish(LINN, [("2", -122.66, 45.61)])
    program = tmp_path / "endless"
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo endless && exit\n'
        + "while read -r line; do :; done\nwhile :; do read -r line; done\n"
    )
    program.chmod(0o755)
    environment = {**os.environ, "OA_TIPPECANOE": str(program)}
    with subprocess.Popen([sys.executable, "-m", "oa_pipeline", "dotmap"], env=environment) as killed:
        try:
            wait_for_tippecanoe(workplace.settings.home / "work", killed)
        finally:
            killed.send_signal(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    with workplace.store().open("dotmap.pmtiles") as held:
        assert held.read() == former
    assert isinstance(this_time(workplace), RunRequest)
    done = make_dotmap(workplace)
    assert (done.build, done.facts["made"]) == (3, ["us-or"])


def wait_for_tippecanoe(work: Path, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 240
    while not any(work.glob("*/*/area/low")):
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < until, "it never came to its tiles"
        time.sleep(0.05)


def test_a_ledger_that_cannot_be_reached_is_a_reason_to_wait(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise PublishError("the ledger is gone")

    monkeypatch.setattr("oa_pipeline.publish.dotmap.build.due", gone)
    waits = this_time(workplace)
    assert isinstance(waits, SkipReason)
    assert "gone" in str(waits.skip_message)
