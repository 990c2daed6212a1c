"""`oa sources`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..settings import Settings

if TYPE_CHECKING:
    from ..sources.repository import Repository


@click.group("sources")
def sources() -> None:
    """The source repository that OA_SOURCES names; the bundled samples where it names none."""


@sources.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: key, protocol, format, skip, address.")
@click.argument("pattern", required=False)
def list_sources(pattern: str | None, as_json: bool) -> None:
    """List data sources, one partition key a line; PATTERN is a glob such as 'us/ca/*'."""
    import json
    from fnmatch import fnmatchcase

    repository = _repository()
    shown = 0
    for one in repository.data_sources():
        if pattern is not None and not fnmatchcase(one.key, pattern):
            continue
        shown += 1
        if not as_json:
            click.echo(one.key)
            continue
        described = {
            "key": one.key,
            "protocol": one.protocol_text,
            "format": one.conform.format_text if one.conform else "",
            "skip": one.skip,
            "data": one.data,
        }
        click.echo(json.dumps(described, ensure_ascii=False))
    commit = f" at {repository.commit}" if repository.commit else ""
    click.echo(f"{shown:,} data sources of {len(repository.sources):,} sources{commit}", err=True)
    for invalid in repository.invalid:
        click.echo(f"not a source: {invalid.error}", err=True)
    if repository.invalid:
        raise click.exceptions.Exit(1)


@sources.command("sync")
def sync() -> None:
    """Make Dagster's partitions equal to the repository, once. The sensor does the same by itself."""
    from ..automation.partitions import sync as bring_up_to_date
    from ..orchestration.instance import instance_of
    from ..orchestration.workplace import Workplace

    settings = Settings.from_env()
    with instance_of(settings) as instance:
        click.echo(str(bring_up_to_date(Workplace(settings), instance)))


def _repository() -> Repository:
    from ..automation.partitions import sources_of
    from ..sources.repository import read_repository

    return read_repository(sources_of(Settings.from_env()))
