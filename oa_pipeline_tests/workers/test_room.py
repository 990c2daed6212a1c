"""When a disk is full."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from oa_pipeline.workers.room import MIB, Room


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
