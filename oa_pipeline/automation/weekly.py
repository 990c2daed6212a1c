"""What Dagster sees of sets: the schedule that begins one, the sensor that feeds it, the asset that shows it."""

# Annotations are not postponed here: Dagster reads those of configuration and resources as they are.
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    AssetSpec,
    DagsterInstance,
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    schedule,
    sensor,
)

from ..orchestration.workplace import Workplace
from ..settings import Settings
from .regular import own_sources

TOLD_SECONDS = 60  # between two events about a set's progress
LATE = timedelta(minutes=10)  # runs of a set that ended are taken out of the queue, should any come late
WEEKLY_SET = AssetKey("weekly_set")

weekly_set = AssetSpec(
    WEEKLY_SET,
    group_name="sets",
    kinds={"python"},
    owners=["team:openaddresses"],
    description=(
        "All data sources of the source repository, processed as one set. Observed while a set is under way, with how "
        "far it is; materialized when it has ended, however it did."
    ),
)


def set_schedule(settings: Settings, jobs: Any) -> ScheduleDefinition:
    """Begins a set when OA_SET_SCHEDULE says so; by itself only where there is a source repository of one's own."""

    @schedule(
        name="weekly_set",
        cron_schedule=settings.set_schedule,
        execution_timezone="UTC",
        job=jobs,
        default_status=own_sources(settings),
        description="Opens the weekly set. It starts no run itself: the sensor `feed` does, as there is room.",
    )
    def begin(context: ScheduleEvaluationContext, workplace: ResourceParam[Workplace]) -> SkipReason:
        return begin_set(context.instance, workplace, context.scheduled_execution_time)

    return begin


def begin_set(
    instance: DagsterInstance, workplace: Workplace, tick: datetime, now: datetime | None = None
) -> SkipReason:
    """One tick, which opens one set however often it is evaluated. A repository that cannot be read fails the tick."""
    from ..ledger.sets import SetRuns
    from .sets import Asked, start_set

    try:
        begun = start_set(workplace, instance, Asked(f"schedule {tick.isoformat()}", once=True), now=now)
    except SetRuns as error:
        return SkipReason(f"no set was opened: {error}")
    return SkipReason(f"set {begun.number} has {begun.members:,} data sources; the sensor `feed` starts their runs")


def feed_sensor(settings: Settings, jobs: list[Any]) -> SensorDefinition:
    """Feeds the open set; idle while there is none."""

    @sensor(
        name="feed",
        jobs=jobs,
        minimum_interval_seconds=settings.feed_seconds,
        default_status=DefaultSensorStatus.RUNNING,
        description="Feeds the open set's data sources into the queue as there is room, and tells how far it is.",
    )
    def feed(context: SensorEvaluationContext, workplace: ResourceParam[Workplace]) -> SensorResult | SkipReason:
        return look_at_sets(context.instance, context.cursor, workplace)

    return feed


@dataclass(frozen=True)
class Cursor:
    """What of sets was told to Dagster: the last one that ended, and when one was observed."""

    told: int = 0
    observed: float = 0.0

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        """The inverse of `str`; of a text that is none, the beginning."""
        try:
            held = json.loads(text or "{}")
            return cls(int(held.get("told", 0)), float(held.get("observed", 0.0)))
        except (ValueError, AttributeError, TypeError):
            return cls()

    def __str__(self) -> str:
        return json.dumps(asdict(self))


def look_at_sets(
    instance: DagsterInstance, cursor: str | None, workplace: Workplace, *, now: datetime | None = None
) -> SensorResult | SkipReason:
    """One look. A ledger that cannot be asked is no news: the next look finds what this one did not."""
    from ..errors import OAError
    from ..ledger.clock import database_time

    try:
        return _look(instance, Cursor.read(cursor), workplace, now or database_time(workplace.ledger()))
    except OAError as error:
        return SkipReason(f"sets were not looked at: {error}")


def _look(instance: DagsterInstance, told: Cursor, workplace: Workplace, now: datetime) -> SensorResult:
    from ..ledger import sets
    from .capacity import capacity
    from .feed import Feeding, cancel_queued, feed_set
    from .progress import Progress, metadata, progress

    engine, room = workplace.ledger(), capacity(instance)
    requests: list[RunRequest] = []
    events: list[AssetObservation | AssetMaterialization] = []
    said = "no set is open"
    row = sets.open_one(engine)
    if row is not None:
        requests = feed_set(Feeding(instance, engine, row, room, now))
        seen: Progress = progress(engine, sets.set_of(engine, row["id"]) or row, slots=room.slots)
        said = str(seen)
        if seen.row["ended_at"] is None and abs(now.timestamp() - told.observed) >= TOLD_SECONDS:
            events.append(AssetObservation(WEEKLY_SET, description=said, metadata=metadata(seen)))
            told = Cursor(told.told, now.timestamp())
    for over in sets.ended_after(engine, told.told):
        seen = progress(engine, over, slots=room.slots)
        events.append(AssetMaterialization(WEEKLY_SET, description=str(seen), metadata=metadata(seen)))
        told = Cursor(over["id"], told.observed)
    for number in sets.ended_since(engine, now - LATE):
        cancel_queued(instance, number)
    skip = None if requests else SkipReason(said)
    return SensorResult(run_requests=requests, skip_reason=skip, cursor=str(told), asset_events=events)
