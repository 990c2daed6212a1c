from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin
from dagster._core.storage.compute_log_manager import ComputeIOType
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_aws.s3.compute_log_manager import S3ComputeLogManager

from oa_pipeline.orchestration import instance as files
from oa_pipeline.orchestration.coordinator import CapacityRunCoordinator
from oa_pipeline.orchestration.storage import PooledPostgresStorage

TOP = Path(__file__).resolve().parents[2]
PRODUCTION, WORKSPACE = files.production()
KEY = ["a", "compute_logs", "source"]


@pytest.mark.parametrize(("name", "text"), [("dagster.yaml", PRODUCTION), ("workspace.yaml", WORKSPACE)])
def test_the_files_of_deploy_are_the_ones_that_are_rendered(name: str, text: str) -> None:
    path = TOP / "deploy" / name
    if not path.is_file():
        pytest.skip("not in a checkout")
    assert path.read_text(encoding="utf-8") == text


@pytest.fixture
def production(
    tmp_path: Path, database: str, bucket: str, s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DagsterInstance]:
    """Dagster with the file of production, as it stands but for the folder of what is not yet sent."""
    monkeypatch.setenv("OA_DATABASE_URL", database)
    monkeypatch.setenv("OA_LOGS_BUCKET", bucket)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server)
    text = PRODUCTION.replace("/var/lib/oa/printed", str(tmp_path / "printed"))
    (tmp_path / "dagster.yaml").write_text(text)
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def test_dagster_takes_the_file_of_production(production: DagsterInstance, bucket: str) -> None:
    assert type(production.run_coordinator) is CapacityRunCoordinator
    assert production.run_coordinator.pull_request_slots == 1
    stored = production.get_ref().storage_data
    assert stored is not None
    assert stored.class_name == PooledPostgresStorage.__name__
    assert isinstance(production.compute_log_manager, S3ComputeLogManager)
    assert production.run_monitoring_enabled
    assert production.run_monitoring_max_resume_run_attempts == 1
    assert not production.run_retries_enabled
    assert not production.telemetry_enabled
    assert not production.nux_enabled


def test_what_a_run_prints_is_in_the_bucket_and_read_from_there(
    production: DagsterInstance, bucket: str, s3_server: str, tmp_path: Path
) -> None:
    manager = production.compute_log_manager
    assert isinstance(manager, S3ComputeLogManager)
    with manager.open_log_stream(KEY, ComputeIOType.STDOUT) as stream:
        assert stream is not None
        stream.write("400 rows\n")
    listed = boto3.client("s3", endpoint_url=s3_server).list_objects_v2(Bucket=bucket)["Contents"]
    assert {found["Key"] for found in listed} == {f"dagster/storage/a/compute_logs/source.{x}" for x in ("out", "err")}
    assert not (tmp_path / "printed" / "a" / "compute_logs" / "source.out").exists()
    assert manager.get_log_data(KEY).stdout == b"400 rows\n"
    assert manager.is_capture_complete(KEY)


def test_dagster_takes_the_workspace_of_production(tmp_path: Path) -> None:
    (tmp_path / "workspace.yaml").write_text(WORKSPACE)
    (origin,) = WorkspaceFileTarget([str(tmp_path / "workspace.yaml")]).create_origins()
    assert isinstance(origin, GrpcServerCodeLocationOrigin)
    assert (origin.location_name, origin.socket) == ("oa_pipeline", str(files.SOCKET_OF_PRODUCTION))


@pytest.mark.parametrize("text", [files.without_workers(), files.with_workers()], ids=["dagster alone", "oa up"])
def test_elsewhere_what_runs_print_is_a_file_below_dagsters_home(tmp_path: Path, text: str) -> None:
    local = yaml.safe_load(text)
    local.pop("storage")  # a database is another test's business
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(local))
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        manager = instance.compute_log_manager
        assert isinstance(manager, LocalComputeLogManager)
        assert Path(manager.get_captured_local_path(KEY, "out")).is_relative_to(tmp_path / "storage")
