"""The sensors that work for GitHub: deliveries become jobs, jobs get their runs, GitHub is told."""

# Annotations are not postponed here: Dagster reads those of configuration and resources as they are.
import functools
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dagster import (
    DagsterInstance,
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from ..orchestration.workplace import Workplace
from ..settings import Settings

if TYPE_CHECKING:
    from ..github.api import GitHub

LOOK_SECONDS = 2  # a contributor watches
# Dagster's daemon comes by every five seconds. What comes meanwhile does not wait for it.
WATCH_SECONDS, PAUSE_SECONDS = 3.5, 0.5
TELL_SECONDS = 5  # beside what is told at once
HOUR = 3600
AT_ONCE = 5  # debts that are paid within the look that made them


def github_sensors(settings: Settings, jobs: list[Any]) -> list[SensorDefinition]:
    """The sensors; they run by themselves only where GitHub can be asked."""
    can = bool(settings.github_token or settings.github_app_id)
    status = DefaultSensorStatus.RUNNING if can else DefaultSensorStatus.STOPPED

    @sensor(
        name="pull_requests",
        jobs=jobs,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=status,
        description="Turns GitHub's deliveries into jobs, asks for their runs, and notes how these ended.",
    )
    def pull_requests(context: SensorEvaluationContext, workplace: ResourceParam[Workplace]) -> SensorResult:
        return keep_looking(lambda: look_at_pull_requests(context.instance, workplace))

    @sensor(
        name="outbox",
        minimum_interval_seconds=TELL_SECONDS,
        default_status=status,
        description="Tells GitHub what it is owed: statuses, and the report of each pull request.",
    )
    def outbox(context: SensorEvaluationContext, workplace: ResourceParam[Workplace]) -> SensorResult:
        return SensorResult(skip_reason=SkipReason(tell(workplace)))

    @sensor(
        name="open_pull_requests",
        minimum_interval_seconds=HOUR,
        default_status=status,
        description="Finds open pull requests of which no delivery came.",
    )
    def open_pull_requests(context: SensorEvaluationContext, workplace: ResourceParam[Workplace]) -> SensorResult:
        return SensorResult(skip_reason=SkipReason(find_lost(workplace)))

    return [pull_requests, outbox, open_pull_requests]


def keep_looking(
    look: Callable[[], SensorResult],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> SensorResult:
    """Looks again and again for some seconds, until Dagster is to be asked for runs."""
    until, said = clock() + WATCH_SECONDS, dict[str, None]()
    while True:
        found = look()
        if found.run_requests:
            return found
        said[found.skip_reason.skip_message or "" if found.skip_reason else ""] = None
        if clock() + PAUSE_SECONDS > until:
            return found._replace(skip_reason=SkipReason("\n".join(said)))
        sleep(PAUSE_SECONDS)


def look_at_pull_requests(
    instance: DagsterInstance, workplace: Workplace, *, now: datetime | None = None
) -> SensorResult:
    """One look at deliveries and open jobs. What it could not do is found undone by the next one."""
    from ..errors import OAError
    from ..github.intake import Intake
    from ..ledger.clock import database_time
    from .checking import Checking

    said: list[str] = []
    requests: list[RunRequest] = []
    engine, settings = workplace.ledger(), workplace.settings
    try:
        moment = now or database_time(engine)
    except OAError as error:
        return SensorResult(skip_reason=SkipReason(f"neither deliveries nor jobs were looked at: {error}"))
    try:
        taken = Intake(engine, settings, functools.partial(client, settings), moment).take()
        said.append(str(taken))
        if taken.jobs:
            said.append(tell(workplace, most=AT_ONCE))
    except OAError as error:
        said.append(f"deliveries were not looked at to the end: {error}")
    try:
        checking = Checking(instance, engine, settings, moment)
        requests = checking.look()
        ended, stopped = checking.ended, checking.stopped
        if ended:
            said.append(tell(workplace, most=AT_ONCE))
        said.append(f"{len(requests)} runs asked for, {ended} data sources ended, {stopped} runs cancelled")
    except OAError as error:
        said.append(f"jobs were not looked at to the end: {error}")
    return SensorResult(run_requests=requests, skip_reason=None if requests else SkipReason("; ".join(said)))


def tell(workplace: Workplace, *, most: int = 20) -> str:
    """Tells GitHub what it is owed; how it went."""
    from ..errors import OAError
    from ..github.outgoing import pay
    from ..github.report import report_of
    from ..ledger.clock import database_time
    from ..ledger.outbox import due

    engine, settings = workplace.ledger(), workplace.settings
    try:
        now = database_time(engine)
        if not due(engine, now=now, limit=1):
            return "nothing is owed"
        report = functools.partial(report_of, engine, workplace.store(), settings)
        return str(pay(engine, client(settings), report, now=now, most=most))
    except OAError as error:
        return f"GitHub was not told: {error}"


def find_lost(workplace: Workplace) -> str:
    """Opens jobs for the heads of open pull requests that have none."""
    from ..errors import OAError
    from ..github.intake import Intake
    from ..ledger.clock import database_time

    engine, settings = workplace.ledger(), workplace.settings
    try:
        found = Intake(engine, settings, functools.partial(client, settings), database_time(engine)).reconcile()
    except OAError as error:
        return f"open pull requests were not looked at: {error}"
    return f"{len(found.jobs)} pull requests had no job"


@functools.lru_cache(maxsize=4)
def client(settings: Settings) -> "GitHub":
    """The way to GitHub, with its connections; one for all looks of a process."""
    from ..github.api import GitHub

    return GitHub.from_settings(settings)
