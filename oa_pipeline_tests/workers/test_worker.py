"""The worker's parts: warm parents, what they share, how they are replaced."""

from __future__ import annotations

import select
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from dagster import DagsterRunStatus as Status

from oa_pipeline.ledger.assignments import Assignment
from oa_pipeline.workers.code import PACKAGE, fingerprint
from oa_pipeline.workers.parents import Parent
from oa_pipeline.workers.usage import used
from oa_pipeline_tests.workers.system import LOCATION, PATIENCE, TOP, System

pytestmark = pytest.mark.timeout(900)  # processes come up, wait for each other and end, on a machine that may be busy


@pytest.fixture
def parent(running: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parent]:
    """A warm parent, ready to fork."""
    monkeypatch.chdir(TOP)
    made = Parent(LOCATION, ("shapely", "pyproj"))
    hear(made, lambda: made.ready)
    yield made
    made.close()


def hear(parent: Parent, enough: Any, seconds: float = PATIENCE) -> list[dict[str, Any]]:
    """What it says until that is true."""
    said: list[dict[str, Any]] = []
    end = time.monotonic() + seconds
    while not enough():
        assert time.monotonic() < end
        select.select([parent.socket], [], [], 0.2)
        parent.hear(said.append)
        assert not parent.gone
    return said


def sockets(pid: int) -> list[str]:
    links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
    return [link for link in links if link.startswith("socket:")]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads and open files are read from /proc")
def test_a_warm_parent_has_no_thread_connection_or_channel_and_loses_none_to_its_children(
    running: System, parent: Parent
) -> None:
    pid = parent.process.pid
    assert len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
    assert len(sockets(pid)) == 2, "its worker's, and that of the converters' server"
    assert psutil.Process(pid).net_connections() == []
    run_id = running.create("quick")
    parent.start(Assignment(run_id))
    said: list[dict[str, Any]] = []
    end = time.monotonic() + PATIENCE
    while not any(message["is"] == "ended" for message in said):
        assert time.monotonic() < end
        select.select([parent.socket], [], [], 0.2)
        parent.hear(said.append)
    assert [message["is"] for message in said] == ["started", "ended"]
    assert said[1]["status"] == 0
    assert running.status(run_id) is Status.SUCCESS
    assert len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
    assert len(sockets(pid)) == 2


def test_a_parent_ends_with_its_worker_and_takes_children_and_converters_along(running: System, parent: Parent) -> None:
    parent.start(Assignment(running.create("waiting")))
    running.until(lambda: running.lines("started"), "a start")
    below = psutil.Process(parent.process.pid).children(recursive=True)
    assert len(below) >= 2, "the child and the converters' server"
    uses = used(running.lines("started")[0])
    assert uses["memory"] > 1 << 20
    assert uses["cpu_seconds"] >= 0
    parent.socket.close()  # all that remains of a worker that was killed
    running.gone(below)


def test_the_parent_is_replaced_after_so_many_runs(running: System) -> None:
    running.daemon()
    running.worker("--recycle", "2")
    parents: set[int] = set()

    def replaced() -> bool:
        running.wait(running.launch("quick"), Status.SUCCESS)
        parents.update(int(path.name.removeprefix("parent-")) for path in running.scratch.glob("parent-*"))
        return len(parents) >= 2

    running.until(replaced, "another parent")
    running.until(lambda: sum(psutil.pid_exists(pid) for pid in parents) <= 1, "the end of those that were replaced")


def test_code_that_was_changed_is_another(tmp_path: Path) -> None:
    copy = tmp_path / "package"
    # But for what Python itself writes there, meanwhile, too.
    shutil.copytree(PACKAGE / "orchestration", copy, ignore=shutil.ignore_patterns("__pycache__"))
    before = fingerprint(copy)
    assert fingerprint(copy) == before
    (copy / "version.py").write_text("# new\n")
    changed = fingerprint(copy)
    assert changed != before
    (copy / "added.py").touch()
    assert fingerprint(copy) != changed


def test_a_code_location_that_cannot_be_loaded_ends_the_worker_with_its_words(running: System) -> None:
    running.location = "no.such.module"
    worker = running.worker()
    assert worker.wait(PATIENCE) == 1
    assert "no.such.module" in running.logs()
    assert "cannot be loaded" in running.logs()
    assert running.rows("SELECT 1 FROM oa.heartbeats WHERE NOT draining") == []
