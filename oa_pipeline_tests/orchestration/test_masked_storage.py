"""A run whose code says every secret, in every way in which Dagster keeps something: no row of the database has one."""

# Annotations are not postponed here: Dagster reads those of ops as they are.
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    Definitions,
    Failure,
    MaterializeResult,
    MetadataValue,
    RetryRequested,
    asset,
    define_asset_job,
)
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.events import StepMaterializationData
from dagster._core.events.log import EventLogEntry
from dagster._core.scheduler.instigation import TickData, TickStatus
from dagster._daemon.types import DaemonHeartbeat
from dagster_shared.error import SerializableErrorInfo

from oa_pipeline_tests.dagsters import stored
from oa_pipeline_tests.kept import rows_of

TOKEN = 'sentinel "quoted" \\ and-long-1234/+='
SAID = f"the token {TOKEN} is wrong; é, and that is all"
SHOWN = "the token *** is wrong; é, and that is all"
WORD = "shared"  # a password that is a word: of asset keys and tags, too


@pytest.fixture
def instance(empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    monkeypatch.setenv("OA_GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("PGPASSWORD", WORD)
    with stored(tmp_path, empty_database.replace("+psycopg2", "")) as made:
        yield made


@asset(name=WORD, check_specs=[AssetCheckSpec("bears", asset=WORD)])
def talkative(context: AssetExecutionContext) -> MaterializeResult:  # type: ignore[type-arg]
    context.log.error(SAID)
    context.add_asset_metadata({"said": SAID})
    context.log_event(AssetObservation(WORD, description=SAID, metadata={"json": {"deep": [SAID]}}))
    return MaterializeResult(
        metadata={"said": MetadataValue.md(SAID), "word": f"it is {WORD}", "table": MetadataValue.url(SAID)},
        tags={"said": "x"},
        check_results=[AssetCheckResult(passed=False, check_name="bears", description=SAID, metadata={"s": SAID})],
    )


@asset
def broken(context: AssetExecutionContext) -> None:
    if context.retry_number == 0:
        try:
            raise KeyError(TOKEN)
        except KeyError as error:
            raise RetryRequested(max_retries=1, seconds_to_wait=0) from error
    try:
        raise RuntimeError(SAID)
    except RuntimeError as error:
        raise Failure(SAID, metadata={"said": SAID}) from error


JOBS = Definitions(
    assets=[talkative, broken], jobs=[define_asset_job("good", [talkative]), define_asset_job("bad", [broken])]
)


def test_no_row_of_any_table_has_a_secret_that_a_run_says(instance: DagsterInstance, empty_database: str) -> None:
    for name, success in (("good", True), ("bad", False)):
        done = JOBS.resolve_job_def(name).execute_in_process(
            instance=instance, raise_on_error=False, tags={"said": TOKEN, "oa/pool": WORD}
        )
        assert done.success is success
    run = instance.get_runs()[0]
    instance.report_engine_event(SAID, run)
    instance.add_run_tags(run.run_id, {"more": f"x {TOKEN}"})
    error = SerializableErrorInfo(SAID, [f'  File "x"\n    {SAID}\n'], "RuntimeError")
    instance.add_daemon_heartbeat(DaemonHeartbeat(1.0, "SENSOR", "1", [error]))
    instance.add_daemon_heartbeat(DaemonHeartbeat(2.0, "SENSOR", "1", [error]))
    for status, facts in ((TickStatus.SKIPPED, {"skip_reason": SAID}), (TickStatus.FAILURE, {"error": error})):
        instance.create_tick(TickData("1", "sensor", InstigatorType.SENSOR, status, 1.0, **facts))
    instance.run_storage.set_cursor_values({"cursor": TOKEN})

    found = rows_of(empty_database)
    assert [where for where, text in found if "sentinel" in text] == []
    assert {where for where, text in found if "***" in text} >= {
        "event_logs", "runs", "run_tags", "asset_keys", "asset_check_executions", "job_ticks", "daemon_heartbeats",
        "kvs",
    }  # fmt: skip
    assert "snapshots" in {where for where, _ in found}


def test_what_is_read_back_is_whole_but_for_the_secret(instance: DagsterInstance) -> None:
    JOBS.resolve_job_def("good").execute_in_process(instance=instance, tags={"oa/pool": WORD})
    bad = JOBS.resolve_job_def("bad").execute_in_process(instance=instance, raise_on_error=False)

    event = instance.get_latest_materialization_event(AssetKey(WORD))
    made = event.asset_materialization if event else None
    assert made is not None
    assert made.metadata["said"] == MetadataValue.md(SHOWN)
    assert made.metadata["word"] == MetadataValue.text("it is ***")
    assert instance.get_runs_count() == 2
    (run,) = [one for one in instance.get_runs() if one.job_name == "good"]
    assert run.tags["oa/pool"] == WORD, "a tag is looked for by its value"

    logs = instance.all_logs(bad.run_id)
    (failed,) = [e.get_dagster_event() for e in logs if e.dagster_event_type is DagsterEventType.STEP_FAILURE]
    error = failed.step_failure_data.error
    assert error is not None
    assert error.cause is not None
    assert SHOWN in error.message
    assert SHOWN in error.cause.message
    assert error.cause.cls_name == "RuntimeError"
    assert SHOWN in [e.user_message for e in instance.all_logs(run.run_id)]


def test_events_that_are_stored_together_are_masked_too(instance: DagsterInstance) -> None:
    run = instance.create_run_for_job(JOBS.resolve_job_def("good"))

    def entry(number: int) -> EventLogEntry:
        made = StepMaterializationData(AssetMaterialization(WORD, SAID, metadata={"number": number}), [])
        event = DagsterEvent(DagsterEventType.ASSET_MATERIALIZATION.value, "job", event_specific_data=made)
        return EventLogEntry(None, 20, "", run.run_id, 1.0, None, "job", event)  # type: ignore[no-untyped-call]

    instance.event_log_storage.store_event_batch([entry(number) for number in range(3)])
    stored = [e.asset_materialization for e in instance.all_logs(run.run_id) if e.asset_materialization]
    assert [(one.description, one.metadata["number"].value) for one in stored] == [(SHOWN, n) for n in range(3)]
