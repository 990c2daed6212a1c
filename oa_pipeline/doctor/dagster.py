"""Dagster: its settings, its daemon, and whether sensors and schedules do their work."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .means import Means
from .verdicts import Check, Verdict, note, ok, warning, worst, wrong

if TYPE_CHECKING:
    from dagster import DagsterInstance

CURE = "take over what deploy/dagster.yaml has"
LOGS = "S3ComputeLogManager"


def _name(thing: object) -> str:
    return type(thing).__name__


def _ticks_are_purged(instance: DagsterInstance) -> bool:
    from ..orchestration.dagster_private import InstigatorType

    days = instance.get_tick_retention_settings(InstigatorType.SENSOR)
    return all(count > 0 for status, count in days.items() if status.value in {"SKIPPED", "SUCCESS"})


# What has to be so, and what goes wrong where it is not.
_WANTED: Mapping[str, tuple[Callable[[DagsterInstance], bool], str]] = {
    "storage is PooledPostgresStorage": (
        lambda i: _name(i.event_log_storage) == "PostgresEventLogStorage", "sets and retention need PostgreSQL"
    ),
    "run_monitoring.enabled": (lambda i: i.run_monitoring_enabled, "the run of a lost worker would hang for ever"),
    "max_resume_run_attempts: 1": (
        lambda i: _name(i.run_launcher) != "Ec2RunLauncher" or i.run_monitoring_max_resume_run_attempts == 1,
        "the run of a lost worker would fail, or be tried again and again",
    ),
    "run_retries.enabled: false": (
        lambda i: not i.run_retries_enabled, "a run that took too long would be started again under another id"
    ),
    "retention of ticks": (_ticks_are_purged, "rows of sensors and schedules would pile up"),
    "telemetry.enabled: false": (lambda i: not i.telemetry_enabled, "something is reported to others"),
    "nux.enabled: false": (lambda i: not i.nux_enabled, "visitors of the UI are asked to join something"),
}  # fmt: skip


def settings(means: Means) -> Verdict:
    """What dagster.yaml says, as Dagster understood it."""
    instance, found = means.instance, []
    for name, (holds, why) in _WANTED.items():
        if not holds(instance):
            found.append(wrong(f"{means.dagster_home / 'dagster.yaml'} lacks {name}: {why}", CURE))
    launcher, coordinator = instance.run_launcher, instance.run_coordinator
    if _name(launcher) != "Ec2RunLauncher":
        found.append(warning(f"runs are started by {_name(launcher)}, a process each, and not by workers", CURE))
    elif _name(coordinator) != "CapacityRunCoordinator":
        found.append(wrong(f"the queue is {_name(coordinator)}, which does not know how many slots workers have", CURE))
    else:
        silent = getattr(launcher, "heartbeat_timeout_seconds", 0)
        counted = getattr(coordinator, "silent", None)
        if counted is not None and counted.total_seconds() != silent:
            found.append(
                wrong(
                    "launcher and coordinator differ in heartbeat_timeout_seconds",
                    "let both have the same, as `oa worker`",
                )
            )
    if means.settings.ec2_launch_template and getattr(launcher, "mode", "") != "ec2":
        found.append(warning("OA_EC2_LAUNCH_TEMPLATE is set, and run_launcher.mode is not ec2: it is never used", CURE))
    if means.production and _name(instance.compute_log_manager) != LOGS:
        found.append(warning("what runs print stays on the machine they were on", CURE))
    return worst(found, ok(f"{means.dagster_home / 'dagster.yaml'} says what is needed"))


def daemons(means: Means) -> Verdict:
    """Whether its daemon has been heard."""
    if not means.dagsters:
        return note("Dagster's services are another host's")
    statuses = means.instance.get_daemon_statuses()
    now = time.time()
    silent = []
    for kind, status in sorted(statuses.items()):
        if status.required and not status.healthy:
            heard = status.last_heartbeat
            since = f"for {now - heard.timestamp:.0f} seconds" if heard else "ever"
            silent.append(f"{kind} has not been heard {since}")
            if heard and heard.errors:
                silent[-1] += f", and last said: {heard.errors[0].message.strip().splitlines()[0][:200]}"
    if silent:
        return wrong(f"Dagster's daemon: {'; '.join(silent)}", "start `dagster-daemon run`; its log says why it ended")
    return ok(f"Dagster's daemon is well: {len(statuses)} parts")


def sensors(means: Means) -> Verdict:
    """Whether sensors and schedules were stopped, or fail."""
    if not means.dagsters:
        return note("Dagster's services are another host's")
    states = list(means.instance.all_instigator_state())
    stopped = sorted(state.name for state in states if not state.is_running)
    found = [_last_tick(means.instance, state) for state in states if state.is_running]
    if stopped:
        found.append(warning(f"stopped: {', '.join(stopped)}", "start them in Dagster's UI, under Automation"))
    return worst(
        [v for v in found if v is not None], ok(f"{len(states)} sensors and schedules have been seen, none fails")
    )


def _last_tick(instance: DagsterInstance, state: Any) -> Verdict | None:
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
    if not ticks or ticks[0].status.value != "FAILURE":
        return None
    error = ticks[0].error
    said = error.message.strip().splitlines()[0][:200] if error else "without a word"
    return wrong(f"the last tick of {state.name} failed: {said}", "see its ticks in Dagster's UI, under Automation")


def logs(means: Means) -> Verdict:
    """Whether what runs print can be stored where the UI looks for it."""
    if not means.runs:
        return note("nothing is run here")
    manager: Any = means.instance.compute_log_manager
    if _name(manager) != LOGS:
        return note("what runs print stays in files of this machine")
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, prefix = manager._s3_bucket, manager._s3_prefix
    key = f"{prefix}/doctor.txt"
    try:
        manager._s3_session.put_object(Bucket=bucket, Key=key, Body=b"looked at\n")
        manager._s3_session.get_object(Bucket=bucket, Key=key)["Body"].read()
    except (BotoCoreError, ClientError) as error:
        return wrong(
            f"what runs print cannot be stored at s3://{bucket}/{prefix}: {error}", "see OA_LOGS_BUCKET, and its policy"
        )
    return ok(f"what runs print goes to s3://{bucket}/{prefix}")


NEEDS = ("database.reached", "database.dagster", "dagster.settings")
CHECKS = (
    Check("dagster.settings", "does dagster.yaml say what is needed", settings, ("database.reached",)),
    Check("dagster.daemons", "is its daemon heard", daemons, NEEDS),
    Check("dagster.sensors", "do sensors and schedules work", sensors, NEEDS),
    Check("dagster.logs", "can be stored what runs print", logs, NEEDS),
)
