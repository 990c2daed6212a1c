"""Runs with an instance of their own, with a real ledger and Amazon's servers over HTTP."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from oa_pipeline.aws import instances
from oa_pipeline.aws.clients import CloudFault
from oa_pipeline.aws.instances import State
from oa_pipeline.ledger import assignments
from oa_pipeline.ledger.assignments import Assignment, Standing
from oa_pipeline.ledger.heartbeats import Beat, beat
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.runs import CacheFacts, Ending, Opening, end_run, open_run
from oa_pipeline.ledger.tables import RunStatus, Stage
from oa_pipeline.orchestration import dagster_private as private
from oa_pipeline.orchestration.coordinator import CapacityRunCoordinator
from oa_pipeline.orchestration.launcher import Ec2RunLauncher
from oa_pipeline.orchestration.launching import dedicated
from oa_pipeline.orchestration.launching.dedicated import Order, order_of
from oa_pipeline.orchestration.launching.health import judged
from oa_pipeline.settings import Settings
from oa_pipeline_tests.aws.amazon import SINGLE, Amazon
from oa_pipeline_tests.workers.system import remote_origin

RUNNING, NOT_FOUND = private.WorkerStatus.RUNNING, private.WorkerStatus.NOT_FOUND
OWN = {"oa/worker": "dedicated"}


@pytest.fixture
def settings(database: str, amazon: Amazon, monkeypatch: pytest.MonkeyPatch) -> Settings:
    amazon.make_template(SINGLE)
    monkeypatch.setenv("OA_DATABASE_URL", database)
    monkeypatch.setenv("OA_EC2_LAUNCH_TEMPLATE", SINGLE)
    return Settings.from_env()


@pytest.fixture
def launcher(settings: Settings, instance: DagsterInstance) -> Ec2RunLauncher:
    made = Ec2RunLauncher.from_config_value(None, {"mode": "ec2", "heartbeat_timeout_seconds": 60})
    made.register_instance(instance)
    return made


def heavy(instance: DagsterInstance, **tags: str) -> DagsterRun:
    return create_run_for_test(instance, status=DagsterRunStatus.STARTED, tags={**OWN, **tags})


def launch(launcher: Ec2RunLauncher, run: DagsterRun) -> None:
    launcher.launch_run(private.LaunchRunContext(run, None))


def made_for(amazon: Amazon, run: DagsterRun) -> list[str]:
    """The instances that live and are for this run."""
    return [
        number
        for number, one in amazon.instances().items()
        if {"Key": "oa:run", "Value": run.run_id} in one["Tags"] and one["State"]["Name"] == "running"
    ]


def age(engine: sa.Engine, minutes: int) -> None:
    """Everything that happened to assignments happened so much earlier."""
    earlier = f"- interval '{minutes} minutes'"
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                f"UPDATE oa.assignments SET ready_at = ready_at {earlier}, taken_at = taken_at {earlier}, "
                f"ended_at = ended_at {earlier}"
            )
        )


@pytest.mark.parametrize(
    ("tags", "order"),
    [
        pytest.param({}, Order("m7i.large", 100, 12), id="the settings"),
        pytest.param(
            {"oa/instance_type": "r7i.4xlarge", "oa/disk_gb": "0", "oa/hours": "48"}, Order("r7i.4xlarge", 0, 48),
            id="the run's own",
        ),
        pytest.param(
            {"oa/instance_type": "the biggest", "oa/disk_gb": "-1", "oa/hours": "9999"}, Order("m7i.large", 100, 12),
            id="what cannot be",
        ),
    ],
)  # fmt: skip
def test_tags_say_what_instance_it_is_and_settings_where_they_do_not(tags: dict[str, str], order: Order) -> None:
    assert order_of(tags, Settings()) == order


def test_a_heavy_run_gets_an_instance_that_says_whose_it_is_and_only_its_worker_takes_the_run(
    launcher: Ec2RunLauncher, instance: DagsterInstance, amazon: Amazon, engine: sa.Engine
) -> None:
    run = heavy(instance, **{"oa/instance_type": "r7i.large", "oa/hours": "20", "dagster/partition": "us/ca/x ’"})
    launch(launcher, run)
    launch(launcher, run)
    (number,) = made_for(amazon, run)
    one = amazon.instances()[number]
    tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
    assert {name: tags[name] for name in ("oa:run", "oa:attempt", "oa:hours", "oa:command")} == {
        "oa:run": run.run_id, "oa:attempt": "0", "oa:hours": "20", "oa:command": f"{run.job_name} us/ca/x _",
    }  # fmt: skip
    assert (one["InstanceType"], one["InstanceLifecycle"]) == ("r7i.large", "spot")
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.tags["oa/instance"] == number
    assert assignments.take(engine, "pool", 9) == []
    assert launcher.check_run_worker_health(run).status is RUNNING
    assert number in (launcher.get_run_worker_debug_info(run) or "")
    assert assignments.take(engine, "its own", 1, only=run.run_id) == [Assignment(run.run_id)]


def test_without_a_template_and_in_local_mode_heavy_runs_are_the_pools(
    settings: Settings, instance: DagsterInstance, amazon: Amazon, engine: sa.Engine
) -> None:
    local = Ec2RunLauncher.from_config_value(None, {"mode": "local"})
    local.register_instance(instance)
    run = heavy(instance)
    launch(local, run)
    assert assignments.take(engine, "pool", 9) == [Assignment(run.run_id)]
    assert amazon.actions("RunInstances") == []


def test_the_first_attempt_is_at_spot_price_and_later_ones_on_demand(
    launcher: Ec2RunLauncher, instance: DagsterInstance, amazon: Amazon, engine: sa.Engine
) -> None:
    run = heavy(instance)
    launch(launcher, run)
    (first,) = made_for(amazon, run)
    assignments.take(engine, "its own", 1, only=run.run_id)
    assert launcher.check_run_worker_health(run).status is NOT_FOUND  # no such worker beats
    launcher.resume_run(private.ResumeRunContext(run, None, 1))
    (second,) = set(made_for(amazon, run)) - {first}
    assert amazon.instances()[second].get("InstanceLifecycle") != "spot"


def test_where_there_is_no_spot_instance_it_is_on_demand_at_once(
    launcher: Ec2RunLauncher, instance: DagsterInstance, amazon: Amazon
) -> None:
    amazon.no_spot = True
    run = heavy(instance)
    launch(launcher, run)
    (number,) = made_for(amazon, run)
    assert amazon.instances()[number].get("InstanceLifecycle") != "spot"


def test_what_is_throttled_fails_no_run_and_is_asked_for_again(
    launcher: Ec2RunLauncher, instance: DagsterInstance, amazon: Amazon, engine: sa.Engine, settings: Settings
) -> None:
    run = heavy(instance)
    amazon.busy = 1.0
    launch(launcher, run)
    assert "No instance yet" in "".join(entry.message for entry in instance.all_logs(run.run_id))
    amazon.busy = 0.0
    dedicated.tend(engine, instance, settings)
    assert made_for(amazon, run) == []  # its launcher may still be at it
    age(engine, 2)
    dedicated.tend(engine, instance, settings)
    dedicated.tend(engine, instance, settings)
    assert len(made_for(amazon, run)) == 1


def test_what_is_refused_fails_the_run_with_the_reason(
    launcher: Ec2RunLauncher, instance: DagsterInstance, amazon: Amazon, engine: sa.Engine
) -> None:
    amazon.refusing = True
    run = heavy(instance)
    with pytest.raises(CloudFault, match="role"):
        launch(launcher, run)
    assert assignments.take(engine, "its own", 1, only=run.run_id) == []


def test_an_instance_that_goes_away_before_its_run_began_is_replaced_on_demand(
    launcher: Ec2RunLauncher, instance: DagsterInstance, amazon: Amazon, engine: sa.Engine, settings: Settings
) -> None:
    run = heavy(instance)
    launch(launcher, run)
    (first,) = made_for(amazon, run)
    amazon.end(first)
    age(engine, 2)
    dedicated.tend(engine, instance, settings)
    (second,) = made_for(amazon, run)
    assert amazon.instances()[second].get("InstanceLifecycle") != "spot"
    dedicated.tend(engine, instance, settings)
    assert made_for(amazon, run) == [second]


def test_an_instance_ends_with_its_run_however_that_ends(
    launcher: Ec2RunLauncher, instance: DagsterInstance, amazon: Amazon, engine: sa.Engine, settings: Settings
) -> None:
    waits, works, stays = heavy(instance), heavy(instance), heavy(instance)
    for run in (waits, works, stays):
        launch(launcher, run)
    assert launcher.terminate(waits.run_id)
    assert made_for(amazon, waits) == []
    assignments.take(engine, "a", 1, only=works.run_id)
    assignments.end(engine, "a", Assignment(works.run_id), Stage.DONE, "done")
    dedicated.tend(engine, instance, settings)
    assert len(made_for(amazon, works)) == 1  # it shuts down by itself
    age(engine, 3)
    dedicated.tend(engine, instance, settings)
    assert made_for(amazon, works) == []
    assert len(made_for(amazon, stays)) == 1


@pytest.mark.parametrize(("template", "stays"), [(SINGLE, False), ("another-deployments", True)])
def test_an_instance_that_no_run_has_is_ended_unless_another_deployment_made_it(
    launcher: Ec2RunLauncher, instance: DagsterInstance, amazon: Amazon, engine: sa.Engine, settings: Settings,
    monkeypatch: pytest.MonkeyPatch, template: str, stays: bool,
) -> None:  # fmt: skip
    run = heavy(instance)
    amazon.make_template("another-deployments")
    order = order_of(run.tags, settings)
    instances.make(dedicated.wanted(run, Assignment(run.run_id), order, template, "", spot=False))
    monkeypatch.setattr(dedicated, "LEAVING_SECONDS", -60)
    dedicated.tend(engine, instance, settings)
    assert len(made_for(amazon, run)) == stays


def test_an_instance_whose_hours_are_over_is_ended(
    launcher: Ec2RunLauncher, instance: DagsterInstance, amazon: Amazon, engine: sa.Engine, settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    run = heavy(instance, **{"oa/hours": "1"})
    launch(launcher, run)
    monkeypatch.setattr(dedicated, "OVERDUE_SECONDS", -3601)
    dedicated.tend(engine, instance, settings)
    assert made_for(amazon, run) == []


def stand(silent: float | None, stage: Stage = Stage.TAKEN) -> Standing:
    return Standing(Assignment("r"), stage, "w", "host", 1, "", silent, {}, instance="i-1")


@pytest.mark.parametrize(
    ("found", "state", "status"),
    [
        pytest.param(stand(5), State("running"), RUNNING, id="beats and runs"),
        pytest.param(stand(59), None, RUNNING, id="beats and EC2 does not say"),
        pytest.param(stand(61), None, NOT_FOUND, id="silent and EC2 does not say"),
        pytest.param(stand(61), State("running"), NOT_FOUND, id="silent on an instance that runs"),
        pytest.param(stand(5), State("terminated"), NOT_FOUND, id="terminated a moment ago"),
        pytest.param(stand(5), State("stopped"), NOT_FOUND, id="stopped"),
        pytest.param(stand(5), State("shutting-down"), RUNNING, id="beats while it shuts down"),
        pytest.param(stand(31), State("shutting-down"), NOT_FOUND, id="silent while it shuts down"),
        pytest.param(stand(31), State("running", impaired=True), NOT_FOUND, id="silent on an impaired one"),
        pytest.param(stand(5), State("running", impaired=True), RUNNING, id="beats on an impaired one"),
        pytest.param(stand(None, Stage.READY), State("terminated"), RUNNING, id="waits for another instance"),
    ],
)  # fmt: skip
def test_health_is_what_the_heartbeat_and_ec2_say_together(
    found: Standing, state: State | None, status: private.WorkerStatus
) -> None:
    assert judged(found, 60, excused=False, state=state).status is status


def test_ec2_that_does_not_answer_is_no_loss(
    launcher: Ec2RunLauncher, instance: DagsterInstance, amazon: Amazon, engine: sa.Engine
) -> None:
    run = heavy(instance)
    launch(launcher, run)
    (number,) = made_for(amazon, run)
    assignments.take(engine, "w", 1, only=run.run_id)
    beat(engine, Beat("w", "host", 1, 1, instance=number, dedicated=True))
    amazon.busy = 1.0
    assert launcher.check_run_worker_health(run).status is RUNNING
    amazon.busy = 0.0
    amazon.end(number)
    launcher.__dict__.pop("_watch")
    lost = launcher.check_run_worker_health(run)
    assert (lost.status, "terminated as EC2 says" in (lost.msg or "")) == (NOT_FOUND, True)


@pytest.fixture
def coordinator(
    launcher: Ec2RunLauncher, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> CapacityRunCoordinator:
    monkeypatch.setattr(DagsterInstance, "run_launcher", launcher)
    made = CapacityRunCoordinator.from_config_value(None, {})
    made.register_instance(instance)
    return made


def test_instances_of_single_runs_are_slots_beside_the_workers_own(
    coordinator: CapacityRunCoordinator, engine: sa.Engine
) -> None:
    beat(engine, Beat("pool", "host", 1, 2))
    beat(engine, Beat("single", "host", 1, 1, dedicated=True))
    config = coordinator.get_run_queue_config()
    by_value = {one["value"]: one["limit"] for one in config.tag_concurrency_limits if one["key"] == "oa/worker"}
    assert (config.max_concurrent_runs, by_value) == (6, {"pool": 2, "dedicated": 4})
    assert coordinator.pool_slots() == 2


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        pytest.param({}, ("pool", "shared"), id="usual"),
        pytest.param({"oa/worker": "dedicated"}, ("dedicated", None), id="asked for"),
        pytest.param({"dagster/partition": "big/addresses/a"}, ("dedicated", None), id="a huge source"),
        pytest.param({"dagster/partition": "small/addresses/a"}, ("pool", "shared"), id="a small source"),
        pytest.param({"dagster/partition": "new/addresses/a"}, ("pool", "shared"), id="one that never ran"),
        pytest.param(
            {"dagster/partition": "big/addresses/a", "oa/kind": "pull-request"}, ("pool", None), id="a pull request's"
        ),
        pytest.param({"dagster/partition": "big/addresses/a", "oa/worker": "pool"}, ("pool", "shared"), id="not asked"),
    ],
)
def test_the_queue_says_whose_slots_a_run_takes(
    coordinator: CapacityRunCoordinator, instance: DagsterInstance, engine: sa.Engine, tags: dict[str, str],
    found: tuple[str, str | None],
) -> None:  # fmt: skip
    now = datetime.now(UTC)
    for name, mib in (("big", 2049), ("small", 2048)):
        record(engine, [Declared(f"{name}/addresses/a", name, "addresses", "a", {}, {}, "d")], now=now)
        ticket = open_run(engine, Opening(f"{name}/addresses/a"), now=now)
        cache = CacheFacts("0" * 64, "0" * 32, mib << 20, "text/csv", {})
        assert end_run(engine, ticket, Ending(RunStatus.SUCCEEDED, now, rows=1, cache=cache, prefix=ticket.prefix))
    run = create_run_for_test(
        instance, status=DagsterRunStatus.NOT_STARTED, tags=tags, remote_job_origin=remote_origin("job")
    )
    coordinator.submit_run(private.SubmitRunContext(run, None))
    queued = instance.get_run_by_id(run.run_id)
    assert queued is not None
    assert (queued.tags["oa/worker"], queued.tags.get("oa/slots")) == found


def test_nothing_of_amazons_is_imported_where_it_is_not_asked_for() -> None:
    program = (
        "import sys; import oa_pipeline.orchestration.launcher, oa_pipeline.orchestration.coordinator, "
        "oa_pipeline.workers.worker; print(sorted({'boto3', 'botocore'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=240)
    assert done.stdout.strip() == "[]"
