"""Dagster's event log on a real PostgreSQL: what goes, and that nobody who looks at the past can tell."""

# Annotations are not postponed here: Dagster reads those of assets as they are.

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterInstance,
    DagsterRunStatus,
    DynamicPartitionsDefinition,
    Failure,
    MaterializeResult,
    RunsFilter,
    asset,
    materialize,
)

from oa_pipeline.errors import SettingsError
from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.orchestration import eventlog
from oa_pipeline.orchestration.eventlog import Swept, prune_event_log
from oa_pipeline_tests.dagsters import stored

PARTITIONS = DynamicPartitionsDefinition(name="things")
THING = AssetKey("thing")
CHECK = AssetCheckKey(THING, "fine")
GOOD, BAD = ["a", "b"], "broken"
LATER = datetime.now(UTC) + timedelta(days=30)


@asset(key=THING, partitions_def=PARTITIONS, check_specs=[AssetCheckSpec("fine", asset=THING)])
def thing(context: AssetExecutionContext) -> Any:
    context.log.info("about to begin")
    if context.partition_key == BAD:
        raise Failure("it broke", allow_retries=False)
    context.log_event(AssetObservation(THING, partition=context.partition_key))
    yield MaterializeResult(metadata={"rows": 5}, check_results=[AssetCheckResult(check_name="fine", passed=True)])


@pytest.fixture
def instance(empty_database: str, tmp_path: Path) -> Iterator[DagsterInstance]:
    with stored(tmp_path, empty_database) as made:
        made.add_dynamic_partitions("things", [*GOOD, BAD])
        yield made


def work(instance: DagsterInstance) -> None:
    for key in (*GOOD, BAD):
        materialize([thing], partition_key=key, instance=instance, raise_on_error=False)
    instance.report_runless_asset_event(AssetMaterialization("other"))


def seen(instance: DagsterInstance) -> dict[str, Any]:
    """What the pages of assets, partitions, checks and runs are made of."""
    storage = instance.event_log_storage
    found: dict[str, Any] = {
        "materialized": sorted(storage.get_materialized_partitions(THING)),
        "latest": storage.get_latest_materialization_events([THING, AssetKey("other")]),
        "by partition": instance.get_latest_storage_id_by_partition(THING, *[_kind("ASSET_MATERIALIZATION")]),
        "history": instance.fetch_materializations(THING, limit=50).records,
        "observed": instance.fetch_observations(THING, limit=50).records,
        "failed": storage.get_latest_asset_partition_materialization_attempts_without_materializations(THING),
        "checks": storage.get_asset_check_execution_history(CHECK, limit=50),
        "assets": [record.asset_entry for record in instance.get_asset_records([THING])],
    }
    for record in instance.get_run_records():
        run = record.dagster_run.run_id
        found[f"run {run}"] = (record.dagster_run.status, record.start_time, record.end_time)
        found[f"stats {run}"] = instance.get_run_stats(run)
        found[f"steps {run}"] = [
            (s.step_key, s.status, s.start_time, s.end_time, s.attempts) for s in instance.get_run_step_stats(run)
        ]
        ends = [e for e in instance.all_logs(run) if e.dagster_event and e.dagster_event.is_failure]
        found[f"end {run}"] = [(e.dagster_event_type, e.message) for e in ends]
    return found


def _kind(name: str) -> Any:
    from dagster import DagsterEventType

    return DagsterEventType(name)


def log(url: str) -> list[tuple[str, str | None]]:
    """Run and kind of every row of the log."""
    query = sa.text("SELECT run_id, dagster_event_type FROM event_logs ORDER BY id")
    with ledger_engine(url).connect() as connection:
        return [(row.run_id, row.dagster_event_type) for row in connection.execute(query)]


def test_nobody_who_looks_at_the_past_can_tell(instance: DagsterInstance, empty_database: str) -> None:
    work(instance)
    before, rows = seen(instance), log(empty_database)
    assert before["materialized"] == GOOD
    done = prune_event_log(instance, LATER)
    assert seen(instance) == before
    left = log(empty_database)
    assert (done.runs, done.rows_removed, done.rows_left) == (3, len(rows) - len(left), len(left) - 1)
    assert done.rows_removed > len(rows) / 3
    assert 0 < done.bytes_left < done.bytes_before
    assert {kind for _, kind in left} == {
        "ASSET_MATERIALIZATION", "ASSET_MATERIALIZATION_PLANNED", "ASSET_OBSERVATION", "ASSET_CHECK_EVALUATION",
        "ASSET_CHECK_EVALUATION_PLANNED", "STEP_START", "STEP_SUCCESS", "STEP_FAILURE",
        "PIPELINE_START", "PIPELINE_SUCCESS", "PIPELINE_FAILURE",
    }  # fmt: skip


def test_a_second_time_there_is_nothing_to_do(instance: DagsterInstance) -> None:
    work(instance)
    prune_event_log(instance, LATER)
    assert prune_event_log(instance, LATER) == Swept()


def test_young_runs_keep_everything(instance: DagsterInstance, empty_database: str) -> None:
    work(instance)
    rows = log(empty_database)
    assert prune_event_log(instance, datetime.now(UTC) - timedelta(days=14)) == Swept()
    assert log(empty_database) == rows


def test_a_run_that_has_not_ended_is_looked_at_again(
    instance: DagsterInstance, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eventlog, "BLOCK", 1)
    work(instance)
    first, second, third = reversed(instance.get_runs(RunsFilter()))
    _set_status(empty_database, second.run_id, DagsterRunStatus.STARTED)
    rows = [row for row in log(empty_database) if row[0] == second.run_id]
    assert prune_event_log(instance, LATER).runs == 2
    assert [row for row in log(empty_database) if row[0] == second.run_id] == rows
    _set_status(empty_database, second.run_id, DagsterRunStatus.SUCCESS)
    again = prune_event_log(instance, LATER)
    assert again.runs == 2, "the one that had not ended, and those after it"
    assert again.rows_removed < len(rows)
    assert (first, third) != (second, second)


def _set_status(url: str, run_id: str, status: DagsterRunStatus) -> None:
    statement = sa.text("UPDATE runs SET status = :status WHERE run_id = :run")
    with ledger_engine(url).begin() as connection:
        connection.execute(statement, {"status": status.value, "run": run_id})


def test_without_postgresql_nothing_is_done() -> None:
    with DagsterInstance.ephemeral() as instance, pytest.raises(SettingsError, match="PostgreSQL"):
        prune_event_log(instance, LATER)
