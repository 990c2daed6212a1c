"""`oa dotmap`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from .operating import workplace_of_before

if TYPE_CHECKING:
    from ..publish.dotmap.build import Dotmap
    from ..publish.store import Store


@click.command("dotmap")
@click.option("--force", is_flag=True, help="Make all areas anew though nothing has changed.")
@click.option("--mbtiles", is_flag=True, help="Make dotmap.mbtiles, too, which Mapbox takes.")
@click.option("--json", "as_json", is_flag=True, help="Say it as JSON.")
def dotmap(force: bool, mbtiles: bool, as_json: bool) -> None:
    """Make the map of all addresses: dotmap.pmtiles, of which browsers read what they show.

    Only countries and states whose addresses have changed are made again. Where OA_MAPBOX_USER, OA_MAPBOX_TOKEN and
    OA_MAPBOX_TILESET are set, it is sent to Mapbox as well.
    """
    from ..orchestration.dotmap import make_dotmap
    from .progress import terminal_progress

    workplace = workplace_of_before()
    with terminal_progress() as on_progress:
        done = make_dotmap(workplace, force=force, mbtiles=mbtiles, say=on_progress)
    if as_json:
        keys = {file["name"]: file["key"] for file in done.files}
        click.echo(json.dumps({"build": done.build, "made": done.made, "facts": done.facts, "objects": keys}))
    else:
        _say(done, workplace.store())


def _say(done: Dotmap, store: Store) -> None:
    facts = done.facts
    click.echo(f"build {done.build}" if done.made else f"nothing has changed since build {done.build}")
    made = len(facts["made"]) if done.made else 0
    click.echo(f"{facts['rows']:,} addresses, {facts['areas']:,} areas, {made:,} made; {facts['tiles']:,} tiles")
    for key, why in done.left_out:
        click.echo(f"left out: {key}: {why}", err=True)
    for zoom, count in facts["dropped"].items():
        click.echo(f"too many for a tile at zoom {zoom}: {count:,} features", err=True)
    for file in done.files:
        click.echo(f"{file['name']}  {file['size']:,} bytes  {store.url(file['key'])}")
    if "mapbox" in facts:
        click.echo(f"Mapbox's tileset {facts['mapbox']['tileset']}")
