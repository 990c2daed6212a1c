"""Brings the ledger's schema to the version this package needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from ..errors import PublishError
from .tables import SCHEMA
from .urls import masked, normalised

LOCK = 0x6F61_6462  # one number for all who migrate this schema ("oadb")
WAIT_SECONDS = 120.0
# A statement that waits longer for its lock would itself block every reader behind it.
TIMEOUTS = ("SET lock_timeout = '4s'", "SET statement_timeout = '5s'")


@dataclass(frozen=True, slots=True)
class Upgraded:
    """From which version to which; equal where there was nothing to do. `before` is None where there was no schema."""

    before: str | None
    after: str

    def __str__(self) -> str:
        """As told to whoever asked for it."""
        if self.before == self.after:
            return f"the ledger is up to date: version {self.after}"
        return f"the ledger was upgraded from {self.before or 'nothing'} to version {self.after}"


def upgrade(
    url: str, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> Upgraded:
    """Applies the migrations that are missing. Safe to repeat, and to run twice at once: one works, the other waits.

    Each migration is there as a whole or not at all, also where this process dies. Gives up after 4 seconds on a lock
    that a reader or writer holds: the migration that met it is not there. Raises PublishError.
    """
    engine = sa.create_engine(normalised(url), poolclass=NullPool, hide_parameters=True)
    try:
        with engine.connect() as connection:
            _take_turn(connection, clock, sleep)
            return _apply(connection)
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise PublishError(
            f"the ledger at {masked(url)} could not be upgraded: {said}",
            cure="nothing was left half done; try again when the database is reachable and not locked by others",
        ) from error
    finally:
        engine.dispose()


def schema_version(connection: sa.Connection) -> str | None:
    """The revision the schema is at, or None where there is no schema."""
    context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
    return context.get_current_revision()


def newest_version() -> str:
    """The revision this package needs."""
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    assert head is not None
    return head


def configuration(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration; there is no alembic.ini, so that it works from wherever the package is installed."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    attributes: dict[str, Any] = config.attributes
    attributes["connection"] = connection
    return config


def _refuse_newer(version: str | None) -> None:
    known = {one.revision for one in ScriptDirectory.from_config(configuration()).walk_revisions()}
    if version is not None and version not in known:
        raise PublishError(
            f"the ledger is at version {version}, and this release knows only those up to {newest_version()}",
            cure="start the release that upgraded it, or a later one; or restore a backup from before",
        )


def _take_turn(connection: sa.Connection, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
    until = clock() + WAIT_SECONDS
    while not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(LOCK))):
        connection.rollback()
        if clock() > until:
            raise PublishError(
                "another process has been upgrading the ledger for two minutes", cure="see what it is waiting for"
            )
        sleep(0.1)
    connection.commit()


def _apply(connection: sa.Connection) -> Upgraded:
    try:
        for statement in TIMEOUTS:
            connection.execute(sa.text(statement))
        connection.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
        connection.commit()
        before = schema_version(connection)
        connection.commit()  # alembic makes a transaction a migration only where none is open
        _refuse_newer(before)
        command.upgrade(configuration(connection), "head")
        connection.commit()
        return Upgraded(before, newest_version())
    except BaseException:
        connection.rollback()
        raise
    finally:
        if not connection.invalidated:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(LOCK)))
            connection.commit()
