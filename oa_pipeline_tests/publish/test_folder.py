from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from oa_pipeline.errors import PublishError
from oa_pipeline.publish.folder import FolderStore

SHA = hashlib.sha256(b"data").hexdigest()


def test_a_link_in_the_folder_does_not_lead_out_of_it(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "store")
    (tmp_path / "outside").mkdir()
    (tmp_path / "store/runs").symlink_to(tmp_path / "outside")
    (tmp_path / "file").write_bytes(b"data")
    with pytest.raises(PublishError, match="leads out"):
        store.put("runs/x", tmp_path / "file", content_type="text/plain", sha256=SHA)
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_writer_killed_in_the_middle_leaves_no_object(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "slow")
    code = (
        "import sys, pathlib; from oa_pipeline.publish.folder import FolderStore; "
        "FolderStore(pathlib.Path(sys.argv[1])).put('runs/1/x', pathlib.Path(sys.argv[2]), "
        "content_type='', sha256='0' * 64)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, tmp_path / "store", tmp_path / "slow"])
    with (tmp_path / "slow").open("wb") as pipe:
        pipe.write(b"half of it" * 10_000)
        pipe.flush()
        until = time.monotonic() + 30
        while not list((tmp_path / "store").rglob(".partial-*")) and time.monotonic() < until:
            time.sleep(0.02)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    store = FolderStore(tmp_path / "store")
    assert list((tmp_path / "store").rglob(".partial-*"))
    assert list(store.list()) == []
    assert not store.exists("runs/1/x")
    (tmp_path / "file").write_bytes(b"data")
    store.put("runs/1/x", tmp_path / "file", content_type="", sha256=SHA)
    assert [found.key for found in store.list()] == ["runs/1/x"]


def test_a_name_too_long_for_the_file_system_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"data")
    with pytest.raises(PublishError, match="OA_STORE"):
        FolderStore(tmp_path / "store").put("x" * 300, tmp_path / "file", content_type="", sha256=SHA)


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"data")
    with pytest.raises(PublishError, match="OA_STORE"):
        FolderStore(tmp_path / "file" / "store")
