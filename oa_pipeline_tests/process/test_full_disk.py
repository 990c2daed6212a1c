"""A disk that fills up, while it is downloaded and while it is converted: the run says that it was the disk."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from oa_pipeline_tests.workers.publisher import csv, publisher

UNSHARE = shutil.which("unshare")
RUN = """
import json, subprocess, sys
from datetime import UTC, datetime
from pathlib import Path
folder, source, size = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "none", str(folder)], check=True)
from oa_pipeline.orchestration.endings import broken_off, of_result
from oa_pipeline.process import process
from oa_pipeline.settings import Settings
from oa_pipeline.sources.parse import parse_source
(one,) = parse_source(source.read_bytes(), "xx/town").data_sources
try:
    result = process(one, folder / "run", settings=Settings(allow_local_sources=True))
    said = {"problem": str(result.outcome.problem), "detail": result.outcome.detail, "cure": result.outcome.cure}
except Exception as error:
    ending = broken_off(error, datetime.now(UTC))
    said = {"problem": ending.problem, "detail": ending.detail, "cure": ending.cure}
print(json.dumps(said))
"""


def private_mounts(folder: Path) -> list[str]:
    """A command that has mounts of its own, which end with it; empty where that cannot be had."""
    mount = ["mount", "-t", "tmpfs", "none", str(folder)]
    for more in (["-m"], ["-Urm"]):
        if UNSHARE and subprocess.run([UNSHARE, *more, *mount], capture_output=True, check=False).returncode == 0:
            return [UNSHARE, *more]
    return []


@pytest.mark.parametrize(
    ("size", "rows"),
    [pytest.param("256k", 20_000, id="downloaded"), pytest.param("1400k", 30_000, id="converted")],
)
def test_a_full_disk_is_named_and_is_nobodys_fault_but_ours(tmp_path: Path, size: str, rows: int) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = private_mounts(disk)
    if not command:
        pytest.skip("no file system can be mounted here")
    with publisher(tmp_path / "repository") as published:
        published.add("town", csv(rows))
        source = tmp_path / "repository/sources/xx/town.json"
        done = subprocess.run(
            [*command, sys.executable, "-c", RUN, str(disk), str(source), size],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert "disk" in said["detail"], said
    assert said["problem"] == "The pipeline failed, not the source"
    assert "room" in said["cure"]
