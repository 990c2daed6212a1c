"""The one place where assets, checks, jobs, sensors and resources are put together."""

from __future__ import annotations

from typing import Any

from dagster import Definitions, define_asset_job, in_process_executor

from .assets.source import source
from .automation.sensors import lost_runs, sources_sensor
from .orchestration.workplace import Workplace
from .settings import Settings


def build_defs(*, workplace: Workplace | None = None, **overrides: Any) -> Definitions:
    """The definitions. `workplace` is where runs work; `overrides` are further arguments of Definitions."""
    settings = (workplace or Workplace()).settings
    parts: dict[str, Any] = {
        "assets": [source],
        "jobs": [define_asset_job("process", selection=[source], executor_def=in_process_executor)],
        "sensors": [sources_sensor(settings.sync_seconds), lost_runs],
        # One process a run: a step of its own would start Python a second time for nothing.
        "executor": in_process_executor,
        "resources": {"workplace": workplace or Workplace()},
    }
    return Definitions(**{**parts, **overrides})


defs = build_defs(workplace=Workplace(Settings.from_env()))
