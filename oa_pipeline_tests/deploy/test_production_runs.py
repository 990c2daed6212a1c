"""A run with production's dagster.yaml as it stands: queue, daemon, worker, and what it prints in a bucket."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from dagster import DagsterRunStatus

from oa_pipeline.orchestration.instance import production
from oa_pipeline_tests.workers.system import system


def test_a_run_in_a_warm_child_leaves_what_it_printed_in_the_bucket(
    tmp_path: Path, database: str, bucket: str, s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server)
    with system(tmp_path, database, more={"OA_LOGS_BUCKET": bucket}) as running:
        written = production()[0].replace("/var/lib/oa/printed", str(tmp_path / "printed"))
        (tmp_path / "dagster.yaml").write_text(written)
        running.daemon()
        running.worker(slots=1)
        running.ready()
        run_id = running.launch("quick")
        running.wait(run_id, DagsterRunStatus.SUCCESS)
        client = boto3.client("s3", endpoint_url=s3_server)

        def stored() -> set[str]:
            return {found["Key"] for found in client.list_objects_v2(Bucket=bucket).get("Contents", ())}

        running.until(lambda: any(key.endswith(".err") for key in stored()), "what it printed")
        (key,) = (key for key in stored() if key.endswith(".err"))
        assert run_id in key
        assert b"end_at_once" in client.get_object(Bucket=bucket, Key=key)["Body"].read()
        kept = lambda: [path for path in (tmp_path / "printed").rglob("*") if path.is_file()]
        running.until(lambda: not kept(), "what was sent to be kept here no longer")
