"""`oa set` as an operator meets it: real commands on a real ledger."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus, RunRequest

from oa_pipeline.assets.source import PARTITIONS
from oa_pipeline.cli import sets as commands
from oa_pipeline.ledger import heartbeats, members, sets
from oa_pipeline.ledger.heartbeats import Beat
from oa_pipeline.ledger.members import Ended
from oa_pipeline.ledger.tables import Outcome, SetStatus
from oa_pipeline.orchestration.instance import instance_of
from oa_pipeline.settings import Settings
from oa_pipeline_tests.automation.publishers import Queue, declare, key
from oa_pipeline_tests.cli.test_oa import OA
from oa_pipeline_tests.commands import Command

NOW = datetime.now(UTC)


@pytest.fixture
def environment(database: str, tmp_path: Path) -> dict[str, str]:
    for name in "abc":
        declare(tmp_path / "repository", name, f"https://{name}.example.com/x.csv")
    return {"OA_DATABASE_URL": database, "OA_HOME": str(tmp_path / "home"), "OA_SOURCES": str(tmp_path / "repository")}


@pytest.fixture
def instance(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    """The commands' own instance of Dagster."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with instance_of(Settings.from_env()) as made:
        yield made


def test_a_set_is_started_shown_and_cancelled(
    oa: Command, environment: dict[str, str], instance: DagsterInstance, engine: sa.Engine
) -> None:
    none = oa("set", "show", **environment)
    assert (none.returncode, none.stderr) == (1, "oa: there has been no set (`oa set start` opens one)\n")

    started = oa("set", "start", "--only", "xx/[ab]/*", **environment)
    assert started.returncode == 0, started.stderr
    number = int(re.match(r"set (\d+): 2 data sources of ", started.stdout)[1])  # type: ignore[index]
    assert f"oa set show {number} --follow" in started.stdout
    assert set(instance.get_dynamic_partitions(PARTITIONS)) == {key(n) for n in "abc"}

    second = oa("set", "start", **environment)
    assert second.returncode == 1
    assert f"set {number} has not ended" in second.stderr

    heartbeats.beat(engine, Beat("worker", "host", 1, 2))
    keys = members.claim(engine, number, "probe", 9, now=NOW)
    members.due(engine, number, keys, "probe", now=NOW)
    members.queue(engine, number, keys, now=NOW)
    members.end(engine, number, [Ended(keys[0], Outcome.FAILED)], now=NOW)
    shown = oa("set", "show", **environment)
    assert shown.returncode == 0, shown.stderr
    for line in (
        f"set {number} open: 1 of 2 ended (50%)",
        "failed: 1",
        f"`oa runs list --set {number} --failed` names them",
        "queued or at work: 1",
        "time left: 0 min 30 s",
    ):
        assert line in shown.stdout

    tags = {"oa/set": str(number)}
    (run,) = Queue(instance).submit([RunRequest(run_key="r", job_name="process", tags=tags)])
    cancelled = oa("set", "cancel", **environment)
    assert cancelled.returncode == 0, cancelled.stderr
    assert f"1 of 2 had not ended when it was cancelled: {key('b')}" in cancelled.stdout
    assert "  not ended: 1\n" in cancelled.stdout
    assert "at work" not in cancelled.stdout, "nothing of a set that has ended is waited for"
    assert instance.get_run_by_id(run.run_id).status is DagsterRunStatus.CANCELED  # type: ignore[union-attr]

    again = oa("set", "cancel", str(number), **environment)
    assert (again.returncode, f"set {number} has ended as cancelled" in again.stderr) == (1, True)
    assert "no set is open" in oa("set", "cancel", **environment).stderr


def test_what_is_not_there_is_told(oa: Command, environment: dict[str, str], tmp_path: Path) -> None:
    unknown = oa("set", "show", "77", **environment)
    assert (unknown.returncode, unknown.stderr) == (1, "oa: there is no set 77 (`oa set show` shows the newest)\n")
    pattern = oa("set", "start", "--only", "xx/b/adresses/*", **environment)
    assert pattern.returncode == 1
    assert "no data source matches 'xx/b/adresses/*'" in pattern.stderr
    assert key("b") in pattern.stderr
    for command in (["start"], ["show"], ["cancel"]):
        nowhere = oa("set", *command, OA_HOME=str(tmp_path / "empty"))
        assert nowhere.returncode == 2
        assert nowhere.stderr == (
            "oa: no database runs (start `oa up`, or name a PostgreSQL server by OA_DATABASE_URL)\n"
        )


@pytest.mark.parametrize(("status", "code"), [(SetStatus.COMPLETE, 0), (SetStatus.INCOMPLETE, 1)])
def test_following_ends_with_the_set(
    oa: Command,
    environment: dict[str, str],
    engine: sa.Engine,
    monkeypatch: pytest.MonkeyPatch,
    status: SetStatus,
    code: int,
) -> None:
    assert oa("set", "start", "--force", **environment).returncode == 0
    row = sets.open_one(engine)
    assert row is not None
    number = row["id"]

    def between_two_looks(_seconds: float) -> None:
        members.end(engine, number, [Ended(key(n), Outcome.REMOVED) for n in "abc"], now=NOW)
        sets.end_set(engine, number, status, counts={}, detail="by a test", now=NOW + timedelta(seconds=1))

    monkeypatch.setattr(commands, "time", SimpleNamespace(sleep=between_two_looks))
    followed = oa("set", "show", "--follow", **environment)
    assert followed.returncode == code
    first, last = followed.stderr.splitlines()
    assert first == f"set {number} open: 0 of 3 ended; 3 due"
    assert f"{status}: 3 of 3 ended; 3 removed" in last
    assert f"set {number} {status}: 3 of 3 ended (100%)" in followed.stdout
    assert "by a test" in followed.stdout


def test_on_a_terminal_there_is_a_bar(oa: Command, environment: dict[str, str], engine: sa.Engine) -> None:
    assert oa("set", "start", "--force", **environment).returncode == 0
    row = sets.open_one(engine)
    assert row is not None
    sets.end_set(engine, row["id"], SetStatus.CANCELLED, counts={}, now=NOW)
    ours, theirs = os.openpty()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OA_", "DAGSTER_"))} | environment
    following = subprocess.run(
        [*OA, "set", "show", "--follow"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=env | {"TERM": "xterm", "COLUMNS": "120"},
        timeout=240,
        check=False,
    )
    os.close(theirs)
    drawn = b""
    with suppress(OSError):  # there is nobody at the other end any more
        while piece := os.read(ours, 100_000):
            drawn += piece
    os.close(ours)
    assert following.returncode == 1
    assert b"0/3" in drawn
