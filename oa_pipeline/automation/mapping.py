"""When the maps of what is covered are drawn: each hour in which something has changed, and so after every set."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..assets.coverage import COVERAGE
from .regular import TAGS, asked, making, where_due

if TYPE_CHECKING:
    from dagster import RunRequest, ScheduleDefinition, SkipReason

    from ..orchestration.workplace import Workplace
    from ..settings import Settings

__all__ = ["TAGS", "coverage_job", "coverage_schedule", "this_hour"]


def coverage_job() -> Any:
    """The job that draws them."""
    said = "Draws the maps of what is covered, of the latest results and of sets that have ended."
    return making("make_coverage", COVERAGE, said)


def coverage_schedule(settings: Settings, job: Any) -> ScheduleDefinition:
    """Draws them when OA_COVERAGE_SCHEDULE says so."""
    said = "Draws the maps of what is covered anew where a result has changed or a set has ended."
    return where_due("coverage_hourly", job, settings.coverage_schedule, settings, this_hour, said)


def this_hour(workplace: Workplace) -> RunRequest | SkipReason:
    """One tick: nothing where nothing has changed."""
    from ..publish.coverage import changed_since

    return asked(
        lambda: changed_since(workplace.ledger(), datetime.now(UTC)), "nothing has changed since the last maps"
    )
