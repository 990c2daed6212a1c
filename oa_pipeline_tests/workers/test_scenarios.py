"""What may happen to a run, with a real daemon, real workers, real signals and a real database."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dagster import DagsterRunStatus as Status

from oa_pipeline.ledger import assignments, queries
from oa_pipeline.ledger.assignments import Assignment
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.orchestration import dagster_private as private
from oa_pipeline_tests.database import temporary
from oa_pipeline_tests.processes import numbered
from oa_pipeline_tests.workers.system import PATIENCE, System, system

pytestmark = pytest.mark.timeout(900)  # processes come up, wait for each other and end, on a machine that may be busy


@pytest.fixture(scope="module")
def standing(
    server: str, ledger_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[System, subprocess.Popen[bytes]]]:
    """A system in which a lost run is resumed once, and its daemon: no test here ends that."""
    for url in temporary(server, ledger_template):
        with system(tmp_path_factory.mktemp("system"), url) as made:
            yield made, made.daemon()


@pytest.fixture
def running(standing: tuple[System, subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """That system without any run or worker."""
    made, daemon = standing
    for name, value in made.environment.items():
        if name.startswith("OA_"):
            monkeypatch.setenv(name, value)
    yield made
    made.end_all(but=[daemon])
    assert daemon.poll() is None
    made.forget()


@pytest.fixture
def without_resume(tmp_path: Path, database: str) -> Iterator[System]:
    """A system in which a lost run fails."""
    with system(tmp_path, database, resume=0) as made:
        yield made


def carried_out(running: System, name: str, **tags: str) -> str:
    """Launches a job and waits until it is at work."""
    before = len(running.lines("started"))
    run_id = running.launch(name, **tags)
    running.until(lambda: len(running.lines("started")) > before, f"the start of {name}")
    return run_id


def stages(running: System, run_id: str) -> list[str]:
    """How the attempts at a run stand, the first first."""
    query = f"SELECT stage FROM oa.assignments WHERE dagster_run_id = '{run_id}' ORDER BY attempt"
    return [stage for (stage,) in running.rows(query)]


def test_a_lost_workers_run_goes_on_under_its_own_id(running: System) -> None:
    first = running.worker(log="first")
    run_id = carried_out(running, "waiting")
    below = running.kill_tree(first)
    running.gone(below)  # the child, its parent and the converters' server
    (running.scratch / "go").touch()
    running.worker(log="second")
    running.wait(run_id, Status.SUCCESS)
    assert len(running.lines("started")) == 2
    running.until(lambda: stages(running, run_id) == ["broken", "done"], "its end in the ledger")
    said = running.messages(run_id)
    assert "seconds ago" in said
    assert "Resuming run" in said
    assert len(running.rows("SELECT 1 FROM runs")) == 1


@pytest.mark.soak
def test_a_lost_workers_run_fails_where_nothing_is_resumed(without_resume: System) -> None:
    running = without_resume
    running.daemon()
    first = running.worker()
    run_id = carried_out(running, "waiting")
    running.gone(running.kill_tree(first))
    running.wait(run_id, Status.FAILURE)
    assert "beat" in running.messages(run_id)
    assert running.lines("started")[1:] == []


def test_who_is_terminated_is_interrupted_and_who_does_not_listen_is_killed(running: System) -> None:
    worker = running.worker()
    polite, stubborn = carried_out(running, "waiting"), carried_out(running, "stubborn")
    queued = running.launch("waiting")
    processes = numbered(running.lines("started"))
    for run_id in (polite, stubborn):
        assert running.instance.run_launcher.terminate(run_id)
    running.wait(polite, Status.CANCELED)
    running.wait(stubborn, Status.CANCELED)
    running.gone(processes)
    assert running.lines("asked") == [processes[1].pid]
    assert 'Execution of run for "waiting" canceled' in running.messages(polite)
    assert "killed by signal 9" in running.messages(stubborn), running.messages(stubborn)
    # Their slots are free again; and a run that still waits in the queue is cancelled there.
    running.wait(queued, Status.STARTED)
    waiting = [running.launch("waiting", oa__host="h") for _ in range(2)]
    running.wait(waiting[0], Status.STARTED)
    assert running.instance.run_coordinator.cancel_run(waiting[1])
    running.wait(waiting[1], Status.CANCELED)
    (running.scratch / "go").touch()
    running.wait(queued, Status.SUCCESS)
    running.wait(waiting[0], Status.SUCCESS)
    assert running.end(worker) == 0


def test_a_run_past_its_time_fails_and_its_process_ends(running: System) -> None:
    running.worker()
    run_id = carried_out(running, "waiting", dagster__max_runtime="5")
    processes = numbered(running.lines("started"))
    running.wait(run_id, Status.FAILURE)
    running.gone(processes)
    assert "Exceeded maximum runtime of 5 seconds" in running.messages(run_id)
    running.until(lambda: stages(running, run_id) == ["done"], "its end in the ledger")
    assert len(running.rows("SELECT 1 FROM runs")) == 1, "nothing starts it again"


def test_without_a_worker_runs_wait_in_dagsters_queue(running: System) -> None:
    waiting, cancelled = running.launch("quick"), running.launch("quick")
    running.until(lambda: "Maximum is 0" in running.logs(), "a look into the queue")
    assert (running.status(waiting), running.rows("SELECT 1 FROM oa.assignments")) == (Status.QUEUED, [])
    assert running.instance.run_coordinator.cancel_run(cancelled)
    assert running.status(cancelled) is Status.CANCELED
    worker = running.worker()
    running.wait(waiting, Status.SUCCESS)
    assert running.end(worker) == 0
    late = running.launch("quick")
    time.sleep(2)
    assert running.status(late) is Status.QUEUED
    assert running.rows("SELECT 1 FROM oa.heartbeats") == []


def test_a_second_delivery_of_a_run_does_nothing(running: System) -> None:
    running.worker()
    run_id = carried_out(running, "waiting")
    run = running.instance.get_run_by_id(run_id)
    assert run is not None
    running.instance.run_launcher.launch_run(private.LaunchRunContext(run, None))
    # Even one that got past the ledger starts nothing.
    ((guard,),) = running.rows("SELECT indexdef FROM pg_indexes WHERE indexname = 'assignments_one_open_ix'")
    with running.engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX oa.assignments_one_open_ix")
        connection.exec_driver_sql(f"INSERT INTO oa.assignments (dagster_run_id, attempt) VALUES ('{run_id}', -1)")
    running.until(lambda: "duplicate run" in running.messages(run_id), "a duplicate that is ignored")
    (running.scratch / "go").touch()
    running.wait(run_id, Status.SUCCESS)
    assert len(running.lines("started")) == 1
    with running.engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE oa.assignments")  # first, for the worker may want the row meanwhile
        connection.exec_driver_sql("DELETE FROM oa.assignments WHERE attempt = -1")
        connection.exec_driver_sql(guard)


def test_a_late_result_of_a_lost_attempt_is_refused(running: System) -> None:
    now = datetime.now(UTC)
    record(running.engine, [Declared("x/addresses/y", "x", "addresses", "y", {}, {}, "d")], now=now)
    lost = running.worker(log="lost")
    run_id = running.launch("holding")
    running.until(lambda: running.lines("opened-1"), "the first attempt")
    lost.send_signal(signal.SIGSTOP)  # it falls silent; its child works on
    other = running.worker(log="other")
    running.until(lambda: running.lines("opened-2"), "the second attempt")
    (running.scratch / "go-1").touch()
    running.until(lambda: running.lines("refused-1"), "a refusal")
    (running.scratch / "go-2").touch()
    running.wait(run_id, Status.SUCCESS)
    assert running.lines("accepted-2")
    first, second = sorted(queries.history(running.engine, "x/addresses/y"), key=lambda row: row["id"])
    assert (first["status"], first["successor"], second["status"]) == ("lost", second["id"], "succeeded")
    assert (first["dagster_run_id"], second["dagster_run_id"]) == (run_id, run_id)
    assert [row["status"] for row in queries.late(running.engine, first["id"])] == ["succeeded"]
    lost.send_signal(signal.SIGCONT)
    assert running.end(lost) == 0
    assert running.end(other) == 0


@pytest.mark.soak
def test_a_late_result_is_accepted_once_where_nobody_took_over(running: System) -> None:
    now = datetime.now(UTC)
    record(running.engine, [Declared("x/addresses/y", "x", "addresses", "y", {}, {}, "d")], now=now)
    silent = running.worker()
    run_id = running.launch("holding")
    running.until(lambda: running.lines("opened-1"), "the first attempt")
    silent.send_signal(signal.SIGSTOP)
    running.until(lambda: stages(running, run_id) == ["broken", "ready"], "a second attempt that nobody takes")
    (running.scratch / "go-1").touch()
    running.wait(run_id, Status.SUCCESS)
    assert running.lines("accepted-1")
    silent.send_signal(signal.SIGCONT)
    running.until(lambda: stages(running, run_id) == ["broken", "done"], "the end of the second attempt")
    (row,) = queries.history(running.engine, "x/addresses/y")
    assert row["status"] == "succeeded"
    assert queries.late(running.engine, row["id"]) == []
    assert not running.lines("opened-2"), "what is over is not begun again"
    assert running.end(silent) == 0


@pytest.mark.soak
def test_a_run_whose_process_dies_again_and_again_fails_once(running: System) -> None:
    running.worker()
    run_id = running.launch("dying")
    running.wait(run_id, Status.FAILURE)
    assert len(running.lines("started")) == 2
    assert "killed by signal 9" in running.messages(run_id)


def test_a_draining_worker_hands_back_what_it_cannot_finish(running: System) -> None:
    first = running.worker(log="first")
    run_id = carried_out(running, "waiting")
    assert running.end(first) == 0
    assert stages(running, run_id)[0] == "broken"
    (running.scratch / "go").touch()
    running.worker(log="second")
    running.wait(run_id, Status.SUCCESS)
    assert "handed back" in running.messages(run_id)


@pytest.mark.soak
def test_a_draining_worker_finishes_what_it_can_and_takes_nothing(running: System) -> None:
    worker = running.worker("--drain", "60")
    run_id = carried_out(running, "waiting")
    worker.send_signal(signal.SIGTERM)
    running.until(lambda: running.rows("SELECT draining FROM oa.heartbeats") == [(True,)], "a beat that says so")
    late = running.launch("quick")
    time.sleep(1.5)
    assert running.status(late) is Status.QUEUED
    (running.scratch / "go").touch()
    assert worker.wait(PATIENCE) == 0
    assert (running.status(run_id), running.status(late)) == (Status.SUCCESS, Status.QUEUED)


def test_what_a_lost_worker_never_started_is_taken_by_another(running: System) -> None:
    running.worker()
    running.until(lambda: running.rows("SELECT 1 FROM oa.heartbeats"), "a worker")
    run_id = running.create("quick")
    # As if another had taken it and died before the first step.
    with running.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO oa.assignments (dagster_run_id, attempt, stage, worker, taken_at, deliveries) "
            f"VALUES ('{run_id}', 0, 'taken', 'dead', now(), 1)"
        )
    running.wait(run_id, Status.SUCCESS)
    assignments.offer(running.engine, Assignment("of a run that was deleted"))
    running.until(lambda: stages(running, "of a run that was deleted") == ["done"], "an end")


def test_a_worker_without_room_takes_nothing_and_one_with_room_does(running: System) -> None:
    given = running.environment
    running.environment = {**given, "OA_LEAST_FREE_MIB": "999999999"}
    running.worker(log="without room")
    running.environment = given
    running.until(lambda: running.rows("SELECT 1 FROM oa.heartbeats WHERE draining AND code_version <> ''"), "its beat")

    run_id = running.launch("quick")
    running.until(lambda: "no runs are taken" in running.logs(), "its word")
    assert running.status(run_id) is Status.QUEUED

    running.worker(log="with room")
    running.wait(run_id, Status.SUCCESS)
    assert running.rows("SELECT deliveries FROM oa.assignments") == [(1,)]
