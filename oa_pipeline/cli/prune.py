"""`oa prune`."""

from __future__ import annotations

import contextlib
import json

import click

from .operating import workplace_of_before


@click.command("prune")
@click.option("--dry-run", "dry", is_flag=True, help="Only say what would go, and why.")
@click.option("--orphans", is_flag=True, help="Remove objects of runs and builds that nobody knows of, too.")
@click.option("--json", "as_json", is_flag=True, help="Say it as one JSON object.")
def prune(dry: bool, orphans: bool, as_json: bool) -> None:
    """Remove what the store need not keep.

    Everything of the last OA_KEEP_DAYS stays, then one good run a month of each data source. The latest good run and
    all that is published never goes. Rows of runs stay, so that their history does.
    """
    from ..orchestration import upkeep
    from ..orchestration.instance import instance_of
    from ..publish.prune import lines

    workplace = workplace_of_before()
    with contextlib.nullcontext() if dry else instance_of(workplace.settings) as instance:
        done = upkeep.prune(workplace, instance, dry=dry, orphans=orphans)
    if as_json:
        click.echo(json.dumps(done.as_json(), ensure_ascii=False))
        return
    click.echo("would be removed:" if dry else "removed:")
    for what, said in lines(done):
        click.echo(f"  {what}: {said}")
    if done.orphans.count and not done.orphans_removed:
        for key in done.orphan_keys[:20]:
            click.echo(f"  ? {key}", err=True)
        click.echo("objects that nobody knows of stay without --orphans", err=True)
