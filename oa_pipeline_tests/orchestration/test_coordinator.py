from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from oa_pipeline.ledger import heartbeats
from oa_pipeline.ledger.heartbeats import Beat
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.orchestration import dagster_private as private
from oa_pipeline.orchestration.coordinator import CapacityRunCoordinator
from oa_pipeline.sources.hosts import host_of
from oa_pipeline_tests.workers.system import remote_origin


@pytest.fixture
def coordinator(database: str, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> CapacityRunCoordinator:
    monkeypatch.setenv("OA_DATABASE_URL", database)
    made = CapacityRunCoordinator.from_config_value(None, {"tag_concurrency_limits": [{"key": "own", "limit": 5}]})
    made.register_instance(instance)
    return made


def limits(coordinator: CapacityRunCoordinator) -> dict[str, Any]:
    config = coordinator.get_run_queue_config()
    return {"all": config.max_concurrent_runs, **{one["key"]: one["limit"] for one in config.tag_concurrency_limits}}


def test_the_queue_is_as_wide_as_the_live_slots_less_one_for_pull_requests(
    coordinator: CapacityRunCoordinator, engine: sa.Engine
) -> None:
    assert limits(coordinator) == {"all": 0, "oa/slots": 1, "oa/host": 2, "oa/author": 1, "own": 5}
    heartbeats.beat(engine, Beat("a", "host", 1, 2))
    heartbeats.beat(engine, Beat("b", "host", 2, 3))
    assert limits(coordinator) == {"all": 5, "oa/slots": 4, "oa/host": 2, "oa/author": 2, "own": 5}
    heartbeats.beat(engine, Beat("b", "host", 2, 3, draining=True))
    assert limits(coordinator) == {"all": 2, "oa/slots": 1, "oa/host": 2, "oa/author": 1, "own": 5}


def test_of_one_slot_none_is_kept(coordinator: CapacityRunCoordinator, engine: sa.Engine) -> None:
    heartbeats.beat(engine, Beat("a", "host", 1, 1))
    assert (limits(coordinator)["all"], limits(coordinator)["oa/slots"]) == (1, 1)


def test_nothing_starts_while_the_ledger_cannot_be_asked(
    coordinator: CapacityRunCoordinator, engine: sa.Engine
) -> None:
    heartbeats.beat(engine, Beat("a", "host", 1, 2))
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE oa.heartbeats"))
    assert limits(coordinator)["all"] == 0


@pytest.mark.parametrize(
    ("given", "found"),
    [
        pytest.param({}, {"oa/kind": "person", "oa/slots": "shared"}, id="a person's"),
        pytest.param(
            {"dagster/backfill": "b"},
            {"dagster/backfill": "b", "oa/kind": "batch", "oa/slots": "shared"},
            id="backfill",
        ),
        pytest.param({"oa/kind": "pull-request"}, {"oa/kind": "pull-request"}, id="a pull request's"),
        pytest.param(
            {"dagster/partition": "7/abc/x", "oa/kind": "pull-request"},
            {"dagster/partition": "7/abc/x", "oa/kind": "pull-request", "dagster/max_runtime": "3900"},
            id="a pull request's data source ends earlier",
        ),
        pytest.param(
            {"dagster/partition": "x/addresses/y", "oa/kind": "batch"},
            {"dagster/partition": "x/addresses/y", "oa/kind": "batch", "oa/slots": "shared", "oa/host": "data.example"},
            id="a data source's",
        ),
        pytest.param(
            {"dagster/partition": "x/addresses/y", "oa/host": "other"},
            {"dagster/partition": "x/addresses/y", "oa/kind": "person", "oa/slots": "shared", "oa/host": "other"},
            id="tagged before",
        ),
        pytest.param(
            {"dagster/partition": "unknown"},
            {"dagster/partition": "unknown", "oa/kind": "person", "oa/slots": "shared"},
            id="an unknown partition",
        ),
    ],
)
def test_whoever_launches_a_run_it_gets_the_tags_that_decide_its_turn(
    coordinator: CapacityRunCoordinator,
    instance: DagsterInstance,
    engine: sa.Engine,
    given: dict[str, str],
    found: dict[str, str],
) -> None:
    data = {"data": "https://user@Data.example:8443/a.zip"}
    record(engine, [Declared("x/addresses/y", "x", "addresses", "y", data, {}, "d")], now=datetime.now(UTC))
    origin = remote_origin("process")
    run = create_run_for_test(
        instance, tags=given, status=DagsterRunStatus.NOT_STARTED, remote_job_origin=origin, job_name="process"
    )
    run = coordinator.submit_run(private.SubmitRunContext(run, None))  # type: ignore[arg-type]
    assert run.status is DagsterRunStatus.QUEUED
    dagsters = {"dagster/code_location", "dagster/repository"}
    assert {k: v for k, v in run.tags.items() if not k.startswith(".") and k not in dagsters} == found


def test_run_monitoring_follows_a_deadline_that_is_not_the_shipped_one(
    coordinator: CapacityRunCoordinator, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OA_DEADLINE_SECONDS", "600")
    for given, longest in (({"dagster/partition": "x"}, "900"), ({}, None)):
        run = create_run_for_test(
            instance, tags=given, status=DagsterRunStatus.NOT_STARTED, remote_job_origin=remote_origin("process"),
            job_name="process",
        )  # fmt: skip
        run = coordinator.submit_run(private.SubmitRunContext(run, None))  # type: ignore[arg-type]
        assert run.tags.get("dagster/max_runtime") == longest


@pytest.mark.parametrize(
    ("data", "host"),
    [("https://A.example/x", "a.example"), ("ftp://h/x", "h"), ("file:///x", ""), (None, ""), ("http://[x", "")],
)  # fmt: skip
def test_the_host_of_an_address(data: object, host: str) -> None:
    assert host_of(data) == host
