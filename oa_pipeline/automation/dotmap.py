"""When the dotmap is made: every few days, as all of it takes hours, and only where something has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..assets.dotmap import DOTMAP
from .regular import asked, making, where_due

if TYPE_CHECKING:
    from dagster import RunRequest, ScheduleDefinition, SkipReason

    from ..orchestration.workplace import Workplace
    from ..settings import Settings


def dotmap_job() -> Any:
    """The job that makes it."""
    said = "Makes the tiles of the countries and states whose addresses have changed, and of the world."
    return making("make_dotmap", DOTMAP, said, dedicated=True)


def dotmap_schedule(settings: Settings, job: Any) -> ScheduleDefinition:
    """Makes it when OA_DOTMAP_SCHEDULE says so."""
    said = "Makes the dotmap where addresses have changed since the last one."
    return where_due("dotmap_regularly", job, settings.dotmap_schedule, settings, this_time, said)


def this_time(workplace: Workplace) -> RunRequest | SkipReason:
    """One tick: nothing where nothing has changed."""
    from ..orchestration.dotmap import due

    return asked(lambda: due(workplace), "no address has changed since the last dotmap")
