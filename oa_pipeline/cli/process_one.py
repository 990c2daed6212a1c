"""`oa process-one`."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Problem
from ..settings import Settings
from ..sources.model import DataSource, Source

if TYPE_CHECKING:
    from ..process import Result

_FORMATS = ("geojson", "csv", "parquet")


def _formats(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    chosen = [name.strip() for text in given for name in text.split(",")] or list(_FORMATS)
    if unknown := sorted(set(chosen) - set(_FORMATS)):
        raise click.BadParameter(f"{', '.join(unknown)}: use some of {', '.join(_FORMATS)}")
    return tuple(name for name in _FORMATS if name in chosen)


@click.command("process-one")
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("dest", type=click.Path(file_okay=False, path_type=Path))
@click.option("--layer", help="addresses, buildings, parcels or centerlines; may be left out where the file has one.")
@click.option("--name", help="The data source's name; may be left out where the layer has one.")
@click.option("--allow-local", is_flag=True, help="Let the source name local files and private addresses.")
@click.option(
    "--formats", multiple=True, callback=_formats, metavar="LIST", help="geojson,csv,parquet (default: all three)."
)
@click.option(
    "--render-preview/--skip-preview",
    "maps",
    default=False,
    help="Make preview.png and slippymap.pmtiles as well, or not (the default).",
)
@click.option("-v", "--verbose", is_flag=True, help="Show the log on stderr.")
def process_one(
    source: Path,
    dest: Path,
    layer: str | None,
    name: str | None,
    allow_local: bool,
    formats: tuple[str, ...],
    maps: bool,
    verbose: bool,
) -> None:
    """Process one data source of the file SOURCE into DEST/<source>/<layer>/<name>/.

    Prints the path of index.json, which tells how it went. Exit status: 0 processed or skipped, 1 the source failed,
    2 wrong usage.
    """
    settings = Settings.from_env()
    if allow_local:
        settings = replace(settings, allow_local_sources=True)
    from ..sources.keys import base_name, folder_name

    data_source = _choose(_read(source), layer, name)
    folder = dest / base_name(data_source.source) / data_source.layer / folder_name(data_source.name)
    from ..process import Wanted, process

    echo = (lambda line: click.echo(line, err=True)) if verbose else None
    bar = nullcontext(None) if verbose else _progress()
    with bar as on_progress:
        result = process(
            data_source,
            folder,
            settings=settings,
            formats=formats,
            plain_geojson=True,
            maps=Wanted(preview=maps, tiles=maps),
            on_progress=on_progress,
            echo=echo,
        )
    click.echo(str(result.files["index"]))
    _finish(result, quiet=verbose)


def _finish(result: Result, *, quiet: bool) -> None:
    outcome = result.outcome
    if outcome.problem is None or outcome.problem is Problem.SKIPPED:
        return
    if not quiet:
        cure = f"\n{outcome.cure}" if outcome.cure else ""
        click.echo(f"{outcome.problem}: {outcome.detail}{cure}", err=True)
    raise click.exceptions.Exit(1)


def _read(path: Path) -> Source:
    from ..sources.parse import parse_source

    return parse_source(path.read_bytes(), str(path.resolve()))


def _choose(source: Source, layer: str | None, name: str | None) -> DataSource:
    if source.schema == 1:
        return source.data_sources[0]  # the only one there is, whatever was asked for
    found = [d for d in source.data_sources if layer in (None, d.layer) and name in (None, d.name)]
    if len(found) == 1:
        return found[0]
    have = ", ".join(f"--layer {d.layer} --name {d.name}" for d in source.data_sources) or "none"
    what = "no such data source" if not found else "say which data source"
    raise click.UsageError(f"{what} in {source.path}; it has: {have}")


def _progress() -> Any:
    from .progress import terminal_progress

    return terminal_progress()
