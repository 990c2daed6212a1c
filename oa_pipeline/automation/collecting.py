"""When collections are made: every night and when a set has ended, not after every one of thousands of sources."""

# Annotations are not postponed here: Dagster reads those of configuration and resources as they are.
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    RunsFilter,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    schedule,
    sensor,
)

from ..assets.collections import COLLECTIONS, JOB
from ..orchestration.workplace import Workplace
from ..settings import Settings
from .partitions import IN_PROGRESS
from .regular import TAGS, making, own_sources

LOOK_SECONDS = 60


def collections_job() -> Any:
    """The job that makes them."""
    about = "Makes the regional files of the latest results, where these have changed."
    return making(JOB, COLLECTIONS, about, dedicated=True)


def collections_schedule(settings: Settings, job: Any) -> ScheduleDefinition:
    """Makes them when OA_COLLECT_SCHEDULE says so; by itself only where there is a source repository of one's own."""

    @schedule(
        name="collections_nightly",
        cron_schedule=settings.collect_schedule,
        execution_timezone="UTC",
        job=job,
        default_status=own_sources(settings),
        description="Makes the regional files of what the sources' latest results are by then.",
    )
    def nightly(context: ScheduleEvaluationContext, workplace: ResourceParam[Workplace]) -> RunRequest | SkipReason:
        return tonight(context.instance, workplace)

    return nightly


def tonight(instance: DagsterInstance, workplace: Workplace) -> RunRequest | SkipReason:
    """One tick: nothing where a run is under way already, or where what was published before is the better choice."""
    from ..orchestration.collect import doubt

    if busy := under_way(instance):
        return SkipReason(f"run {busy} is under way")
    reason = doubt(workplace.ledger())
    return SkipReason(f"nothing is collected: {reason}") if reason else RunRequest(tags=TAGS)


def collections_sensor(job: Any) -> SensorDefinition:
    """Makes them once a set has ended."""

    @sensor(
        name="collections_after_set",
        job=job,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=DefaultSensorStatus.RUNNING,
        description="Makes the regional files once a set has ended.",
    )
    def after_set(context: SensorEvaluationContext, workplace: ResourceParam[Workplace]) -> RunRequest | SkipReason:
        return look(context.instance, workplace)

    return after_set


def look(instance: DagsterInstance, workplace: Workplace, *, now: datetime | None = None) -> RunRequest | SkipReason:
    """One look: a whole set that has ended since the newest build began is worth a new one.

    A build that is still to begin, as the clock was set back, says nothing; of a set there is one run at most.
    """
    from ..errors import OAError
    from ..ledger import builds, sets
    from ..ledger.clock import SLACK, database_time
    from ..orchestration.collect import KIND, doubt

    try:
        engine = workplace.ledger()
        over = [one for one in sets.ended_after(engine, 0) if _worth_collecting(one)]
        begun = builds.newest(engine, KIND)
        if not over:
            return SkipReason("no set over all sources has ended lately")
        ended = over[-1]
        latest = (now or database_time(engine)) + SLACK
        if begun is not None and ended["ended_at"] <= begun["started_at"] <= latest:
            return SkipReason(f"build {begun['id']} began after set {ended['id']} had ended")
        if busy := under_way(instance):
            return SkipReason(f"run {busy} is under way")
        reason = doubt(engine)
    except OAError as error:
        return SkipReason(f"sets were not looked at: {error}")
    if reason:
        return SkipReason(f"nothing is collected: {reason}")
    return RunRequest(run_key=f"set/{ended['id']}", tags=TAGS)


def _worth_collecting(ended: Mapping[str, Any]) -> bool:
    """A set of a part of the sources, or one that was cancelled, waits for the night."""
    return not ended["only"] and ended["status"] != "cancelled"


def under_way(instance: DagsterInstance) -> str:
    """The run of the job that has not ended; empty where there is none."""
    found = instance.get_run_records(RunsFilter(job_name=JOB, statuses=IN_PROGRESS), limit=1)
    return found[0].dagster_run.run_id if found else ""
