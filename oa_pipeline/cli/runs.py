"""`oa runs`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from ..errors import OAError, PublishError
from ..text import one_line
from .operating import whoami, workplace_of_before

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..ledger.gate import Decided
    from ..orchestration.workplace import Workplace

Row = Mapping[str, Any]
LONGEST_WHY = 90  # characters of a line of `oa runs list`
MOST = 2**63 - 1  # the ledger counts no further
COUNTS = frozenset({"rows", "cache_size"})
# What `oa runs show` prints, in order: the row's column and what it is called.
FACTS = (
    ("key", "data source"), ("status", "status"), ("problem", "problem"), ("detail", "detail"), ("cure", "cure"),
    ("started_at", "started"), ("ended_at", "ended"), ("rows", "rows"), ("data_version", "data version"),
    ("held_because", "held because"), ("compared_with", "compared with run"), ("accepted_by", "let through by"),
    ("accepted_at", "let through"), ("rejected_by", "rejected by"), ("rejected_at", "rejected"),
    ("copy_of", "unchanged since run"), ("predecessor", "took over from run"), ("successor", "taken over by run"),
    ("set_id", "set"), ("job_id", "job"), ("pull_request", "pull request"), ("dagster_run_id", "Dagster's run"),
    ("warnings", "warning"), ("licence", "licence"), ("cache_size", "bytes downloaded"), ("code_version", "code"),
    ("commit_sha", "commit"), ("pruned_at", "objects removed"),
)  # fmt: skip


@click.group("runs")
def runs() -> None:
    """The runs in the ledger: list them, and decide about those that were held.

    A run that lost too much against the latest good one is held: its result is in the store, and the latest stays what
    it was until somebody accepts it, or a later run agrees with it.
    """


@runs.command("list")
@click.option("--held", "which", flag_value="held", help="Those that wait for somebody to accept or reject them.")
@click.option("--failed", "which", flag_value="failed", help="Those that failed.")
@click.option("--running", "which", flag_value="running", help="Those at work.")
@click.option("--late", "which", flag_value="late", help="Those whose result came after they had been given up.")
@click.option("--key", "pattern", metavar="GLOB", help="Only data sources whose keys match, as in 'us/ca/*'.")
@click.option("--set", "set_id", type=click.IntRange(1, MOST), metavar="ID", help="Only runs of this set.")
@click.option("--limit", type=click.IntRange(1, MOST), default=50, show_default=True, help="The most to list.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with everything that is known.")
def list_runs(which: str | None, pattern: str | None, set_id: int | None, limit: int, as_json: bool) -> None:
    """List runs, newest first: number, status, rows, when they ended, data source, why."""
    from ..ledger.listing import Which
    from ..ledger.listing import list_runs as listed

    found = listed(workplace_of_before().ledger(), Which(which or "all"), pattern=pattern, set_id=set_id, limit=limit)
    for row in found:
        click.echo(_json(row) if as_json else _line(row))
    more = " or more: see --limit" if len(found) == limit else ""
    click.echo(f"{len(found):,} run{'' if len(found) == 1 else 's'}{more}", err=True)


@runs.command("show")
@click.argument("number", type=click.IntRange(1, MOST), metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with everything that is known.")
def show(number: int, as_json: bool) -> None:
    """Show one run: how it ended, what it made and where that is, its relatives, results that came late."""
    from ..ledger import queries

    workplace = workplace_of_before()
    row = queries.run(workplace.ledger(), number)
    if row is None:
        raise OAError(f"there is no run {number}", cure="`oa runs list` shows the newest")
    late = queries.late(workplace.ledger(), number)
    if as_json:
        click.echo(_json({**row, "late_results": late}))
        return
    click.echo(f"run {number}")
    for column, called in FACTS:
        for value in row[column] if isinstance(row[column], list) else [row[column]]:
            if value not in (None, ""):
                click.echo(f"  {called}: {f'{value:,}' if column in COUNTS else _text(value)}")
    for result in late:
        click.echo(f"  came late: {_text(result['at'])} as {result['status']}, when it was {result['found']}")
    _show_objects(workplace, row)
    if row["status"] == "held":
        click.echo(f"`oa runs accept {number}` publishes it; `oa runs reject {number}` says that it never shall be")


@runs.command("accept")
@click.argument("numbers", nargs=-1, required=True, type=click.IntRange(1, MOST), metavar="ID...")
@click.option("--by", default="", help="Who lets them through; default: the name you are logged in with.")
def accept(numbers: tuple[int, ...], by: str) -> None:
    """Publish held runs. One that was let through before stays as it is."""
    from ..ledger.gate import accept as let_through

    workplace = workplace_of_before()
    who = by or whoami()
    published = []

    def one(engine: sa.Engine, number: int) -> str:
        done = let_through(engine, number, who, now=datetime.now(UTC))
        if done.published:
            published.append(done)
        return _accepted(done)

    failed = _each(workplace, numbers, one)
    if published:
        _tell_dagster(workplace, published)
    if failed:
        raise click.exceptions.Exit(1)


@runs.command("reject")
@click.argument("numbers", nargs=-1, required=True, type=click.IntRange(1, MOST), metavar="ID...")
@click.option("--by", default="", help="Who rejects them; default: the name you are logged in with.")
def reject(numbers: tuple[int, ...], by: str) -> None:
    """Say that held runs shall not be published, nor later ones that agree with them."""
    from ..ledger.gate import reject as turn_down

    who = by or whoami()

    def one(engine: sa.Engine, number: int) -> str:
        done = turn_down(engine, number, who, now=datetime.now(UTC))
        before = f" before, by {done.row['rejected_by']}" if done.already else ""
        return f"run {number} ({done.row['key']}) was rejected{before}; run {done.row['compared_with']} stays"

    if _each(workplace_of_before(), numbers, one):
        raise click.exceptions.Exit(1)


def _each(workplace: Workplace, numbers: tuple[int, ...], one: Callable[[sa.Engine, int], str]) -> bool:
    """Does `one` for each number and says what came of it; whether one of them could not be done."""
    from ..ledger.gate import NotHeld

    failed = False
    engine = workplace.ledger()
    for number in dict.fromkeys(numbers):
        try:
            click.echo(one(engine, number))
        except NotHeld as error:
            failed = True
            click.echo(f"oa: {error}", err=True)
    return failed


def _accepted(done: Decided) -> str:
    row = done.row
    what = f"run {row['id']} ({row['key']})"
    if done.already:
        what = f"{what} was let through before, by {row['accepted_by']}"
        return what if done.published else f"{what}; a newer run is the latest"
    if not done.published:
        return f"{what} was let through; a newer good run is the latest and stays it"
    return f"{what} is published in place of run {row['compared_with']}: {row['rows']:,} rows"


def _tell_dagster(workplace: Workplace, published: list[Decided]) -> None:
    from ..assets.runless import tell_latest
    from ..orchestration.instance import instance_of

    store = workplace.store()
    with _told(), instance_of(workplace.settings) as instance:
        for done in published:
            row = done.row
            why = f"run {row['id']} was held and let through by {row['accepted_by']}"
            tell_latest(instance, row, store, why)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Whatever goes wrong in Dagster, the ledger has it, and the same command again tells Dagster."""
    try:
        yield
    except OAError:
        raise
    except Exception as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise PublishError(
            f"published, but Dagster could not be told: {said[0]}", cure="the same command again tells it"
        ) from error


def _show_objects(workplace: Workplace, row: Row) -> None:
    store = workplace.store() if row["outputs"] else None
    for kind, output in sorted(row["outputs"].items()):
        assert store is not None
        click.echo(f"  {kind}: {store.url(output['key'])} ({output['size']:,} bytes)")


def _line(row: Row) -> str:
    count = "" if row["rows"] is None else f"{row['rows']:,}"
    why = "; ".join(row["held_because"] or ()) or row["problem"] or row["detail"] or ""
    if row["copy_of"] and not why:
        why = f"unchanged since run {row['copy_of']}"
    when = _text(row["ended_at"] or row["started_at"])
    line = f"{row['id']:>8}  {row['status']:<9}  {count:>11}  {when}  {row['key']}"
    return f"{line}  {one_line(why[: 4 * LONGEST_WHY])[:LONGEST_WHY]}".rstrip()


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    return one_line(str(value))


def _json(row: Row) -> str:
    return json.dumps(dict(row), ensure_ascii=False, default=lambda value: value.isoformat())
