from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from oa_pipeline import doctor
from oa_pipeline.cli import doctor as command


def oa_doctor(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **settings}
    asked = [sys.executable, "-m", "oa_pipeline", "doctor", *arguments]
    return subprocess.run(asked, env=environment, capture_output=True, text=True, check=False, timeout=240)


def test_what_is_wrong_stands_beside_its_cure_and_ends_with_one(tmp_path: Path) -> None:
    done = oa_doctor("database", OA_HOME=str(tmp_path))
    assert done.returncode == 1
    assert f"no database runs below {tmp_path}" in done.stdout
    assert "start `oa up`" in done.stdout
    assert "1 wrong" in done.stdout.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_nothing_wrong_ends_with_zero_and_quiet_says_so_in_a_line(tmp_path: Path) -> None:
    done = oa_doctor("settings", "--quiet", OA_HOME=str(tmp_path))
    assert done.returncode == 0, done.stdout
    (line,) = done.stdout.splitlines()
    assert line.startswith("5 checks: ")


def test_json_is_a_finding_a_line(tmp_path: Path) -> None:
    url = "postgresql://oa:s3cr3t-w0rd@127.0.0.1:1/oa"
    done = oa_doctor("database", "--json", OA_HOME=str(tmp_path), OA_DATABASE_URL=url)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert {"check", "state", "said", "cure"} == found[0].keys()
    assert [one["check"] for one in found if one["state"] == "wrong"] == ["database.reached"]
    assert "s3cr3t" not in done.stdout + done.stderr


def test_settings_that_cannot_be_read_end_with_two_and_name_the_one(tmp_path: Path) -> None:
    done = oa_doctor(OA_HOME=str(tmp_path), OA_STOER="s3://x")
    assert done.returncode == 2
    assert "OA_STOER" in done.stderr


@pytest.mark.parametrize("arguments", [["datbase-"], ["--host", "db"]])
def test_an_area_or_host_that_there_is_not_is_refused_with_those_that_are(arguments: list[str]) -> None:
    done = oa_doctor(*arguments)
    assert done.returncode == 2
    assert "worker" in done.stderr


def test_the_command_knows_the_areas_and_hosts_that_there_are() -> None:
    assert command.AREAS == doctor.AREAS
    assert tuple(doctor.Host) == command.HOSTS


def test_every_check_says_what_it_asks_and_needs_one_that_comes_before_it() -> None:
    known: set[str] = set()
    for check in doctor.checks():
        assert check.area in doctor.AREAS
        assert check.asks
        assert set(check.needs) <= known, check.name
        assert check.name not in known
        known.add(check.name)
