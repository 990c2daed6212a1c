"""Runs with an instance of their own: what it is to be, how it comes, and how it goes.

The ledger's row is first, then the instance, so that none exists for which no run waits. A request that was cut off,
or answered by a throttle, is made again under the same token by `oa capacity`.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ...aws import instances
from ...aws.clients import CloudFault, Kind
from ...aws.instances import Wanted
from ...ledger import machines
from ...ledger.tables import Stage
from ..tags import DISK_TAG, HOURS_TAG, INSTANCE_TAG, PARTITION_TAG, TYPE_TAG

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun
    from sqlalchemy import Engine

    from ...ledger.assignments import Assignment
    from ...ledger.machines import Owner
    from ...settings import Settings

log = logging.getLogger(__name__)
KEPT = timedelta(hours=6)  # so long after an attempt's end its instance is still looked for
OVERDUE_SECONDS = 900  # beyond its hours
LEAVING_SECONDS = 120  # from a run's end to its instance's, before it is ended by us
_TYPE = re.compile(r"[a-z0-9-]{1,30}\.[a-z0-9-]{1,30}")
_NOT_FOR_TAGS = re.compile(r"[^\w +\-=.:/@]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Order:
    """What a run's instance is to be."""

    instance_type: str
    disk_gb: int
    hours: int


def order_of(tags: Mapping[str, str], settings: Settings) -> Order:
    """What the run's tags ask for, and the settings where they ask for nothing that can be."""
    asked = tags.get(TYPE_TAG, "")
    if asked and not _TYPE.fullmatch(asked):
        log.warning("%s=%r is no instance type; it is %s instead", TYPE_TAG, asked, settings.ec2_instance_type)
        asked = ""
    return Order(
        asked or settings.ec2_instance_type,
        _number(tags, DISK_TAG, 0, 16_384, settings.ec2_disk_gb),
        _number(tags, HOURS_TAG, 1, 240, settings.ec2_hours),
    )


def _number(tags: Mapping[str, str], name: str, least: int, most: int, default: int) -> int:
    text = tags.get(name, "")
    if not text:
        return default
    if text.isascii() and text.isdigit() and least <= int(text) <= most:
        return int(text)
    log.warning("%s=%r is not a number from %d to %d; it is %d instead", name, text, least, most, default)
    return default


def provide(
    engine: Engine,
    dagster: DagsterInstance,
    settings: Settings,
    run: DagsterRun,
    assignment: Assignment,
    former: str = "",
) -> str:
    """Gives the attempt an instance, in place of the `former` one; its number.

    At spot price for the first attempt's first one, where there is such; else on demand. Raises CloudFault.
    """
    order = order_of(run.tags, settings)
    spot = settings.ec2_spot and assignment.attempt == 0 and not former
    try:
        number = instances.make(wanted(run, assignment, order, settings.ec2_launch_template, former, spot=spot))
    except CloudFault as error:
        if error.kind is not Kind.NO_ROOM or not spot:
            raise
        log.warning("run %s gets an instance on demand: %s", run.run_id, error)
        number = instances.make(wanted(run, assignment, order, settings.ec2_launch_template, former, spot=False))
    if not machines.has_instance(engine, assignment, former, number):
        log.warning("run %s ended, or was given another instance, while %s was made", run.run_id, number)
        instances.end(number)
        return number
    dagster.add_run_tags(run.run_id, {INSTANCE_TAG: number})
    log.info("run %s, attempt %d, has instance %s", run.run_id, assignment.attempt, number)
    return number


def wanted(run: DagsterRun, assignment: Assignment, order: Order, template: str, former: str, *, spot: bool) -> Wanted:
    """What EC2 is asked for."""
    told = f"{assignment.run_id}/{assignment.attempt}/{former}/{'spot' if spot else 'on-demand'}"
    command = " ".join(filter(None, [run.job_name, run.tags.get(PARTITION_TAG, "")]))
    return Wanted(
        template,
        hashlib.sha256(told.encode()).hexdigest()[:32],
        fit_for_tags(f"OA {command}"),
        {
            instances.RUN_TAG: assignment.run_id,
            instances.ATTEMPT_TAG: str(assignment.attempt),
            instances.HOURS_TAG: str(order.hours),
            instances.COMMAND_TAG: fit_for_tags(command),
            instances.TEMPLATE_TAG: template,
        },
        order.instance_type,
        order.disk_gb,
        spot,
    )


def fit_for_tags(text: str) -> str:
    """The text as a value of a tag of EC2's."""
    return _NOT_FOR_TAGS.sub("_", text)[:250]


def tend(engine: Engine, dagster: DagsterInstance, settings: Settings) -> None:
    """Attempts without an instance get one, and instances end whose attempt has, or whose hours are over.

    What Amazon refuses or throttles is tried again at the next call. Raises CloudFault where it cannot be asked.
    """
    owners = machines.owners(engine, KEPT)
    here = {one.id: one for one in instances.for_runs()}
    for owner in owners:
        if owner.stage is Stage.READY and _lacks(owner, {name for name, one in here.items() if not one.state.gone}):
            _again(engine, dagster, settings, owner)
    owned = {one.instance: one for one in owners if one.instance}
    for number, seen in here.items():
        whose = owned.get(number)
        if seen.state.name not in {"pending", "running"} or (whose is None and _of_others(seen, settings)):
            continue
        if why := _why_not(whose, owners, seen):
            log.warning("instance %s is ended: %s", number, why)
            instances.end(number)


def _of_others(seen: instances.Seen, settings: Settings) -> bool:
    """Whether another deployment in the same account made it."""
    return seen.tags.get(instances.TEMPLATE_TAG) != settings.ec2_launch_template


def _lacks(owner: Owner, alive: set[str]) -> bool:
    # One that is not seen may just have been made, or its maker is at it.
    return owner.instance not in alive and owner.seconds > 60


def _again(engine: Engine, dagster: DagsterInstance, settings: Settings, owner: Owner) -> None:
    run = dagster.get_run_by_id(owner.assignment.run_id)
    if run is None or run.is_finished:
        return  # the row is withdrawn by others
    try:
        provide(engine, dagster, settings, run, owner.assignment, owner.instance)
    except CloudFault as error:
        log.warning("run %s has no instance yet: %s", run.run_id, error)


def _why_not(owner: Owner | None, owners: list[Owner], seen: instances.Seen) -> str:
    """Why the instance should not be there; empty where it should."""
    hours = seen.tags.get(instances.HOURS_TAG, "")
    if hours.isdigit() and seen.seconds > int(hours) * 3600 + OVERDUE_SECONDS:
        return f"its {hours} hours are over"
    if owner is not None:
        if owner.stage in {Stage.DONE, Stage.BROKEN} and owner.seconds > LEAVING_SECONDS:
            return f"its run's attempt is {owner.stage}"
        return ""
    run, attempt = seen.tags.get(instances.RUN_TAG, ""), seen.tags.get(instances.ATTEMPT_TAG, "")
    waits = any(
        one.assignment.run_id == run and str(one.assignment.attempt) == attempt and not one.instance for one in owners
    )
    return "" if waits or seen.seconds <= LEAVING_SECONDS else "no run has it"
