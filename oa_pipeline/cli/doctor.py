"""`oa doctor`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..doctor import Finding

AREAS = ("settings", "machine", "database", "store", "dagster", "workers", "github", "amazon")
HOSTS = ("all", "web", "control", "worker")
COLOURS = {"ok": "green", "note": None, "warning": "yellow", "wrong": "red"}


@click.command("doctor")
@click.argument("areas", nargs=-1, type=click.Choice(AREAS), metavar="[AREA]...")
@click.option("--host", type=click.Choice(HOSTS), default="all", show_default=True,
              help="What this machine is for: what only others need is not looked for.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding, a line each.")
@click.option("--quiet", is_flag=True, help="Only what is wrong, and warnings.")
def doctor(areas: tuple[str, ...], host: str, as_json: bool, quiet: bool) -> None:
    """Check this deployment, or areas of it: settings, machine, database, store, dagster, workers, github, amazon.

    Says what is wrong, where, and what to do. Exit status: 0 where nothing is wrong, be there warnings or not; 1 where
    something is; 2 where the settings cannot be read. Nothing is changed; objects below doctor/ in the store go again.
    """
    from ..doctor import Host, Means, checks, examine, well
    from ..settings import Settings

    means = Means(Settings.from_env(), Host(host))
    found = []
    for one in examine(means, checks(areas or AREAS)):
        found.append(one)
        if as_json:
            click.echo(json.dumps(one.as_json(), ensure_ascii=False))
        elif not quiet or one.state in {"warning", "wrong"}:
            _say(one)
    if not as_json:
        counts = {state: sum(1 for one in found if one.state == state) for state in COLOURS}
        told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        click.secho(f"{len(found)} checks: {told}", fg="green" if well(found) else "red", bold=True)
    if not well(found):
        raise click.exceptions.Exit(1)


def _say(one: Finding) -> None:
    state = str(one.state)
    click.secho(f"{state.upper() if state == 'wrong' else state:<8}", fg=COLOURS[state], nl=False)
    click.echo(f"{one.check:<22} {one.said}")
    if one.cure:
        click.echo(f"{'':<31}{one.cure}")
