"""The nightly jobs: tile index and statistics where something has changed, and what keeps store and database small."""

# Annotations are not postponed here: Dagster reads those of configuration and resources as they are.
from datetime import timedelta
from typing import Any

from dagster import (
    DefaultScheduleStatus,
    OpExecutionContext,
    ResourceParam,
    RunRequest,
    ScheduleDefinition,
    SkipReason,
    in_process_executor,
    job,
    op,
)

from ..assets.statistics import STATISTICS
from ..assets.tile_index import TILE_INDEX
from ..orchestration.workplace import Workplace
from ..settings import Settings
from .regular import TAGS, asked, making, own_sources, where_due

__all__ = ["TAGS", "nightly_jobs", "nightly_schedules", "prune", "prune_event_log", "this_hour"]
MIB = 1024 * 1024


@op(
    description="Removes from the store and the ledger what is neither young, nor a month's last, nor named by anybody."
)
def remove_what_is_old(context: OpExecutionContext, workplace: ResourceParam[Workplace]) -> None:
    """What `oa prune` does. What nobody knows of is named and stays."""
    from ..orchestration import upkeep
    from ..publish.prune import lines

    done = upkeep.prune(workplace, context.instance)
    context.add_output_metadata({what: said for what, said in lines(done)})


@op(description="Removes from Dagster's event log how the engine went about runs that are long over.")
def remove_noise(context: OpExecutionContext, workplace: ResourceParam[Workplace]) -> None:
    """Asset history, partitions, checks and the pages of runs stay as they are."""
    from ..ledger.clock import database_time
    from ..orchestration.eventlog import prune_event_log

    before = database_time(workplace.ledger()) - timedelta(days=workplace.settings.event_log_days)
    done = prune_event_log(context.instance, before)
    context.add_output_metadata(
        {
            "runs": done.runs,
            "rows before": done.rows_before,
            "rows removed": done.rows_removed,
            "rows left": done.rows_left,
            "MiB before": round(done.bytes_before / MIB, 3),
            "MiB removed": round(done.bytes_removed / MIB, 3),
            "MiB left": round(done.bytes_left / MIB, 3),
        }
    )


@job(tags=TAGS, executor_def=in_process_executor, description="Keeps the store and the ledger small.")
def prune() -> None:
    """One op."""
    remove_what_is_old()


@job(tags=TAGS, executor_def=in_process_executor, description="Keeps Dagster's event log small.")
def prune_event_log() -> None:
    """One op."""
    remove_noise()


def nightly_jobs() -> list[Any]:
    """All of them."""
    return [
        making(
            "make_tile_index",
            TILE_INDEX,
            "Makes the zips of the square degrees whose results have changed.",
            dedicated=True,
        ),
        making("make_statistics", STATISTICS, "Makes the numbers over all runs and sets anew."),
        prune,
        prune_event_log,
    ]


def nightly_schedules(settings: Settings, jobs: list[Any]) -> list[ScheduleDefinition]:
    """One for each of the jobs. The tile index is made by itself only where there are sources of one's own."""
    tiles, numbers, pruning, sweeping = jobs
    on = DefaultScheduleStatus.RUNNING
    return [
        ScheduleDefinition(
            name="tile_index_nightly",
            job=tiles,
            cron_schedule=settings.tiles_schedule,
            execution_timezone="UTC",
            tags=TAGS,
            default_status=own_sources(settings),
            description="Brings the tile index up to date.",
        ),
        where_due(
            "statistics_hourly",
            numbers,
            settings.statistics_schedule,
            settings,
            this_hour,
            "Makes the statistics anew where anything has happened since the last ones.",
        ),
        ScheduleDefinition(
            name="prune_nightly",
            job=pruning,
            cron_schedule=settings.prune_schedule,
            execution_timezone="UTC",
            tags=TAGS,
            default_status=on,
            description="Removes results older than OA_KEEP_DAYS, but for one a month and all that is current.",
        ),
        ScheduleDefinition(
            name="prune_event_log_nightly",
            job=sweeping,
            cron_schedule=settings.event_log_schedule,
            execution_timezone="UTC",
            tags=TAGS,
            default_status=on,
            description="Removes from Dagster's event log the noise of runs that are older than OA_EVENT_LOG_DAYS.",
        ),
    ]


def this_hour(workplace: Workplace) -> RunRequest | SkipReason:
    """One tick: nothing where nothing has happened."""
    from ..publish.statistics import changed_since

    return asked(lambda: changed_since(workplace.ledger()), "nothing has happened since the last statistics")
