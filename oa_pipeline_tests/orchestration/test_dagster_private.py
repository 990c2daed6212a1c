"""Each use of Dagster's private interfaces: these fail on a Dagster that no longer offers what we build on."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from dagster import DagsterInstance

from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.ledger.soundness import dagster_version
from oa_pipeline.orchestration import dagster_private as private
from oa_pipeline.orchestration.coordinator import CapacityRunCoordinator
from oa_pipeline.orchestration.launcher import Ec2RunLauncher
from oa_pipeline.orchestration.storage import PooledPostgresStorage

TOP = Path(__file__).resolve().parents[2]
YAML = "telemetry: {enabled: false}\n"


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_the_launchers_interface_is_the_one_that_ours_fills() -> None:
    assert {name for name in vars(private.RunLauncher) if not name.startswith("_")} == {
        "launch_run", "terminate", "dispose", "join", "supports_check_run_worker_health", "check_run_worker_health",
        "get_run_worker_debug_info", "supports_resume_run", "resume_run",
    }  # fmt: skip
    for name in ("launch_run", "terminate", "check_run_worker_health", "get_run_worker_debug_info", "resume_run"):
        assert parameters(getattr(Ec2RunLauncher, name)) == parameters(getattr(private.RunLauncher, name)), name
    assert private.LaunchRunContext._fields == ("dagster_run", "workspace")
    assert private.ResumeRunContext._fields == ("dagster_run", "workspace", "resume_attempt_number")
    assert set(private.CheckRunHealthResult._fields) >= {"status", "msg", "run_worker_id"}
    assert {status.name for status in private.WorkerStatus} == {"RUNNING", "NOT_FOUND", "FAILED", "SUCCESS", "UNKNOWN"}


def test_the_queue_asks_the_coordinator_before_each_look() -> None:
    for name in ("get_run_queue_config", "submit_run", "dequeue_interval_seconds"):
        assert hasattr(private.QueuedRunCoordinator, name), name
    assert {"max_concurrent_runs", "tag_concurrency_limits"} <= set(private.RunQueueConfig._fields)
    assert set(private.SubmitRunContext._fields) == {"dagster_run", "workspace"}
    accepted = parameters(private.QueuedRunCoordinator.__init__)
    assert set(private.QueuedRunCoordinator.config_type()) <= set(accepted)  # type: ignore[arg-type]
    asked: list[int] = []

    class Counting(CapacityRunCoordinator):
        def get_run_queue_config(self) -> private.RunQueueConfig:
            asked.append(1)
            return private.RunQueueConfig(max_concurrent_runs=7, tag_concurrency_limits=[])

    with DagsterInstance.ephemeral() as instance:
        instance._run_coordinator = Counting()
        config = instance.get_concurrency_config()
        instance.get_concurrency_config()
    assert len(asked) == 2
    assert config.run_queue_config is not None
    assert config.run_queue_config.max_concurrent_runs == 7


def test_a_reference_to_an_instance_is_made_without_connecting(tmp_path: Path) -> None:
    storage = "storage: {postgres: {postgres_url: 'postgresql+psycopg2://nobody@127.0.0.1:1/nothing'}}\n"
    (tmp_path / "dagster.yaml").write_text(YAML + storage)
    assert private.instance_ref(str(tmp_path)) is not None


def test_an_instance_is_made_from_its_reference(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(YAML)
    with private.instance_of(private.instance_ref(str(tmp_path))) as instance:
        assert instance.get_run_records() == []


def test_the_version_that_its_tables_need_is_the_one_they_have_when_they_are_new(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OA_DATABASE_URL", empty_database)
    PooledPostgresStorage(empty_database)
    assert dagster_version(ledger_engine(empty_database)) == private.newest_storage_version()


def test_ticks_of_sensors_have_a_retention_that_can_be_asked_for(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(YAML + "retention: {sensor: {purge_after_days: {skipped: 2}}}\n")
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        days = instance.get_tick_retention_settings(private.InstigatorType.SENSOR)
    assert {status.value: count for status, count in days.items()}["SKIPPED"] == 2


def test_a_location_is_loaded_as_a_whole() -> None:
    code = (
        "import sys; from oa_pipeline.orchestration.dagster_private import load_location; load_location(sys.argv[1]); "
        "assert sys.argv[1] in sys.modules"
    )
    command = [sys.executable, "-c", code, "oa_pipeline_tests.workers.location"]
    subprocess.run(command, cwd=TOP, check=True, timeout=240)


@pytest.mark.parametrize("resume", [False, True])
def test_what_executes_a_run_is_still_there(resume: bool) -> None:
    from dagster._cli import api

    body = api._resume_run_command_body if resume else api._execute_run_command_body
    assert parameters(body) == ["run_id", "instance", "write_stream_fn", "set_exit_code_on_failure"]


def test_a_database_that_does_not_answer_is_told_in_the_words_that_we_know() -> None:
    from dagster_postgres.utils import retry_pg_connection_fn

    assert f'logging.warning("{private.RETRYING}", exc)' in inspect.getsource(retry_pg_connection_fn)
