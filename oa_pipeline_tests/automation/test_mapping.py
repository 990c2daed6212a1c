"""The asset `coverage`, made by Dagster on a real PostgreSQL, and the command that does the same."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from dagster import DagsterInstance, DefaultScheduleStatus, RunRequest, SkipReason
from PIL import Image

from oa_pipeline.automation.mapping import TAGS, this_hour
from oa_pipeline.cli import oa
from oa_pipeline.definitions import build_defs
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings
from oa_pipeline_tests.ledger.life import declare, run

YAML = """
telemetry: {enabled: false}
storage:
  custom: {module: oa_pipeline.orchestration.storage, class: PooledPostgresStorage, config: {}}
"""
ALAMEDA, FRANCE = "us/ca/alameda/addresses/county", "fr/83/addresses/state"


@pytest.fixture
def workplace(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    settings = {"HOME": str(tmp_path / "home"), "DATABASE_URL": database, "SOURCES": str(tmp_path)}
    for name, value in settings.items():
        monkeypatch.setenv(f"OA_{name}", value)
    made = Workplace(Settings.from_env())
    engine = made.ledger()
    declare(engine, ALAMEDA, coverage={"US Census": {"geoid": "06001"}})
    declare(engine, FRANCE, coverage={"ISO 3166": {"alpha2": "FR-83"}})
    run(engine, ALAMEDA, rows=500)
    return made


@pytest.fixture
def instance(workplace: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(YAML)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with DagsterInstance.from_config(str(home)) as made:
        yield made


def make(workplace: Workplace, instance: DagsterInstance) -> tuple[dict[str, Any], str]:
    """The metadata and the data version of what was made."""
    job = build_defs(workplace=workplace).resolve_job_def("make_coverage")
    done = job.execute_in_process(instance=instance)
    assert done.success
    (event,) = done.get_asset_materialization_events()
    found = event.materialization
    return {name: one.value for name, one in found.metadata.items()}, (found.tags or {})["dagster/data_version"]


def test_the_asset_shows_the_picture_itself_and_the_numbers(workplace: Workplace, instance: DagsterInstance) -> None:
    told, version = make(workplace, instance)
    held = told["map"].partition("base64,")[2].removesuffix(")")
    with Image.open(io.BytesIO(base64.b64decode(held))) as picture:
        assert (picture.format, picture.width) == ("PNG", 480)
    assert len(told["map"]) < 40_000
    assert (told["status"], told["sources"], told["sources with addresses"]) == ("build 1", 2, 1)
    assert {one.data["by"]: one.data["sources"] for one in told["matched by"].records}["none"] == 1
    assert [one.data["source"] for one in told["not matched, and why"].records] == ["fr/83"]
    states = {one.data["code"]: one.data for one in told["states"].records}
    assert (states["CA"]["addresses"], states["CA"]["land %"]) == (500, 0.5)
    assert Path(str(told["render-world.png"]).removeprefix("file://")).is_file()
    again, same = make(workplace, instance)
    assert (again["status"], same) == ("unchanged", version)
    assert "map" not in again


def test_it_is_drawn_in_the_hours_in_which_something_changed(workplace: Workplace, instance: DagsterInstance) -> None:
    assert isinstance(this_hour(workplace), RunRequest)
    make(workplace, instance)
    assert isinstance(this_hour(workplace), SkipReason)
    run(workplace.ledger(), FRANCE, RunStatus.FAILED)
    assert isinstance(this_hour(workplace), RunRequest)


def test_a_schedule_is_on_where_there_are_sources(tmp_path: Path) -> None:
    for settings, status in (
        (Settings(sources=str(tmp_path), coverage_schedule="1 2 * * *"), DefaultScheduleStatus.RUNNING),
        (Settings(), DefaultScheduleStatus.STOPPED),
    ):
        repository = build_defs(workplace=Workplace(settings)).get_repository_def()
        (mine,) = [one for one in repository.schedule_defs if one.name == "coverage_hourly"]
        assert (mine.cron_schedule, mine.execution_timezone) == (settings.coverage_schedule, "UTC")
        assert mine.default_status is status
        assert repository.get_job("make_coverage").tags.items() >= TAGS.items()


def test_oa_coverage_draws_and_says_how_sources_were_matched(workplace: Workplace, tmp_path: Path) -> None:
    picture = tmp_path / "world.png"
    done = CliRunner().invoke(oa, ["coverage", "--picture", str(picture)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "1 of 2 sources have addresses" in done.output
    assert "not matched: fr/83: no boundary of FR-83 is packaged; where its rows are is not known" in done.output
    with Image.open(picture) as drawn:
        assert drawn.size == (1920, 1103)
    told = json.loads(CliRunner().invoke(oa, ["coverage", "--json"], catch_exceptions=False).stdout)
    assert told["build"] is None
    assert told["facts"]["matched"]["geoid"] == 1
    assert set(told["objects"]) == {
        "render-world.png", "render-usa.png", "render-europe.png", "render-world.geojson",
    }  # fmt: skip
