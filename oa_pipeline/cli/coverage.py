"""`oa coverage`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .operating import workplace_of_before

if TYPE_CHECKING:
    from ..publish.coverage import Drawn


@click.command("coverage")
@click.option("--force", is_flag=True, help="Draw anew though nothing has changed.")
@click.option("--json", "as_json", is_flag=True, help="Say it as JSON.")
@click.option("--picture", type=click.Path(path_type=Path), help="Write the map of the world to this file, too.")
def coverage(force: bool, as_json: bool, picture: Path | None) -> None:
    """Draw the maps of what is covered, and count how much of each country and state has addresses.

    Does what the hourly schedule does: of the latest results, and of each set that has ended and has no map yet.
    """
    from ..orchestration.upkeep import draw
    from .progress import terminal_progress

    workplace = workplace_of_before()
    with terminal_progress() as on_progress:
        done = draw(workplace, force=force, say=on_progress)
    if picture is not None:
        with workplace.store().open(done.objects["render-world.png"]) as held:
            picture.write_bytes(held.read())
    if as_json:
        click.echo(json.dumps({"build": done.build, "facts": dict(done.facts), "objects": dict(done.objects)}))
    else:
        _say(done)


def _say(done: Drawn) -> None:
    facts = done.facts
    click.echo("nothing has changed" if done.build is None else f"build {done.build}")
    click.echo(f"{facts['good']:,} of {facts['sources']:,} sources have addresses")
    for how, count in facts["matched"].items():
        click.echo(f"  {how:<9} {count:>6,}")
    for source, why in facts["failures"]:
        click.echo(f"not matched: {source}: {why}", err=True)
    for name, key in done.objects.items():
        click.echo(f"{name}  {key}")
