"""The launcher on a real ledger; whole runs are in workers/test_scenarios."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from oa_pipeline.errors import SettingsError
from oa_pipeline.ledger import assignments, heartbeats
from oa_pipeline.ledger.assignments import Assignment, Standing
from oa_pipeline.ledger.heartbeats import Beat
from oa_pipeline.ledger.tables import Stage
from oa_pipeline.orchestration import dagster_private as private
from oa_pipeline.orchestration.launcher import Ec2RunLauncher, judged

RUNNING, NOT_FOUND, FAILED = (
    private.WorkerStatus.RUNNING,
    private.WorkerStatus.NOT_FOUND,
    private.WorkerStatus.FAILED,
)


@pytest.fixture
def launcher(database: str, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Ec2RunLauncher:
    monkeypatch.setenv("OA_DATABASE_URL", database)
    made = Ec2RunLauncher.from_config_value(None, {"mode": "local", "heartbeat_timeout_seconds": 60})
    made.register_instance(instance)
    return made


def started(instance: DagsterInstance, **tags: str) -> DagsterRun:
    return create_run_for_test(instance, status=DagsterRunStatus.STARTED, tags=tags)


def stand(stage: Stage, silent: float | None) -> Standing:
    return Standing(Assignment("r"), stage, "w", "host", 1, "exit status 1", silent, {})


@pytest.mark.parametrize(
    ("found", "excused", "status"),
    [
        pytest.param(stand(Stage.READY, None), False, RUNNING, id="waits for a worker"),
        pytest.param(stand(Stage.TAKEN, 59), False, RUNNING, id="its worker beats"),
        pytest.param(stand(Stage.TAKEN, 61), False, NOT_FOUND, id="its worker is silent"),
        pytest.param(stand(Stage.TAKEN, None), False, NOT_FOUND, id="its worker is gone"),
        pytest.param(stand(Stage.TAKEN, 61), True, RUNNING, id="silent, while we were blind"),
        pytest.param(stand(Stage.BROKEN, 1), False, FAILED, id="its process died"),
        pytest.param(stand(Stage.DONE, 1), False, FAILED, id="its process ended and the run did not"),
    ],
)
def test_what_is_said_of_a_worker_is_known(found: Standing, excused: bool, status: private.WorkerStatus) -> None:
    assert judged(found, 60, excused=excused).status is status


def test_who_cannot_see_never_says_that_a_worker_is_lost(
    launcher: Ec2RunLauncher, instance: DagsterInstance, engine: sa.Engine
) -> None:
    run = started(instance)
    assert launcher.check_run_worker_health(run).status is RUNNING  # nothing is known of it
    launcher.launch_run(private.LaunchRunContext(run, None))
    assignments.take(engine, "w", 1)
    assert launcher.check_run_worker_health(run).status is NOT_FOUND
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE oa.assignments RENAME TO hidden"))
    blind = launcher.check_run_worker_health(run)
    assert (blind.status, "cannot be asked" in (blind.msg or "")) == (RUNNING, True)
    assert "cannot be asked" in (launcher.get_run_worker_debug_info(run) or "")
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE oa.hidden RENAME TO assignments"))
    # It sees again, and gives the worker as long to be heard as any other.
    assert launcher.check_run_worker_health(run).status is RUNNING


def test_a_run_launched_twice_is_one_assignment_with_its_priority(
    launcher: Ec2RunLauncher, instance: DagsterInstance, engine: sa.Engine
) -> None:
    runs = [started(instance, **{"dagster/priority": text}) for text in ("-1", "10", "high")]
    for run in [*runs, *runs]:
        launcher.launch_run(private.LaunchRunContext(run, None))
    assert [one.run_id for one in assignments.take(engine, "w", 9)] == [r.run_id for r in (runs[1], runs[2], runs[0])]


def test_a_resumed_run_is_the_next_attempt(
    launcher: Ec2RunLauncher, instance: DagsterInstance, engine: sa.Engine
) -> None:
    run = started(instance)
    launcher.launch_run(private.LaunchRunContext(run, None))
    assignments.take(engine, "lost", 1)
    assert launcher.supports_resume_run
    launcher.resume_run(private.ResumeRunContext(run, None, 1))
    assert assignments.take(engine, "w", 9) == [Assignment(run.run_id, 1)]


def test_terminate_withdraws_what_nobody_has_and_asks_who_has_it(
    launcher: Ec2RunLauncher, instance: DagsterInstance, engine: sa.Engine
) -> None:
    def status(run: DagsterRun) -> DagsterRunStatus:
        found = instance.get_run_by_id(run.run_id)
        assert found is not None
        return found.status

    ready, taken, unknown = started(instance), started(instance), started(instance)
    launcher.launch_run(private.LaunchRunContext(taken, None))
    assignments.take(engine, "w", 1)
    launcher.launch_run(private.LaunchRunContext(ready, None))
    assert launcher.terminate(ready.run_id)
    assert launcher.terminate(taken.run_id)
    assert not launcher.terminate(unknown.run_id)
    assert not launcher.terminate("no such run")
    assert not launcher.terminate(ready.run_id)
    assert (status(ready), status(taken)) == (DagsterRunStatus.CANCELED, DagsterRunStatus.CANCELING)
    assert assignments.take(engine, "w", 9) == []


def test_the_debug_information_names_the_worker_and_what_the_run_uses(
    launcher: Ec2RunLauncher, instance: DagsterInstance, engine: sa.Engine
) -> None:
    run = started(instance)
    assert launcher.get_run_worker_debug_info(run) is None
    launcher.launch_run(private.LaunchRunContext(run, None))
    assert launcher.get_run_worker_debug_info(run) == "attempt 0 waits for a worker"
    assignments.take(engine, "w-1", 1)
    heartbeats.beat(engine, Beat("w-1", "host", 1, 2, usage={run.run_id: {"pid": 5, "memory": 6}}))
    said = launcher.get_run_worker_debug_info(run) or ""
    assert all(part in said for part in ("w-1 on host", "seconds ago", "memory 6", "pid 5")), said


def test_an_unknown_mode_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="local"):
        Ec2RunLauncher("elsewhere")
