"""`oa set`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from ..errors import OAError
from .operating import whoami, workplace_at_work

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..automation.progress import Progress

EVERY = 2.0  # seconds between looks of `--follow`
MOST = 2**63 - 1  # the ledger counts no further


@click.group("set")
def set_group() -> None:
    """Sets: all data sources of the source repository, or some of them, processed as one.

    A set is opened here or by the weekly schedule. The sensor `feed` starts its runs as there is room.
    """


@set_group.command("start")
@click.option("--only", default="", metavar="GLOB", help="Only data sources whose keys match, as in 'us/ca/*'.")
@click.option("--force", is_flag=True, help="Convert everything again, also what has not changed.")
def start(only: str, force: bool) -> None:
    """Open a set over the source repository as it is now. There is one at a time."""
    from ..automation.sets import Asked, start_set
    from ..orchestration.instance import instance_of

    workplace = workplace_at_work()
    with instance_of(workplace.settings) as instance:
        begun = start_set(workplace, instance, Asked(f"{whoami()} by `oa set start`", only=only, force=force))
    commit = f" at commit {begun.commit}" if begun.commit else ""
    click.echo(f"set {begun.number}: {begun.members:,} data sources of {begun.repository}{commit}")
    if begun.unreadable:
        click.echo(f"{begun.unreadable:,} files cannot be read; `oa sources list` tells which", err=True)
    first = "All of them are converted again" if force else "First their publishers are asked what has changed"
    click.echo(
        f"{first}. The sensor `feed` starts the runs; `oa set show {begun.number} --follow` shows how far it is."
    )


@set_group.command("show")
@click.argument("number", required=False, type=click.IntRange(1, MOST), metavar="[ID]")
@click.option("--follow", is_flag=True, help="Stay until it has ended; exit status 1 unless it is complete.")
def show(number: int | None, follow: bool) -> None:
    """Show how far a set is: the open one, or else the newest, unless ID names another."""
    engine = workplace_at_work().ledger()
    seen = _progress(engine, _number(engine, number))
    if follow:
        seen = _follow(engine, seen)
    for line in described(seen):
        click.echo(line)
    if follow and seen.row["status"] != "complete":
        raise click.exceptions.Exit(1)


@set_group.command("cancel")
@click.argument("number", required=False, type=click.IntRange(1, MOST), metavar="[ID]")
def cancel(number: int | None) -> None:
    """End a set, the open one unless ID names it. Its runs leave the queue; those at work go on to their end."""
    from ..automation.feed import stop_set
    from ..ledger import sets
    from ..ledger.tables import SetStatus
    from ..orchestration.instance import instance_of

    workplace = workplace_at_work()
    engine = workplace.ledger()
    current = sets.open_one(engine)
    if number is None and current is None:
        raise OAError("no set is open", cure="`oa set show` shows the newest")
    asked = number or int(current["id"])  # type: ignore[index]
    row = sets.set_of(engine, _number(engine, asked))
    assert row is not None
    if row["ended_at"] is not None:
        raise OAError(
            f"set {asked} has ended as {row['status']}, at {_text(row['ended_at'])}",
            cure="`oa set show` shows the newest",
        )
    why = f"cancelled by {whoami()}"
    with instance_of(workplace.settings) as instance:
        stop_set(instance, engine, asked, SetStatus.CANCELLED, why=why, now=datetime.now(UTC))
    for line in described(_progress(engine, asked)):
        click.echo(line)


def described(seen: Progress) -> Iterator[str]:
    """A set in a few lines."""
    from ..automation.progress import STEPS, duration

    row, tally = seen.row, seen.tally
    share = f" ({tally.ended / tally.members:.0%})" if tally.members else ""
    yield f"set {row['id']} {row['status']}: {tally.ended:,} of {tally.members:,} ended{share}"
    yield from (f"  {name}: {count:,}" for name, count in tally.outcomes.items())
    yield from (f"    {problem}: {count:,}" for problem, count in tally.problems.items())
    if tally.outcomes.get("failed"):
        yield f"    `oa runs list --set {row['id']} --failed` names them"
    if row["ended_at"] is None:
        yield from (f"  {said}: {tally.steps[step]:,}" for step, said in STEPS.items() if tally.steps.get(step))
    elif tally.ended < tally.members:
        yield f"  not ended: {tally.members - tally.ended:,}"
    asked = f" by {row['asked_by']}" if row["asked_by"] else ""
    yield f"  started: {_text(row['started_at'])}{asked}"
    only = f", only {row['only']}" if row["only"] else ""
    yield f"  of: {row['repository']}{only}" + (f" at {row['commit_sha']}" if row["commit_sha"] else "")
    if row["ended_at"] is not None:
        yield f"  ended: {_text(row['ended_at'])}"
    else:
        left = duration(seen.seconds_left) if seen.seconds_left is not None else "not known: no worker takes runs"
        yield f"  time left: {left}"
        yield f"  deadline: {_text(row['deadline_at'])}"
    if len(row["code_versions"]) > 1:
        yield f"  upgraded meanwhile: {', '.join(row['code_versions'])}"
    yield from (f"  {line}" for line in (row["detail"].splitlines() or seen.trouble))


def _follow(engine: sa.Engine, seen: Progress) -> Progress:
    """Shows the set until it has ended: a bar on a terminal, else a line whenever something has changed."""
    bar = _bar(seen) if sys.stderr.isatty() else _lines()
    next(bar)
    try:
        while True:
            bar.send(seen)
            if seen.row["ended_at"] is not None:
                return seen
            time.sleep(EVERY)
            seen = _progress(engine, int(seen.row["id"]))
    finally:
        bar.close()


def _lines() -> Any:
    said = ""
    while True:
        seen = yield
        done, _, left = str(seen).rpartition("; ") if seen.seconds_left is not None else (str(seen), "", "")
        if done != said:
            click.echo(f"{done}; {left}" if left else done, err=True)
            said = done


def _bar(first: Progress) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn(f"set {first.row['id']}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=first.tally.members)
        while True:
            seen = yield
            bars.update(task, completed=seen.tally.ended, description=str(seen).partition("; ")[2])


def _progress(engine: sa.Engine, number: int) -> Progress:
    from datetime import timedelta

    from ..automation.progress import progress
    from ..ledger import heartbeats, sets
    from ..orchestration.launcher import SILENT_SECONDS

    row = sets.set_of(engine, number)
    assert row is not None
    return progress(engine, row, slots=heartbeats.live_slots(engine, timedelta(seconds=SILENT_SECONDS)))


def _number(engine: sa.Engine, number: int | None) -> int:
    from ..ledger import sets

    row = sets.newest(engine) if number is None else sets.set_of(engine, number)
    if row is None:
        said = "there has been no set" if number is None else f"there is no set {number}"
        raise OAError(said, cure="`oa set start` opens one" if number is None else "`oa set show` shows the newest")
    return int(row["id"])


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
