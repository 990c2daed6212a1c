"""What everything has in common that is made of many results, regularly, and only where something has changed."""

# Annotations are not postponed here: Dagster reads those of configuration and resources as they are.
from collections.abc import Callable
from typing import Any

from dagster import (
    AssetKey,
    DefaultScheduleStatus,
    ResourceParam,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
    in_process_executor,
    schedule,
)

from ..orchestration.tags import COLLECT, COLLECT_PRIORITY, DEDICATED, KIND_TAG, PRIORITY_TAG, WORKER_TAG
from ..orchestration.workplace import Workplace
from ..settings import Settings

TAGS = {KIND_TAG: COLLECT, PRIORITY_TAG: COLLECT_PRIORITY}
Tick = Callable[[Workplace], RunRequest | SkipReason]


def making(name: str, asset: AssetKey, description: str, *, dedicated: bool = False) -> Any:
    """The job that makes an asset; `dedicated`: on a machine of its own, where there are such."""
    return define_asset_job(
        name,
        selection=[asset],
        tags=TAGS | ({WORKER_TAG: DEDICATED} if dedicated else {}),
        executor_def=in_process_executor,
        description=description,
    )


def own_sources(settings: Settings) -> DefaultScheduleStatus:
    """By itself only where there are sources of one's own: nobody waits for what is made of the samples."""
    return DefaultScheduleStatus.RUNNING if settings.sources else DefaultScheduleStatus.STOPPED


def where_due(name: str, job: Any, cron: str, settings: Settings, tick: Tick, description: str) -> ScheduleDefinition:
    """The job when `cron` says so, in UTC, if `tick` asks for it."""

    @schedule(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=own_sources(settings),
        description=description,
    )
    def ticks(context: ScheduleEvaluationContext, workplace: ResourceParam[Workplace]) -> RunRequest | SkipReason:
        return tick(workplace)

    return ticks


def asked(due: Callable[[], bool], otherwise: str) -> RunRequest | SkipReason:
    """A run where something is due; a ledger that cannot be asked is no news."""
    from ..errors import OAError

    try:
        return RunRequest(tags=TAGS) if due() else SkipReason(otherwise)
    except OAError as error:
        return SkipReason(f"the ledger was not asked: {error}")
