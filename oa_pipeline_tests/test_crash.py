"""Processes die at the points that tests name, and nowhere without being told to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from oa_pipeline.crash import POINTS
from oa_pipeline.errors import SettingsError
from oa_pipeline.settings import Settings

PACKAGE = Path(__file__).resolve().parents[1] / "oa_pipeline"
WALK = "from oa_pipeline.crash import point\nfor n in ('run.opened', 'fetch.done', 'fetch.done'): point(n); print(n)"


def walk(**environment: str) -> tuple[int, list[str]]:
    """How a process ends that comes past three points, and which of them it survived."""
    clean: Mapping[str, str] = {n: v for n, v in os.environ.items() if not n.startswith("OA_")}
    done = subprocess.run(
        [sys.executable, "-uc", WALK], env={**clean, **environment}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.split()


@pytest.mark.parametrize(
    ("at", "survived"),
    [("", 3), ("run.opened", 0), ("fetch.done", 1), ("fetch.done:2", 2), ("fetch.done:3", 3)],
)
def test_a_process_dies_at_the_point_it_was_told(at: str, survived: int) -> None:
    status, passed = walk(OA_CRASH_AT=at, OA_DEV="1")
    assert (status, len(passed)) == (0 if survived == 3 else -9, survived)


def test_a_file_arms_one_death(tmp_path: Path) -> None:
    file = tmp_path / "at"
    armed = {"OA_CRASH_AT": f"@{file}", "OA_DEV": "1"}
    assert walk(**armed)[0] == 0
    file.write_text("fetch.done:2")
    assert walk(**armed) == (-9, ["run.opened", "fetch.done"])
    assert not file.exists()
    assert walk(**armed)[0] == 0


def test_outside_of_development_nobody_dies_and_it_is_said() -> None:
    status, passed = walk(OA_CRASH_AT="run.opened")
    assert (status, passed) == (1, [])
    with pytest.raises(SettingsError, match="OA_DEV=1"):
        Settings.from_env({"OA_CRASH_AT": "run.opened"})


@pytest.mark.parametrize("at", ["nowhere", "fetch.done:0", "fetch.done:often"])
def test_what_cannot_happen_is_refused(at: str) -> None:
    with pytest.raises(SettingsError, match="OA_CRASH_AT"):
        Settings.from_env({"OA_CRASH_AT": at, "OA_DEV": "1"})


def test_the_points_that_are_listed_are_those_in_the_code() -> None:
    text = "\n".join(p.read_text("utf-8") for p in PACKAGE.rglob("*.py") if p.name != "crash.py")
    assert sorted(set(re.findall(r'\bpoint\("([^"]+)"', text))) == sorted(POINTS)
