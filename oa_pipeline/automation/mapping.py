"""When the maps of what is covered are drawn: each hour in which something has changed, and so after every set."""

# Annotations are not postponed here: Dagster reads those of configuration and resources as they are.
from datetime import UTC, datetime
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

from ..assets.coverage import COVERAGE
from ..orchestration.tags import COLLECT, COLLECT_PRIORITY, KIND_TAG, PRIORITY_TAG
from ..orchestration.workplace import Workplace
from ..settings import Settings

TAGS = {KIND_TAG: COLLECT, PRIORITY_TAG: COLLECT_PRIORITY}


def coverage_job() -> Any:
    """The job that draws them."""
    return define_asset_job(
        "make_coverage",
        selection=[COVERAGE],
        tags=TAGS,
        executor_def=in_process_executor,
        description="Draws the maps of what is covered, of the latest results and of sets that have ended.",
    )


def coverage_schedule(settings: Settings, job: Any) -> ScheduleDefinition:
    """Draws them when OA_COVERAGE_SCHEDULE says so; by itself only where there are sources of one's own."""

    @schedule(
        name="coverage_hourly",
        job=job,
        cron_schedule=settings.coverage_schedule,
        execution_timezone="UTC",
        default_status=DefaultScheduleStatus.RUNNING if settings.sources else DefaultScheduleStatus.STOPPED,
        description="Draws the maps of what is covered anew where a result has changed or a set has ended.",
    )
    def hourly(context: ScheduleEvaluationContext, workplace: ResourceParam[Workplace]) -> RunRequest | SkipReason:
        return this_hour(workplace)

    return hourly


def this_hour(workplace: Workplace) -> RunRequest | SkipReason:
    """One tick: nothing where nothing has changed."""
    from ..errors import OAError
    from ..publish.coverage import changed_since

    try:
        changed = changed_since(workplace.ledger(), datetime.now(UTC))
    except OAError as error:
        return SkipReason(f"the ledger was not asked: {error}")
    return RunRequest(tags=TAGS) if changed else SkipReason("nothing has changed since the last maps")
