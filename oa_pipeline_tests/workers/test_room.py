"""A full disk pauses a worker; what waits is taken by one that has room."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
from dagster import DagsterRunStatus as Status

from oa_pipeline.workers.room import MIB, Room
from oa_pipeline_tests.workers.system import System


def test_a_disk_is_full_with_less_than_the_least_and_each_change_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    free = shutil.disk_usage(tmp_path).free // MIB
    with caplog.at_level(logging.INFO):
        room = Room(tmp_path, free * 2 + 1)
        assert room.full
        assert room.full

    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "OA_LEAST_FREE_MIB" in caplog.text
    assert not Room(tmp_path, 0).full
    assert not Room(tmp_path, max(1, free // 2)).full
    assert not Room(tmp_path / "no such folder", 1).full


def test_a_worker_without_room_takes_nothing_and_one_with_room_does(running: System) -> None:
    given = running.environment
    running.environment = {**given, "OA_LEAST_FREE_MIB": "999999999"}
    running.worker(log="without room")
    running.environment = given
    running.daemon()
    running.until(lambda: running.rows("SELECT 1 FROM oa.heartbeats WHERE draining AND code_version <> ''"), "its beat")

    run_id = running.launch("quick")
    running.until(lambda: "no runs are taken" in running.logs(), "its word")
    assert running.status(run_id) is Status.QUEUED

    running.worker(log="with room")
    running.wait(run_id, Status.SUCCESS)
    assert running.rows("SELECT deliveries FROM oa.assignments") == [(1,)]
