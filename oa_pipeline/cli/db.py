"""`oa db`."""

from __future__ import annotations

import click

from ..errors import SettingsError
from ..settings import Settings


@click.group("db")
def db() -> None:
    """The ledger's tables, schema `oa` of OA_DATABASE_URL."""


@db.command("upgrade")
def upgrade() -> None:
    """Bring the ledger's tables up to this version. Safe to run twice, also at once."""
    from ..ledger.upgrade import upgrade as bring_up

    settings = Settings.from_env()
    if not settings.database_url:
        raise SettingsError(
            "OA_DATABASE_URL is not set",
            cure="name a PostgreSQL server; the embedded one is upgraded by `oa up`",
        )
    click.echo(bring_up(settings.database_url))
