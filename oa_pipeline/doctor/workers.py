"""Workers and the queue: is somebody there, and does it move."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from .means import Means
from .verdicts import Check, Verdict, ok, warning, wrong

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRunStatus

SILENT = timedelta(seconds=60)
STUCK_SECONDS = 300.0
LONG_SECONDS = 6 * 3600.0


def alive(means: Means) -> Verdict:
    """The workers that beat, those that do not, and whether they run this code."""
    from ..ledger.heartbeats import workers
    from ..orchestration.version import code_version

    known = workers(means.engine)
    heard = [one for one in known if one["silent"] <= SILENT.total_seconds()]
    taking = [one for one in heard if not one["draining"]]
    if not taking:
        draining = f"; about to end: {len(heard)}" if heard else ""
        return wrong(
            f"no worker takes runs{draining}", "start `oa worker`; in production its log is /var/log/oa/worker.log"
        )
    slots = sum(one["slots"] for one in taking)
    hosts = ", ".join(sorted({one["host"] for one in taking}))
    said = f"{_number(len(taking), 'worker')} with {_number(slots, 'slot')} on {hosts}"
    ours = code_version()
    others = sorted({one["code_version"] for one in heard if one["code_version"] not in {"", ours}})
    if others:
        cure = "let them end (they do when they are idle), or restart them; runs say which code they were made by"
        return warning(f"{said}; of other code than this ({ours}): {', '.join(others)}", cure)
    silent = [one for one in known if one not in heard]
    if silent:
        names = ", ".join(f"{one['worker']} for {one['silent']:.0f} seconds" for one in silent[:3])
        cure = "their runs are resumed by others; see whether those machines are there"
        return warning(f"{said}; silent: {names}", cure)
    return ok(said)


def queue(means: Means) -> Verdict:
    """Whether what waits is taken, as long as there are slots."""
    from dagster import DagsterRunStatus as Status

    from ..ledger.heartbeats import live_slots

    instance = means.instance
    waiting, oldest = _waiting(instance, Status.QUEUED)
    if not waiting:
        return ok("nothing waits in Dagster's queue")
    at_work = [Status.STARTING, Status.STARTED, Status.CANCELING]
    busy, slots = _count(instance, at_work), live_slots(means.engine, SILENT)
    said = f"{_number(waiting, 'run')} in the queue, the oldest for {_age(oldest)}; {busy} at work"
    said += f", {_number(slots, 'slot')} in all"
    if slots and busy < slots and oldest > STUCK_SECONDS:
        return wrong(
            f"{said}: slots are free and nobody is started",
            "see dagster.daemons; else the tags of what waits: runs_per_host, one author's share and "
            "pull_request_slots in dagster.yaml hold runs back",
        )
    if oldest > LONG_SECONDS:
        return warning(said, "more workers: OA_EC2_GROUP's most, or `oa worker` on another machine")
    return ok(said)


def launched(means: Means) -> Verdict:
    """Whether runs that were launched are taken."""
    from dagster import DagsterRunStatus as Status

    waiting, oldest = _waiting(means.instance, Status.STARTING)
    if waiting and oldest > STUCK_SECONDS:
        cure = "see workers.alive; a run nobody takes fails after start_timeout_seconds of dagster.yaml"
        return warning(
            f"{waiting} runs were launched and no worker has begun them, the oldest for {_age(oldest)}", cure
        )
    return ok("what was launched is taken")


def faults(means: Means) -> Verdict:
    """What we ourselves failed at within a day."""
    from datetime import UTC, datetime

    from ..ledger.notices import our_faults

    found = our_faults(means.engine, datetime.now(UTC) - timedelta(days=1))
    if not found:
        return ok("within a day no run failed by our own fault")
    first = found[0]
    said = " ".join(str(first["detail"]).split())[:200]
    return warning(
        f"within a day {sum(one['runs'] for one in found)} runs failed by our own fault, most of them so: {said}",
        "see `oa runs list --failed`",
    )


def _waiting(instance: DagsterInstance, status: DagsterRunStatus) -> tuple[int, float]:
    """How many runs have that status, and for how many seconds the oldest has."""
    from dagster import RunsFilter

    wanted = RunsFilter(statuses=[status])
    count = instance.get_runs_count(wanted)
    oldest = instance.get_run_records(wanted, limit=1, order_by="update_timestamp", ascending=True)
    return count, time.time() - oldest[0].update_timestamp.timestamp() if oldest else 0.0


def _count(instance: DagsterInstance, statuses: list[DagsterRunStatus]) -> int:
    from dagster import RunsFilter

    return instance.get_runs_count(RunsFilter(statuses=statuses))


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _age(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds > 5400 else f"{seconds / 60:.0f} minutes"


LEDGER = ("database.reached", "database.ledger")
DAGSTER = (*LEDGER, "database.dagster", "dagster.settings")
CHECKS = (
    Check("workers.alive", "does a worker take runs", alive, LEDGER),
    Check("workers.queue", "does the queue move", queue, DAGSTER),
    Check("workers.launched", "is what was launched taken", launched, DAGSTER),
    Check("workers.faults", "do runs fail by our own fault", faults, LEDGER),
)
