"""When the dotmap is made: every few days, as all of it takes hours, and only where something has changed."""

# Annotations are not postponed here: Dagster reads those of configuration and resources as they are.
from typing import Any

from dagster import (
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

from ..assets.dotmap import DOTMAP
from ..orchestration.tags import COLLECT, COLLECT_PRIORITY, DEDICATED, KIND_TAG, PRIORITY_TAG, WORKER_TAG
from ..orchestration.workplace import Workplace
from ..settings import Settings

TAGS = {KIND_TAG: COLLECT, PRIORITY_TAG: COLLECT_PRIORITY}


def dotmap_job() -> Any:
    """The job that makes it."""
    return define_asset_job(
        "make_dotmap",
        selection=[DOTMAP],
        tags={**TAGS, WORKER_TAG: DEDICATED},
        executor_def=in_process_executor,
        description="Makes the tiles of the countries and states whose addresses have changed, and of the world.",
    )


def dotmap_schedule(settings: Settings, job: Any) -> ScheduleDefinition:
    """Makes it when OA_DOTMAP_SCHEDULE says so; by itself only where there are sources of one's own."""

    @schedule(
        name="dotmap_regularly",
        job=job,
        cron_schedule=settings.dotmap_schedule,
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.RUNNING if settings.sources else DefaultScheduleStatus.STOPPED,
        description="Makes the dotmap where addresses have changed since the last one.",
    )
    def regularly(context: ScheduleEvaluationContext, workplace: ResourceParam[Workplace]) -> RunRequest | SkipReason:
        return this_time(workplace)

    return regularly


def this_time(workplace: Workplace) -> RunRequest | SkipReason:
    """One tick: nothing where nothing has changed."""
    from ..errors import OAError
    from ..orchestration.dotmap import due

    try:
        return RunRequest(tags=TAGS) if due(workplace) else SkipReason("no address has changed since the last dotmap")
    except OAError as error:
        return SkipReason(f"the ledger was not asked: {error}")
