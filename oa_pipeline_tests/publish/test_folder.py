from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from oa_pipeline.errors import PublishError
from oa_pipeline.publish.folder import FolderStore

ROOT = Path(__file__).resolve().parents[2]
SHA = hashlib.sha256(b"data").hexdigest()


def test_a_link_in_the_folder_does_not_lead_out_of_it(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    (tmp_path / "outside").mkdir()
    (tmp_path / "store/runs").symlink_to(tmp_path / "outside")
    (tmp_path / "file").write_bytes(b"data")
    with pytest.raises(PublishError, match="leads out"):
        store.put("runs/x", tmp_path / "file", content_type="text/plain", sha256=SHA)
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "oa_pipeline_tests.publish.writing", "fill_disk", str(tmp_path / "store"), ""]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=150).stdout
    message, cure, place = said.strip().split("|")
    assert message == f"the store {tmp_path / 'store'} could not be used: File too large"
    assert "space" in cure
    assert place == "runs/1/x"
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


def test_a_young_link_to_an_old_file_is_not_swept(tmp_path: Path) -> None:
    """As there is for a moment while an object of last year is copied to a fixed key."""
    store = FolderStore(tmp_path / "store")
    old = tmp_path / "store/old"
    old.write_bytes(b"data")
    os.utime(old, (0, 0))
    os.link(old, tmp_path / "store/.partial-1")
    assert store.sweep(datetime.now(UTC) - timedelta(hours=24)) == 0
    assert store.sweep(datetime.now(UTC) + timedelta(hours=24)) == 1
    assert [found.key for found in store.list()] == ["old"]


def test_folders_that_held_only_removed_objects_go(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    (tmp_path / "file").write_bytes(b"data")
    for key in ("runs/1/a/b", "runs/2/c"):
        store.put(key, tmp_path / "file", content_type="", sha256=SHA)
    store.delete(["runs/1/a/b"])
    assert [path.name for path in (tmp_path / "store/runs").iterdir()] == ["2"]
    store.delete_prefix("runs/2/")
    assert list((tmp_path / "store").iterdir()) == []


def test_a_name_that_is_kept_for_what_is_being_written_is_no_key(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    with pytest.raises(PublishError, match="no key"), store.writer("a/.partial-x", content_type=""):
        pass


def test_a_name_too_long_for_the_file_system_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"data")
    with pytest.raises(PublishError, match="OA_STORE"):
        FolderStore(tmp_path / "store").put("x" * 300, tmp_path / "file", content_type="", sha256=SHA)


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"data")
    with pytest.raises(PublishError, match="OA_STORE"):
        FolderStore(tmp_path / "file" / "store")
