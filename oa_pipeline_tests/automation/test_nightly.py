"""The nightly jobs, run by Dagster on a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from dagster import DagsterInstance, DefaultScheduleStatus, RunRequest, SkipReason

from oa_pipeline.automation.nightly import TAGS, this_hour
from oa_pipeline.cli import oa
from oa_pipeline.definitions import build_defs
from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.orchestration.upkeep import PROPOSALS
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings
from oa_pipeline_tests.convert.outputs.conftest import MakeBlock, block
from oa_pipeline_tests.ledger.life import declare, propose, run
from oa_pipeline_tests.publish.tiles.conftest import World

__all__ = ["block"]

YAML = """
telemetry: {enabled: false}
storage:
  custom: {module: oa_pipeline.orchestration.storage, class: PooledPostgresStorage, config: {}}
"""
A, B = "us/ca/a/addresses/city", "us/ca/b/addresses/city"
LONG_AGO = datetime.now(UTC) - timedelta(days=400)


@pytest.fixture
def workplace(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    settings = {"HOME": str(tmp_path / "home"), "DATABASE_URL": database, "SOURCES": str(tmp_path)}
    for name, value in settings.items():
        monkeypatch.setenv(f"OA_{name}", value)
    return Workplace(Settings.from_env())


@pytest.fixture
def instance(workplace: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(YAML)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with DagsterInstance.from_config(str(home)) as made:
        yield made


@pytest.fixture
def world(workplace: Workplace, tmp_path: Path, block: MakeBlock) -> World:
    return World(workplace.ledger(), workplace.store(), tmp_path, block)


def execute(workplace: Workplace, instance: DagsterInstance, name: str) -> Any:
    done = build_defs(workplace=workplace).resolve_job_def(name).execute_in_process(instance=instance)
    assert done.success
    return done


def metadata(done: Any) -> dict[str, Any]:
    (event,) = done.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_the_tile_index_is_an_asset_with_its_numbers(
    workplace: Workplace, instance: DagsterInstance, world: World
) -> None:
    world.publish(A, [("1", 1.5, 1.5), ("2", 2.5, 1.5)])
    world.publish(B, [("3", 1.5, 1.5)], outputs={})
    done = execute(workplace, instance, "make_tile_index")
    told = metadata(done)
    assert (told["status"], told["tiles"], told["dagster/row_count"], told["tiles made"]) == ("build 1", 2, 2, 2)
    assert [record.data for record in told["left out, and why"].records] == [{"key": B, "why": "run 2 has no csv"}]
    again = execute(workplace, instance, "make_tile_index")
    assert metadata(again)["status"] == "unchanged"
    versions = {version(one) for one in (done, again)}
    assert len(versions) == 1
    assert list((workplace.settings.home / "work").iterdir()) == []


def version(done: Any) -> str | None:
    (event,) = done.get_asset_materialization_events()
    tags = event.materialization.tags or {}
    return tags.get("dagster/data_version")


def test_statistics_are_an_asset_and_made_where_something_happened(
    workplace: Workplace, instance: DagsterInstance, world: World
) -> None:
    world.publish(A, [("1", 1.5, 1.5)])
    assert isinstance(this_hour(workplace), RunRequest)
    told = metadata(execute(workplace, instance, "make_statistics"))
    assert (told["addresses"], told["sources"], told["lost since the set before"]) == (1, 1, 0)
    with workplace.store().open("machine-stats.json") as held:
        assert json.load(held)["lost_sources"]["rows"] == []
    assert isinstance(this_hour(workplace), SkipReason)
    world.fail(A)
    assert isinstance(this_hour(workplace), RunRequest)


def test_a_ledger_that_cannot_be_reached_is_a_reason_to_wait(workplace: Workplace, monkeypatch: Any) -> None:
    from oa_pipeline.errors import PublishError
    from oa_pipeline.ledger import statistics

    def gone(_: object) -> str:
        raise PublishError("the ledger is gone")

    monkeypatch.setattr(statistics, "newest_event", gone)
    with workplace.ledger().begin() as connection:
        values = "('statistics', 'published', '{\"copied\": true}', now(), now())"
        connection.execute(
            sa.text(f"INSERT INTO oa.builds (kind, status, facts, started_at, ended_at) VALUES {values}")
        )
    said = this_hour(workplace)
    assert isinstance(said, SkipReason)
    assert "gone" in str(said.skip_message)


def fill(workplace: Workplace) -> None:
    """A failed run of long ago with its log, and a proposal of long ago."""
    engine, store = workplace.ledger(), workplace.store()
    with store.writer("runs/1/output.txt", content_type="text/plain") as out:
        out.write(b"12345")
    facts = {"prefix": "runs/1/", "outputs": {"log": {"key": "runs/1/output.txt", "size": 5}}}
    from oa_pipeline.ledger.tables import RunStatus

    assert run(engine, declare(engine, A), RunStatus.FAILED, at=LONG_AGO, **facts) == 1
    propose(engine, B)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE oa.partitions SET changed_at = :at"), {"at": LONG_AGO})


def test_pruning_is_a_job_that_forgets_partitions_of_pull_requests_too(
    workplace: Workplace, instance: DagsterInstance
) -> None:
    fill(workplace)
    proposal = f"7/{'a' * 40}/{B}"
    instance.add_dynamic_partitions(PROPOSALS, [proposal, "8/other"])
    execute(workplace, instance, "prune")
    assert list(workplace.store().list("runs/")) == []
    assert instance.get_dynamic_partitions(PROPOSALS) == ["8/other"]


def test_the_event_log_is_pruned_by_a_job(workplace: Workplace, instance: DagsterInstance) -> None:
    first = execute(workplace, instance, "make_statistics")
    before = len(instance.all_logs(first.run_id))
    _age_runs(workplace.settings.database_url)
    execute(workplace, instance, "prune_event_log")
    after = instance.all_logs(first.run_id)
    assert 0 < len(after) < before
    assert instance.get_run_stats(first.run_id).materializations == 1


def _age_runs(url: str) -> None:
    with ledger_engine(url).begin() as connection:
        connection.execute(sa.text("UPDATE public.runs SET end_time = end_time - 86400 * 15"))


def test_oa_prune_says_what_would_go_and_why_then_does_it(workplace: Workplace, instance: DagsterInstance) -> None:
    fill(workplace)
    dry = CliRunner().invoke(oa, ["prune", "--dry-run"], catch_exceptions=False)
    assert "results neither young nor its month's last good result: 1, 5 bytes" in dry.output
    assert "would be removed" in dry.output
    assert len(list(workplace.store().list("runs/"))) == 1
    told = json.loads(CliRunner().invoke(oa, ["prune", "--json"], catch_exceptions=False).output)
    assert told["results"] == {"neither young nor its month's last good result": {"count": 1, "bytes": 5}}
    assert told["partitions"] == 1
    assert list(workplace.store().list("runs/")) == []
    again = CliRunner().invoke(oa, ["prune"], catch_exceptions=False)
    assert again.output.startswith("removed:\n  objects known to nobody: 0")


def test_each_has_a_schedule_in_utc_and_waits_its_turn(tmp_path: Path) -> None:
    settings = Settings(sources=str(tmp_path), tiles_schedule="1 2 * * *", prune_schedule="3 4 * * *")
    repository = build_defs(workplace=Workplace(settings)).get_repository_def()
    schedules = {one.name: one for one in repository.schedule_defs}
    names = ("tile_index_nightly", "statistics_hourly", "prune_nightly", "prune_event_log_nightly")
    assert [schedules[name].cron_schedule for name in names] == ["1 2 * * *", "20 * * * *", "3 4 * * *", "0 5 * * *"]
    assert {schedules[name].execution_timezone for name in names} == {"UTC"}
    assert {schedules[name].default_status for name in names} == {DefaultScheduleStatus.RUNNING}
    for name in ("make_tile_index", "make_statistics", "prune", "prune_event_log"):
        assert repository.get_job(name).tags.items() >= TAGS.items()
    laptop = build_defs(workplace=Workplace(Settings())).get_repository_def()
    on = {one.name for one in laptop.schedule_defs if one.default_status is DefaultScheduleStatus.RUNNING}
    assert {"prune_nightly", "prune_event_log_nightly"} <= on
    assert not {"tile_index_nightly", "statistics_hourly"} & on
