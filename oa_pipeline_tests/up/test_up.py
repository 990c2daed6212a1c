"""`oa up` as a person starts it: real PostgreSQL, code server, webserver, daemon and runs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from oa_pipeline.errors import SettingsError
from oa_pipeline.ledger import queries
from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.orchestration import embedded
from oa_pipeline.samples import install
from oa_pipeline.settings import Settings
from oa_pipeline.up.graphql import Webserver
from oa_pipeline.up.system import child_environment, running
from oa_pipeline.up.terminal import Terminal
from oa_pipeline_tests.ledger.life import counts_by_status
from oa_pipeline_tests.processes import left, until
from oa_pipeline_tests.web.served import free_port

PROGRAM = (
    "import sys; from oa_pipeline.settings import Settings; from oa_pipeline.up import up; "
    "sys.exit(up(Settings.from_env(), once='once' in sys.argv))"
)
BACKFILL = """
mutation Backfill($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
RUNS = """
query Runs($filter: RunsFilter) {
  runsOrError(filter: $filter) { ... on Runs { results { runId status tags { key value } } } }
}
"""


class Started:
    """A running `oa up`."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self.output = output

    def said(self) -> str:
        return self.output.read_text()

    def wait_for(self, what: str, seconds: float = 400) -> None:
        wait_until(lambda: what in self.said() or self.process.poll() is not None, seconds)
        assert what in self.said(), self.said()

    def webserver(self) -> Webserver:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.said())
        assert found, self.said()
        return Webserver(int(found[1]))

    def below(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@contextmanager
def started(home: Path, *arguments: str, **settings: str) -> Iterator[Started]:
    output = home.parent / f"{home.name}.output"
    ports = {"OA_UI_PORT": str(free_port()), "OA_WEB_PORT": str(free_port())}  # the usual ones may be somebody's
    environment = {**os.environ, "OA_HOME": str(home), **ports, **settings}
    with output.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments], env=environment, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield Started(process, output)
    finally:
        process.kill()
        process.wait()


def wait_until(true: Callable[[], Any], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.1)


def gone(processes: list[psutil.Process], seconds: float = 120) -> list[psutil.Process]:
    """Those that still run when the time is over."""
    wait_until(lambda: not left(processes), seconds)
    return left(processes)


@pytest.mark.timeout(900)
def test_once_processes_every_source_and_nothing_stays_behind(home: Path) -> None:
    samples = install(home / "repository")
    for file in samples.rglob("*.json"):  # a run is a process that imports Dagster: two tell as much as eight
        if file.stem not in {"broken", "harbour"}:
            file.unlink()
    with started(home / "oa", "once", OA_SOURCES=str(samples), OA_ALLOW_LOCAL_SOURCES="1") as up:
        up.wait_for("processing 2 data sources")
        processes = up.below()
        assert len(processes) >= 7
        up.process.wait(400)
        said = up.said()
        assert up.process.returncode == 0, said
    assert gone(processes) == []
    assert "done     xx/harbour/addresses/city: 239 rows" in said
    assert "failed   xx/broken/addresses/city: Could not conform source data" in said
    assert {path.parent.name for path in (home / "oa/store/runs").glob("*/index.json")} == {"1", "2"}
    assert embedded.find(home / "oa") is None


@pytest.mark.parametrize("sources", ["", "a/repository"], ids=["the bundled samples", "a repository of one's own"])
def test_local_files_are_allowed_to_the_bundled_samples_alone(tmp_path: Path, sources: str) -> None:
    given = child_environment(Settings(sources=sources), tmp_path, "postgresql://x/y", tmp_path)
    assert given.get("OA_ALLOW_LOCAL_SOURCES") == (None if sources else "1")


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def repository(home: Path, silent: str) -> Path:
    """Two sources that work and one that hangs."""
    (home / "x.csv").write_text("n,s,x,y\n1,A,2,3\n")
    conform = {"format": "csv", "lon": "x", "lat": "y", "number": "n", "street": "s"}
    folder = home / "repository/sources/xx"
    folder.mkdir(parents=True)
    for name, data in {"a": (home / "x.csv").as_uri(), "b": (home / "x.csv").as_uri(), "hangs": f"{silent}/x"}.items():
        one = {"name": "city", "protocol": "http", "data": data, "conform": conform}
        text = {"schema": 2, "coverage": {"country": "xx"}, "layers": {"addresses": [one]}}
        (folder / f"{name}.json").write_text(json.dumps(text))
    return home / "repository"


def key(name: str) -> str:
    return f"xx/{name}/addresses/city"


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_backfill_runs_a_killed_run_is_seen_and_ctrl_c_ends_everything(
    home: Path, repository: Path, silent: str
) -> None:
    with started(home / "oa", OA_SOURCES=str(repository), OA_ALLOW_LOCAL_SOURCES="1") as up:
        up.wait_for("Press Ctrl-C")
        webserver = up.webserver()
        server = embedded.find(home / "oa")
        assert server is not None
        engine = ledger_engine(server.url)
        params = {
            "assetSelection": [{"path": ["source"]}],
            "partitionNames": [key("a"), key("b")],
            "fromFailure": False,
        }
        hanging = webserver.launch(key("hangs"))
        answer = webserver.ask(BACKFILL, {"params": params})["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        wait_until(lambda: counts_by_status(engine) == {"succeeded": 2, "running": 1}, 300)
        assert counts_by_status(engine) == {"succeeded": 2, "running": 1}
        latest = queries.latest_runs(engine, [key("a"), key("b")])
        tags = {
            run["runId"]: {tag["key"]: tag["value"] for tag in run["tags"]}
            for run in webserver.ask(RUNS, {"filter": {}})["runsOrError"]["results"]
        }
        assert all(tags[row["dagster_run_id"]]["dagster/partition"] == row["key"] for row in latest.values())

        # The process of the run that hangs is killed: it goes on under its own id, with a number of its own.
        first = queries.latest_runs(engine, [key("hangs")])[key("hangs")]
        wait_until(lambda: connected(up.below(), silent), 120)
        (victim,) = connected(up.below(), silent)
        victim.kill()
        wait_until(lambda: queries.latest_runs(engine, [key("hangs")])[key("hangs")]["id"] != first["id"], 300)
        second = queries.latest_runs(engine, [key("hangs")])[key("hangs")]
        assert second["dagster_run_id"] == first["dagster_run_id"] == hanging
        former = queries.run(engine, first["id"])
        assert former is not None
        assert (former["status"], former["successor"]) == ("lost", second["id"])
        assert counts_by_status(engine) == {"succeeded": 2, "lost": 1, "running": 1}
        engine.dispose()
        processes = up.below()
        up.process.send_signal(signal.SIGINT)
        up.process.wait(120)
        assert up.process.returncode == 0, up.said()
        assert up.said().rstrip().endswith("stopped")
    assert gone(processes) == []


def connected(processes: list[psutil.Process], address: str) -> list[psutil.Process]:
    """Those of the processes that have a connection to the server at this address."""
    port = int(address.rpartition(":")[2])
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if any(c.raddr and c.raddr.port == port for c in process.net_connections()):
                found.append(process)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_killed_up_leaves_no_process(home: Path, repository: Path) -> None:
    with started(home / "oa", OA_SOURCES=str(repository)) as up:
        wait_until(lambda: (home / "oa/logs/daemon.log").exists() or up.process.poll() is not None, 240)
        up.process.send_signal(signal.SIGSTOP)  # it is at work, and would start others that we do not see
        until(lambda: psutil.Process(up.process.pid).status() in {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE})
        processes = up.below()
        assert len(processes) >= 6, up.said()
        up.process.kill()
        assert gone(processes) == []


def run(home: Path, **settings: str) -> tuple[int, str]:
    with started(home, **settings) as up:
        up.process.wait(240)
        return up.process.returncode, up.said()


@pytest.mark.parametrize("setting", ["OA_UI_PORT", "OA_WEB_PORT"])
def test_a_busy_port_is_said_before_anything_starts(home: Path, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, said = run(home / "oa", **{setting: port})
    assert (status, port in said, setting in said) == (2, True, True)
    assert not (home / "oa/postgres").exists()


@pytest.mark.parametrize("setting", ["OA_HOME", "OA_STORE"])
@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_cannot_be_is_said_before_anything_starts(home: Path, setting: str, place: str) -> None:
    (home / "file").touch()
    settings = Settings(**{"home": home / "oa", "ui_port": 0, setting.removeprefix("OA_").lower(): home / place})
    settings = replace(settings, store=str(settings.store))
    with pytest.raises(SettingsError, match=setting) as refused, running(settings, Terminal(Console(quiet=True))):
        pass
    assert str(home / place) in str(refused.value)
    assert not (home / "oa/postgres").exists()


def test_a_second_up_in_the_same_home_is_refused(home: Path) -> None:
    import fcntl

    (home / "oa").mkdir()
    with (home / "oa/up.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        status, said = run(home / "oa")
    assert status == 2
    assert "already runs" in said


def test_a_database_that_is_not_there_is_one_clear_error(home: Path) -> None:
    status, said = run(home / "oa", OA_DATABASE_URL="postgresql://user:s3cr3t-w0rd@127.0.0.1:1/db")
    assert status == 1
    assert "127.0.0.1" in said
    assert "s3cr3t-w0rd" not in said
    assert "Traceback" not in said
    assert Settings().ui_port == 3000
