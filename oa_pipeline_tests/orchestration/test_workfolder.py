from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from oa_pipeline.orchestration.workfolder import KEPT_SECONDS, sweep, work_folder

HOLD_AND_DIE = """
import os, sys
from pathlib import Path
from oa_pipeline.orchestration.workfolder import work_folder
with work_folder(Path(sys.argv[1]), "a", 1) as work:
    (work.path / "cache.partial").write_text("half")
    os.kill(os.getpid(), 9)
"""


def test_a_folder_is_gone_after_its_run(tmp_path: Path) -> None:
    with work_folder(tmp_path, "a", 1) as work:
        (work.path / "x").write_text("")
        assert work.path.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_is_there_for_the_next_try(tmp_path: Path) -> None:
    with work_folder(tmp_path, "a", 1) as work:
        (work.path / "x").write_text("half")
        work.keep = True
    with work_folder(tmp_path, "a", 2) as again:
        assert (again.path / "x").read_text() == "half"


def test_a_held_folder_is_nobody_elses(tmp_path: Path) -> None:
    with work_folder(tmp_path, "a", 1) as one:
        with work_folder(tmp_path, "a", 2) as two:
            two.keep = True
            assert two.path != one.path
            sweep(tmp_path, before=two.path.stat().st_mtime + 1)
            assert one.path.is_dir()
            assert two.path.is_dir()
        assert [one.path] == list(tmp_path.iterdir())


def test_a_killed_runs_folder_serves_the_next_and_goes_when_nobody_comes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", HOLD_AND_DIE, str(tmp_path)], check=False, timeout=240)
    left = tmp_path / "a"
    assert (left / "cache.partial").read_text() == "half"
    with work_folder(tmp_path, "b", 2):
        pass
    assert left.is_dir(), "a download may still go on from it"
    old = left.stat().st_mtime - KEPT_SECONDS - 60
    os.utime(left, (old, old))
    with work_folder(tmp_path, "b", 3):
        pass
    assert list(tmp_path.iterdir()) == []
