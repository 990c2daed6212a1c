"""The asset in Dagster: real samples, real PostgreSQL, and when it is asked for."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import sqlalchemy as sa
from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRunStatus,
    ExecuteInProcessResult,
    RunConfig,
    RunRequest,
    SkipReason,
    TableMetadataValue,
    build_sensor_context,
    materialize,
)

from oa_pipeline.assets.collections import COLLECTIONS, JOB, CollectionsConfig, at_work, collections
from oa_pipeline.assets.source import source
from oa_pipeline.automation.collecting import (
    collections_job,
    collections_schedule,
    collections_sensor,
    look,
    tonight,
)
from oa_pipeline.automation.partitions import sync
from oa_pipeline.definitions import build_defs
from oa_pipeline.ledger import builds, sets
from oa_pipeline.ledger.tables import SetStatus
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings

TAGS = {"oa/kind": "collect", "dagster/priority": "5"}


def make(workplace: Workplace, instance: DagsterInstance, *, force: bool = False) -> ExecuteInProcessResult:
    return materialize(
        [collections],
        instance=instance,
        resources={"workplace": workplace},
        run_config=RunConfig({"collections": CollectionsConfig(force=force)}),
        raise_on_error=False,
    )


def of(result: ExecuteInProcessResult) -> tuple[dict[str, Any], str]:
    (event,) = result.asset_materializations_for_node("collections")
    return dict(event.metadata), (event.tags or {})["dagster/data_version"]


def failure_of(result: ExecuteInProcessResult) -> str:
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    said = failure.step_failure_data.user_failure_data
    return str(said.description) if said is not None else ""


def end_set(
    workplace: Workplace,
    *,
    failed: int = 0,
    at: datetime | None = None,
    only: str = "",
    status: SetStatus = SetStatus.COMPLETE,
) -> int:
    engine = workplace.ledger()
    now = at or datetime.now(UTC)
    new = sets.NewSet("r", now + timedelta(days=1), asked_by=f"{now}", only=only)
    number = sets.open_set(engine, new, [], now=now)
    counts = {"members": 10, "ended": 10, "failed": failed}
    sets.end_set(engine, number, status, counts=counts, now=now)
    return number


def test_what_runs_made_is_collected_and_told(workplace: Workplace, instance: DagsterInstance, tmp_path: Path) -> None:
    keys = ["xx/harbour/addresses/city"]
    sync(workplace, instance)
    for key in keys:
        materialize([source], partition_key=key, instance=instance, resources={"workplace": workplace})
    metadata, version = of(make(workplace, instance))
    files = metadata["files"]
    assert isinstance(files, TableMetadataValue)
    assert {record.data["file"] for record in files.records} >= {
        "openaddr-collected-global.zip",
        "openaddr-collected-global-addresses.parquet",
    }
    assert metadata["status"].value.startswith("build ")
    path = Path(metadata["global zip"].value)
    with ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest["rows"] == metadata["dagster/row_count"].value > 0
        assert {member["key"] for member in manifest["members"]} <= set(keys)
    again, same = of(make(workplace, instance))
    assert same == version
    assert again["status"].value.startswith("unchanged since build ")
    assert again["files"] == files
    forced, still = of(make(workplace, instance, force=True))
    assert still == version
    assert not forced["status"].value.startswith("unchanged")


def test_a_doubtful_build_fails_with_why_and_how(workplace: Workplace, instance: DagsterInstance) -> None:
    result = make(workplace, instance)
    assert not result.success
    said = failure_of(result)
    assert "no data source has a result to be collected" in said
    assert "What was published before stays" in said
    assert not any(event.event_type_value == "STEP_UP_FOR_RETRY" for event in result.all_events)


def test_what_failed_after_publication_is_not_said_to_have_changed_nothing(
    workplace: Workplace, instance: DagsterInstance
) -> None:
    sync(workplace, instance)
    materialize(
        [source], instance=instance, resources={"workplace": workplace}, partition_key="xx/harbour/addresses/city"
    )
    (workplace.settings.home / "store" / "openaddr-collected-global.zip").mkdir(parents=True)
    result = make(workplace, instance)
    assert not result.success
    assert failure_of(result).startswith("build 1 is current, but its zips are not all at their fixed keys")


def test_it_is_downstream_of_sources_and_runs_in_a_job_of_its_own(workplace: Workplace) -> None:
    assert collections.asset_deps[COLLECTIONS] == {AssetKey("source")}
    assert collections_job().tags == TAGS | {"oa/worker": "dedicated"}
    settings = workplace.settings
    schedule = collections_schedule(settings, collections_job())
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 3 * * *", "UTC")
    assert schedule.default_status.value == "RUNNING"
    assert collections_schedule(Settings(), collections_job()).default_status.value == "STOPPED"


def test_a_night_with_nothing_to_collect_is_skipped(workplace: Workplace, instance: DagsterInstance) -> None:
    asked = tonight(instance, workplace)
    assert isinstance(asked, SkipReason)
    assert "no data source has a result" in str(asked.skip_message)


def test_a_night_begins_one_run(workplace: Workplace, instance: DagsterInstance) -> None:
    sync(workplace, instance)
    key = "xx/harbour/addresses/city"
    materialize([source], partition_key=key, instance=instance, resources={"workplace": workplace})
    asked = tonight(instance, workplace)
    assert isinstance(asked, RunRequest)
    assert asked.tags.items() >= TAGS.items()
    job = build_defs(workplace=workplace).resolve_job_def(JOB)
    run = instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)
    assert isinstance(tonight(instance, workplace), SkipReason)
    assert at_work(instance) == run.run_id
    assert f"Run {run.run_id} makes collections already" in failure_of(make(workplace, instance))


def test_a_set_that_ended_is_collected_once(workplace: Workplace, instance: DagsterInstance) -> None:
    sync(workplace, instance)
    key = "xx/harbour/addresses/city"
    materialize([source], partition_key=key, instance=instance, resources={"workplace": workplace})
    said = look(instance, workplace)
    assert isinstance(said, SkipReason)
    assert said.skip_message == "no set over all sources has ended lately"
    end_set(workplace, only="xx/*")
    end_set(workplace, status=SetStatus.CANCELLED)
    assert isinstance(look(instance, workplace), SkipReason), "a part, or what was given up, waits for the night"
    number = end_set(workplace)
    asked = look(instance, workplace)
    assert isinstance(asked, RunRequest)
    assert (asked.run_key, asked.tags) == (f"set/{number}", TAGS)
    assert make(workplace, instance).success
    assert isinstance(look(instance, workplace), SkipReason)
    newer = end_set(workplace)
    asked = look(instance, workplace)
    assert isinstance(asked, RunRequest)
    assert asked.run_key == f"set/{newer}"


def test_a_failed_build_is_not_asked_for_over_and_over(workplace: Workplace, instance: DagsterInstance) -> None:
    sync(workplace, instance)
    key = "xx/harbour/addresses/city"
    materialize([source], partition_key=key, instance=instance, resources={"workplace": workplace})
    end_set(workplace)
    engine = workplace.ledger()
    build = builds.begin_build(engine, "collections", run_ids=[], now=datetime.now(UTC))
    builds.fail_build(engine, build, "the disk is full", now=datetime.now(UTC))
    assert isinstance(look(instance, workplace), SkipReason)


def test_a_set_of_which_too_much_failed_is_not_collected(workplace: Workplace, instance: DagsterInstance) -> None:
    end_set(workplace, failed=5)
    sensor = collections_sensor(collections_job())
    context = build_sensor_context(instance=instance, resources={"workplace": workplace})
    found = sensor.evaluate_tick(context)
    assert not found.run_requests
    assert "publishers or us" in str(found.skip_message)


def test_a_ledger_that_is_down_is_no_news(instance: DagsterInstance, workplace: Workplace) -> None:
    class Down(Workplace):
        def ledger(self) -> sa.Engine:
            from oa_pipeline.errors import PublishError

            raise PublishError("nobody answers")

    found = look(instance, Down(workplace.settings))
    assert isinstance(found, SkipReason)
    assert "nobody answers" in str(found.skip_message)
