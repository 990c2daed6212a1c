"""Dagster's own settings, dagster.yaml, for this project."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError
from ..settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

# How runs are started: by the code server, a process each (`dagster dev`, with nothing else running) ...
WITHOUT_WORKERS = """\
# Runs wait in Dagster's queue and nowhere else. One run keeps about one core busy. With no run launcher named here,
# Dagster's default one starts each in a new process of the code server.
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    max_concurrent_runs: 2
    dequeue_interval_seconds: 2
"""
# ... or by workers.
WITH_WORKERS = """\
# Runs wait in Dagster's queue and nowhere else. It starts as many at once as the workers that live have slots: none
# without a worker. The tag dagster/priority orders them: pull requests 10, collections 5, people 0, sets -1. Whatever
# Dagster's QueuedRunCoordinator can be told may stand here too, such as tag_concurrency_limits.
run_coordinator:
  module: oa_pipeline.orchestration.coordinator
  class: CapacityRunCoordinator
  config:
    pull_request_slots: {pull_request_slots}  # slots that only pull requests get, unless there is but one in all
    runs_per_host: 2  # runs at once that ask one publisher's host
    heartbeat_timeout_seconds: 60

# A run that may start becomes a row in the ledger. A worker (`oa worker`) takes it, and carries it out in a child
# forked from a process that has everything loaded.
run_launcher:
  module: oa_pipeline.orchestration.launcher
  class: Ec2RunLauncher
  config:
    mode: {mode}
    heartbeat_timeout_seconds: 60  # three beats; then the worker is lost
"""

DAGSTER_YAML = """\
# How Dagster runs here{where}
# Addresses and passwords come from OA_* settings and never stand in this file.

# Runs, events and schedules: in OA_DATABASE_URL, or else in the embedded PostgreSQL below OA_HOME. Pooled, since
# Dagster's own storage opens a connection for every call.
storage:
  custom:
    module: oa_pipeline.orchestration.storage
    class: PooledPostgresStorage
    config: {{}}

{runs}
# The net below the deadline that every run keeps itself (OA_DEADLINE_SECONDS, 9 hours).
run_monitoring:
  enabled: true
  poll_interval_seconds: 30
  start_timeout_seconds: 900  # from launched to at work
  cancel_timeout_seconds: 60  # a worker kills after 30 what does not heed being interrupted
  max_runtime_seconds: 32700  # 9 hours and 5 minutes
  max_resume_run_attempts: {resume}
  free_slots_after_run_end_seconds: 300  # else a killed run keeps its slots in pools

# Off: they would start a run again that took too long, under another id. What is worth another try is tried again
# inside its run, and what a lost worker had is resumed under its own id.
run_retries:
  enabled: false

{logs}
# Ticks are rows; the sensors look often and mostly find nothing. What Dagster keeps of runs has no setting here: a
# schedule removes the details of those that ended OA_EVENT_LOG_DAYS ago.
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

LOCAL = "local  # workers are started by hand, by a service manager or by `oa up`"
EC2 = "ec2  # instances of the pool's group too, and where OA_EC2_LAUNCH_TEMPLATE is set one for each heavy run"

# What steps print, as the UI shows it. A run's own log is output.txt, beside its results in the store.
LOGS_IN_A_FOLDER = """\
# What runs print (compute logs) goes into files below DAGSTER_HOME, in storage/: Dagster's own choice, not named here.
"""
LOGS_IN_S3 = """\
# What runs print (compute logs) goes to S3, where the UI finds it whichever machine a run was on. A rule of the bucket
# removes it after a while; nothing else lies there that anybody needs.
compute_logs:
  module: dagster_aws.s3.compute_log_manager
  class: S3ComputeLogManager
  config:
    bucket: {env: OA_LOGS_BUCKET}
    prefix: dagster
    local_dir: /var/lib/oa/printed  # until it is there
    upload_interval: 60  # so that a run can be watched
"""

WORKSPACE_YAML = """\
# Webserver and daemon share one code server, which has the definitions loaded once, behind this socket.
load_from:
  - grpc_server:
      socket: {socket}
      location_name: oa_pipeline
"""
SOCKET_OF_PRODUCTION = Path("/run/oa/code.sock")


def without_workers() -> str:
    """The dagster.yaml at the top of the repository: `dagster dev` beside it works as it is."""
    where = (
        ". `dagster dev` beside this file works as it is, and needs no environment. `oa up`\n"
        "# writes another, in which warm workers carry the runs out; docs/worker-pool.md tells what differs.\n"
        "# deploy/dagster.yaml is production's."
    )
    resume = "0  # the default launcher cannot resume a run"
    return DAGSTER_YAML.format(where=where, runs=WITHOUT_WORKERS, resume=resume, logs=LOGS_IN_A_FOLDER)


def with_workers(*, pull_request_slots: int = 1) -> str:
    """The dagster.yaml of `oa up` and the like. Where no pull requests come from no slot need wait for them."""
    return _with_workers(": `oa worker`s carry the runs out.", LOGS_IN_A_FOLDER, pull_request_slots, LOCAL)


def production() -> tuple[str, str]:
    """The dagster.yaml and the workspace.yaml of deploy/, as the hosts get them."""
    where = (
        " in production. The hosts have it as DAGSTER_HOME/dagster.yaml, beside workspace.yaml:\n"
        "# webserver, daemon and code server on one of them, workers on all that run any."
    )
    return _with_workers(where, LOGS_IN_S3, 1, EC2), WORKSPACE_YAML.format(socket=SOCKET_OF_PRODUCTION)


def _with_workers(where: str, logs: str, pull_request_slots: int, mode: str) -> str:
    resume = "1  # a lost worker's run goes on once, under its own id"
    runs = WITH_WORKERS.format(pull_request_slots=pull_request_slots, mode=mode)
    return DAGSTER_YAML.format(where=where, runs=runs, resume=resume, logs=logs)


def write_home(folder: Path, *, socket: Path, pull_request_slots: int = 1) -> None:
    """Makes `folder` a DAGSTER_HOME for workers, whose code server listens at `socket`."""
    _write_settings(folder, pull_request_slots)
    (folder / "workspace.yaml").write_text(WORKSPACE_YAML.format(socket=socket), encoding="utf-8")


def _write_settings(folder: Path, pull_request_slots: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text(with_workers(pull_request_slots=pull_request_slots), encoding="utf-8")


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
        _write_settings(folder, 0)
    return DagsterInstance.from_config(str(folder))
