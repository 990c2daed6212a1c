"""Dagster's scheduler looks at the schedules while the clock of its machine is set: no tick is lost, none doubled."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.daemon import (
    SchedulerDaemon as SchedulerDaemon,  # first: its package and the scheduler import each other
)
from dagster._scheduler.scheduler import launch_scheduled_runs

from oa_pipeline.automation.weekly import begin_set
from oa_pipeline.ledger import sets
from oa_pipeline.ledger.tables import SetStatus
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings

from .publishers import declare

# Dagster's own code reads what it has deprecated, where it loads a location within the process.
pytestmark = pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`")
YAML = """
telemetry: {enabled: false}
storage:
  custom: {module: oa_pipeline.orchestration.storage, class: PooledPostgresStorage, config: {}}
run_coordinator: {module: oa_pipeline.orchestration.coordinator, class: CapacityRunCoordinator}
"""
HOUR = timedelta(hours=1)
FRIDAY, SPRING, AUTUMN = (datetime(2026, *day, tzinfo=UTC) for day in ((3, 6, 19), (3, 28, 23), (10, 24, 23)))


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on which the clocks change."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def daemon(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkspaceProcessContext]:
    monkeypatch.setenv("OA_DATABASE_URL", database)
    (tmp_path / "dagster.yaml").write_text(YAML)
    declare(tmp_path / "repository", "a", "http://127.0.0.1:1/a.csv")
    monkeypatch.setenv("OA_SOURCES", str(tmp_path / "repository"))
    target = LoadableTargetOrigin(module_name="oa_pipeline_tests.automation.clockwork", attribute="defs")
    load = InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(target))
    with DagsterInstance.from_config(str(tmp_path)) as instance, WorkspaceProcessContext(instance, load) as context:
        yield context


def looks(
    daemon: WorkspaceProcessContext, begin: datetime, hours: int, jumps: dict[int, timedelta]
) -> dict[str, list[datetime]]:
    """The ticks by schedule, of a daemon that looks once an hour; `jumps`: how the clock is set, by the true hour."""
    seen: dict[str, Any] = {}
    for hour in range(hours + 1):
        ahead = next((by for since, by in sorted(jumps.items(), reverse=True) if hour >= since), timedelta(0))
        list(launch_scheduled_runs(daemon, logging.getLogger("x"), begin + hour * HOUR + ahead, seen))
    states = {state.instigator_name: state for state in daemon.instance.all_instigator_state()}
    return {
        name: sorted(
            datetime.fromtimestamp(tick.timestamp, UTC)
            for tick in daemon.instance.get_ticks(state.instigator_origin_id, state.selector_id)
        )
        for name, state in states.items()
    }


@pytest.mark.parametrize(
    "jumps",
    [
        {},
        {1: 2 * HOUR},
        {1: 2 * HOUR, 3: timedelta(0)},
        {3: -2 * HOUR},
        {3: -2 * HOUR, 6: timedelta(0)},
        {1: 2 * HOUR, 2: -2 * HOUR},
    ],
    ids=["none", "forward", "forward and right again", "back", "back and right again", "forward and too far back"],
)
def test_one_set_is_opened_a_week_and_each_night_s_jobs_run_once(
    jumps: dict[int, timedelta], daemon: WorkspaceProcessContext, engine: sa.Engine
) -> None:
    ticks = looks(daemon, FRIDAY, 12, jumps)
    weekly = datetime(2026, 3, 6, 21, tzinfo=UTC)
    assert ticks["weekly_set"] == [weekly]
    assert ticks["prune_nightly"] == [datetime(2026, 3, 7, 4, 30, tzinfo=UTC)]
    assert ticks["tile_index_nightly"] == [datetime(2026, 3, 7, 3, 30, tzinfo=UTC)]
    assert [one["asked_by"] for one in sets.listed(engine)] == [f"schedule {weekly.isoformat()}"]
    runs = Counter(run.job_name for run in daemon.instance.get_runs())
    assert (runs["prune"], runs["index"], runs["sweep"]) == (1, 1, 1)


@pytest.mark.usefixtures("berlin")
@pytest.mark.parametrize("begin", [SPRING, AUTUMN], ids=["to summer time", "to winter time"])
def test_a_night_has_each_hour_once_where_clocks_change(begin: datetime, daemon: WorkspaceProcessContext) -> None:
    ticks = looks(daemon, begin, 8, {})
    nights = [begin + timedelta(hours=4.5), begin + timedelta(hours=5.5)]
    assert [ticks["tile_index_nightly"], ticks["prune_nightly"]] == [[night] for night in nights]
    hourly = [tick.hour for tick in ticks["statistics_hourly"]]
    assert hourly == sorted(set(hourly), key=lambda hour: (hour < 12, hour))
    assert len(hourly) == 8


@pytest.mark.parametrize("ahead", [2 * HOUR, -2 * HOUR], ids=["ahead", "behind"])
def test_a_tick_that_is_evaluated_by_a_wrong_clock_opens_no_second_set(
    ahead: timedelta, instance: DagsterInstance, engine: sa.Engine, database: str, tmp_path: Path
) -> None:
    declare(tmp_path / "repository", "a", "http://127.0.0.1:1/a.csv")
    workplace = Workplace(Settings(database_url=database, sources=str(tmp_path / "repository")))
    tick = datetime(2026, 3, 6, 21, tzinfo=UTC)
    for by in (timedelta(0), ahead):
        begin_set(instance, workplace, tick, now=tick + by)
    (one,) = sets.listed(engine)
    sets.end_set(engine, one["id"], SetStatus.COMPLETE, counts={}, now=tick)
    begin_set(instance, workplace, tick, now=tick + ahead)
    assert len(sets.listed(engine)) == 1
