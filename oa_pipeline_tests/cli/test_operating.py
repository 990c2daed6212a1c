from __future__ import annotations

import os
from pathlib import Path

import pytest

from oa_pipeline.cli.operating import whoami
from oa_pipeline_tests.commands import Command

NOBODY = 3_000_000_017  # no account has this number


def test_who_has_no_name_in_this_place_goes_by_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: NOBODY)
    assert whoami() == f"user {NOBODY}"
    monkeypatch.setenv("LOGNAME", "ann")
    assert whoami() == "ann"


@pytest.mark.parametrize(
    "arguments",
    [["runs", "list"], ["runs", "accept", "1"], ["prune", "--dry-run"], ["reindex", "--dry-run"], ["set", "show"]],
    ids=" ".join,
)
def test_a_misspelt_home_is_told_and_gets_no_database(tmp_path: Path, oa: Command, arguments: list[str]) -> None:
    done = oa(*arguments, OA_HOME=str(tmp_path / "misspelt"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "no database" in done.stderr
    assert "OA_DATABASE_URL" in done.stderr
    assert not (tmp_path / "misspelt").exists()
