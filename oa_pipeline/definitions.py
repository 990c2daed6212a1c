"""The one place where assets, checks, jobs, sensors and resources are put together."""

from __future__ import annotations

from typing import Any

from dagster import Definitions, define_asset_job, in_process_executor

from .assets.collections import collections
from .assets.coverage import coverage
from .assets.dotmap import dotmap
from .assets.proposal import proposal
from .assets.source import source
from .assets.statistics import statistics
from .assets.tile_index import tile_index
from .automation.collecting import collections_job, collections_schedule, collections_sensor
from .automation.dotmap import dotmap_job, dotmap_schedule
from .automation.github import github_sensors
from .automation.mapping import coverage_job, coverage_schedule
from .automation.nightly import nightly_jobs, nightly_schedules
from .automation.probe_job import probe_job
from .automation.sensors import lost_runs, sources_sensor
from .automation.weekly import feed_sensor, set_schedule, weekly_set
from .orchestration.workplace import Workplace
from .settings import Settings


def build_defs(*, workplace: Workplace | None = None, **overrides: Any) -> Definitions:
    """The definitions. `workplace` is where runs work; `overrides` are further arguments of Definitions."""
    workplace = workplace or Workplace()
    settings, probe = workplace.settings, probe_job(workplace)
    process = define_asset_job(
        "process",
        selection=[source],
        executor_def=in_process_executor,
        description="Processes one data source: download, conversion, publication.",
    )
    check = define_asset_job(
        "check",
        selection=[proposal],
        executor_def=in_process_executor,
        description="Processes one data source as a pull request proposes it. Started by the sensor `pull_requests`.",
    )
    collect, nightly, draw, dots = collections_job(), nightly_jobs(), coverage_job(), dotmap_job()
    parts: dict[str, Any] = {
        "assets": [source, proposal, weekly_set, collections, tile_index, statistics, coverage, dotmap],
        "jobs": [process, check, probe, collect, draw, dots, *nightly],
        "sensors": [
            sources_sensor(settings.sync_seconds),
            lost_runs,
            feed_sensor(settings, [process, probe]),
            collections_sensor(collect),
            *github_sensors(settings, [process, check]),
        ],
        "schedules": [
            set_schedule(settings, probe),
            collections_schedule(settings, collect),
            *nightly_schedules(settings, nightly),
            coverage_schedule(settings, draw),
            dotmap_schedule(settings, dots),
        ],
        # One process a run: a step of its own would start Python a second time for nothing.
        "executor": in_process_executor,
        "resources": {"workplace": workplace},
    }
    return Definitions(**{**parts, **overrides})


defs = build_defs(workplace=Workplace(Settings.from_env()))
