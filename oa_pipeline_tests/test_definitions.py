from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dagster import AssetKey, DagsterInstance, DefaultRunLauncher

from oa_pipeline.assets.checks import CHECKS
from oa_pipeline.definitions import build_defs, defs
from oa_pipeline.orchestration.instance import with_workers, without_workers
from oa_pipeline.orchestration.launcher import Ec2RunLauncher
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings

TOP = Path(__file__).resolve().parents[1]
HEAVY = (
    "polars",
    "pyogrio",
    "geopandas",
    "pandas",
    "pyarrow",
    "shapely",
    "pyproj",
    "boto3",
    "dagster_aws",
    "flask",
    "github",
)


def test_the_definitions_load_and_hold_what_they_should() -> None:
    loaded = build_defs(workplace=Workplace(Settings(sync_seconds=7)))
    repository = loaded.get_repository_def()
    repository.load_all_definitions()  # as a code server does: no job may have an asset's name
    assert repository.has_job("process")
    assert {sensor.name for sensor in repository.sensor_defs} == {
        "sources", "lost_runs", "feed", "collections_after_set", "pull_requests", "outbox", "open_pull_requests",
    }  # fmt: skip
    assert repository.get_sensor_def("sources").minimum_interval_seconds == 7
    spec = loaded.resolve_assets_def("source")
    assert spec.partitions_def is not None
    assert spec.keys == {AssetKey("source")}
    assert {check.name for check in spec.check_specs} == set(CHECKS)
    assert defs.get_repository_def().has_job("process")


def test_whatever_the_ui_lists_says_what_it_is_for() -> None:
    repository = build_defs(workplace=Workplace(Settings())).get_repository_def()
    listed = [*repository.get_all_jobs(), *repository.sensor_defs, *repository.schedule_defs]
    said = {one.name: one.description for one in listed if not one.name.startswith("__")}
    assert {"process", "check", "make_collections", "feed", "weekly_set"} <= said.keys()
    assert [name for name, description in said.items() if not description] == []
    assets = repository.asset_graph
    assert [key.to_user_string() for key in assets.get_all_asset_keys() if not assets.get(key).description] == []


def test_every_schedule_keeps_utc_so_that_no_night_is_skipped_or_done_twice_when_clocks_change() -> None:
    schedules = build_defs(workplace=Workplace(Settings())).get_repository_def().schedule_defs

    assert {schedule.name: schedule.execution_timezone for schedule in schedules} == {
        schedule.name: "UTC" for schedule in schedules
    }
    assert len(schedules) >= 5


def test_loading_them_is_light() -> None:
    code = (
        "import json, sys, dagster; had = len(sys.modules); import oa_pipeline.definitions; "
        "print(json.dumps([len(sys.modules) - had, [m for m in sys.argv[1].split() if m in sys.modules]]))"
    )
    done = subprocess.run([sys.executable, "-c", code, " ".join(HEAVY)], capture_output=True, text=True, check=True)
    more, heavy = json.loads(done.stdout)
    assert heavy == []
    assert more < 800, "modules to load the definitions, besides Dagster's own"


def test_no_setting_is_shown_in_the_resources_configuration() -> None:
    secret = "postgresql://user:s3cr3t-w0rd@host/db"
    loaded = build_defs(workplace=Workplace(Settings(database_url=secret)))
    job = loaded.resolve_job_def("process")
    assert "s3cr3t-w0rd" not in repr(job.run_config_schema.config_type.__dict__)
    assert "s3cr3t-w0rd" not in repr(Workplace(Settings(database_url=secret)))


def test_the_checked_in_dagster_yaml_is_the_one_for_dagster_alone() -> None:
    path = TOP / "dagster.yaml"
    if not path.is_file():
        pytest.skip("not in a checkout")
    assert path.read_text(encoding="utf-8") == without_workers()


@pytest.mark.parametrize(
    ("written", "launcher", "resumed"),
    [
        pytest.param(without_workers(), DefaultRunLauncher, 0, id="dagster alone"),
        pytest.param(with_workers(), Ec2RunLauncher, 1, id="with workers"),
    ],
)
def test_dagster_takes_the_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, launcher: type, resumed: int
) -> None:
    text = yaml.safe_load(written)
    text.pop("storage")  # a database is another test's business
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(text), encoding="utf-8")
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert type(instance.run_launcher) is launcher
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_resume_run_attempts == resumed
        assert not instance.run_retries_enabled
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
