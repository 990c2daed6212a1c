"""`oa up`."""

from __future__ import annotations

import click

from ..settings import Settings


@click.command("up")
@click.option("--once", is_flag=True, help="Process every source, then stop; the exit status tells how it went.")
def up(once: bool) -> None:
    """Start everything on this machine: PostgreSQL, the ledger, Dagster's UI and daemon, the sample sources.

    Ctrl-C stops all of it and leaves no process behind.
    """
    from ..up import up as start

    raise click.exceptions.Exit(start(Settings.from_env(), once=once))
