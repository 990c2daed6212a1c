"""Dagster's own settings, dagster.yaml, for this project."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError
from ..settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

# The copy at the top of the repository is this text with two runs at a time; a test holds them equal.
DAGSTER_YAML = """\
# How Dagster runs here. Needs no environment: `dagster dev` beside this file works as it is, and `oa up` writes the
# same text below OA_HOME. Addresses and passwords come from OA_* settings and never stand in this file.

# Runs, events and schedules: in OA_DATABASE_URL, or else in the embedded PostgreSQL below OA_HOME. Pooled, since
# Dagster's own storage opens a connection for every call.
storage:
  custom:
    module: oa_pipeline.orchestration.storage
    class: PooledPostgresStorage
    config: {{}}

# Runs wait in Dagster's queue and nowhere else. One run keeps about one core busy.
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    max_concurrent_runs: {slots}
    dequeue_interval_seconds: 2

# The net below the deadline that every run keeps itself (OA_DEADLINE_SECONDS, 9 hours).
run_monitoring:
  enabled: true
  poll_interval_seconds: 30
  start_timeout_seconds: 900
  cancel_timeout_seconds: 120
  max_runtime_seconds: 32700  # 9 hours and 5 minutes
  max_resume_run_attempts: 0  # the default launcher cannot resume a run
  free_slots_after_run_end_seconds: 300  # else a killed run keeps its slots in pools

# Off: they would start a run again that took too long. What is worth another try is tried again inside its run.
run_retries:
  enabled: false

# Ticks are rows; the sensors look often and mostly find nothing.
retention:
  sensor:
    purge_after_days: {{skipped: 2, success: 30, failure: 90}}
  schedule:
    purge_after_days: 365

# Sensors that wait for a slow disk or repository do not hold up the others.
sensors:
  use_threads: true
  num_workers: 4

telemetry:
  enabled: false  # nothing is reported to anybody
nux:
  enabled: false  # no invitations in the UI
"""

WORKSPACE_YAML = """\
load_from:
  - grpc_server:
      socket: {socket}
      location_name: oa_pipeline
"""


def write_home(folder: Path, *, slots: int, socket: Path) -> None:
    """Makes `folder` a DAGSTER_HOME whose code server listens at `socket`."""
    _write_settings(folder, slots)
    (folder / "workspace.yaml").write_text(WORKSPACE_YAML.format(socket=socket), encoding="utf-8")


def _write_settings(folder: Path, slots: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text(DAGSTER_YAML.format(slots=slots), encoding="utf-8")


def instance_of(settings: Settings) -> DagsterInstance:
    """Dagster's instance: of DAGSTER_HOME where it is set, else the one that `oa up` has below OA_HOME.

    Raises SettingsError where DAGSTER_HOME is no such folder.
    """
    from dagster import DagsterInstance

    given = os.environ.get("DAGSTER_HOME")
    folder = Path(given) if given else settings.home.resolve() / "dagster"
    if not (folder / "dagster.yaml").is_file():
        if given:
            raise SettingsError(
                f"DAGSTER_HOME={given} has no dagster.yaml", cure="correct it, or unset it to use the one below OA_HOME"
            )
        _write_settings(folder, os.cpu_count() or 2)
    return DagsterInstance.from_config(str(folder))
