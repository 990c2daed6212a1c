"""`oa reindex`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import OAError, PublishError
from .operating import workplace_of_before

if TYPE_CHECKING:
    from ..orchestration.reindex import Report
    from ..orchestration.workplace import Workplace


@click.command("reindex")
@click.option("--dry-run", is_flag=True, help="Only say which runs would be entered.")
def reindex(dry_run: bool) -> None:
    """Enter runs in the ledger again that it forgot, since it was restored from a backup.

    Stop the workers before, and start nothing until this is done. Every run that is whole in the store is entered with
    all that is known of it, numbers go on after the highest, and the newest good runs are the latest again. What the
    gate held is held; what a person had accepted since the backup waits to be accepted once more. Nothing is removed
    from the store. Exit status: 0 done, 1 something has to be looked at.
    """
    from ..orchestration.reindex import reindex as enter_again
    from .progress import terminal_progress

    workplace = workplace_of_before()
    with terminal_progress() as on_progress:
        report = enter_again(workplace, dry_run=dry_run, on_progress=on_progress)
    _say(report, dry_run)
    if not dry_run:
        _tell_dagster(workplace, report)
    if any(not left.lost for left in report.left_out):
        raise click.exceptions.Exit(1)


def _say(report: Report, dry_run: bool) -> None:
    for one in report.entered:
        latest = "  is the latest" if one.latest else ""
        why = f"  {one.why}" if one.why else ""
        click.echo(f"run {one.number}  {one.key}  {one.status}{latest}{why}")
    for left in report.left_out:
        click.echo(f"left out: {left.prefix} ({left.objects:,} objects): {left.why}", err=True)
    what = "would be entered, before the gate has judged them" if dry_run else "entered"
    held = sum(one.status == "held" for one in report.entered)
    waiting = f", {held:,} of them held (`oa runs list --held`)" if held else ""
    click.echo(f"{len(report.entered):,} runs {what}{waiting}; {report.known:,} were known", err=True)


def _tell_dagster(workplace: Workplace, report: Report) -> None:
    from ..assets.runless import tell_latest
    from ..ledger import queries
    from ..orchestration.instance import instance_of

    latest = [one.number for one in report.entered if one.latest]
    if not latest:
        return
    engine, store = workplace.ledger(), workplace.store()
    try:
        with instance_of(workplace.settings) as instance:
            for number in latest:
                row = queries.run(engine, number)
                if row is not None:
                    tell_latest(instance, row, store, f"run {number} was found in the store and entered again")
    except OAError:
        raise
    except Exception as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise PublishError(
            f"the runs are entered, but Dagster could not be told: {said[0]}",
            cure="Dagster shows them with their data sources' next runs; the public is sent to them already",
        ) from error
