"""The sensors. Each is a few lines around a function that is tested without it."""

# Annotations are not postponed here: Dagster reads those of configuration and resources as they are.
from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    ResourceParam,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from ..orchestration.workplace import Workplace
from . import lost, partitions

LOST_SECONDS = 30
UNFINISHED = "+"  # after a cursor: partitions are still to be removed


def sources_sensor(every: int) -> SensorDefinition:
    """Looks at the source repository every so many seconds."""

    @sensor(
        name="sources",
        minimum_interval_seconds=every,
        default_status=DefaultSensorStatus.RUNNING,
        description="Keeps the partitions of `source` equal to the data sources of the source repository.",
    )
    def sources(context: SensorEvaluationContext, workplace: ResourceParam[Workplace]) -> SensorResult | SkipReason:
        return look(context.instance, context.cursor, workplace)

    return sources


def look(instance: DagsterInstance, cursor: str | None, workplace: Workplace) -> SensorResult | SkipReason:
    """One tick: nothing is read while the repository is what it was, and nothing is removed where it cannot be read."""
    from ..errors import OAError

    try:
        present = partitions.fingerprint(partitions.location(workplace))
        if cursor == present:
            return SkipReason("the source repository is what it was")
        done = partitions.sync(workplace, instance)
    except OAError as error:
        return SkipReason(f"the source repository was not taken over, nothing is removed: {error}")
    return SensorResult(
        skip_reason=SkipReason(str(done)), cursor=present if done.complete else f"{present}{UNFINISHED}"
    )


@sensor(
    name="lost_runs",
    minimum_interval_seconds=LOST_SECONDS,
    default_status=DefaultSensorStatus.RUNNING,
    description="Ends runs whose process was killed, in the ledger and in Dagster.",
)
def lost_runs(context: SensorEvaluationContext, workplace: ResourceParam[Workplace]) -> SensorResult:
    """Nothing to launch, ever: it tells the truth about runs that no longer can."""
    return look_for_lost_runs(context.instance, context.cursor, workplace)


def look_for_lost_runs(instance: DagsterInstance, cursor: str | None, workplace: Workplace) -> SensorResult:
    """One tick. The cursor holds the runs that were silent at the last one."""
    from ..ledger.clock import set_right

    engine = workplace.ledger()
    ended = lost.end_lost_runs(instance, engine)
    suspects = [int(number) for number in (cursor or "").split()]
    set_right(engine)
    silenced, silent = lost.end_silent_runs(instance, engine, suspects)
    ended += [*silenced, *lost.end_forsaken_runs(engine)]
    lost.withdraw_ended(instance, engine)
    said = f"ended {len(ended)} lost runs: {ended}" if ended else "no run is lost"
    return SensorResult(skip_reason=SkipReason(said), cursor=" ".join(map(str, silent)))
