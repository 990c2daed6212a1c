"""Dagster's storage on PostgreSQL with pooled, tested connections.

The storage that Dagster ships opens a connection for every call (14 to 22 ms for a materialization against 2 to 3) and
takes the address as it is written. This one normalises the address, keeps a connection, and asks it whether it still
lives before it uses it, so that a restart of the server costs a reconnect and not a failed run. What it writes, events,
ticks, runs with their tags and configuration, is written without the secrets that this process knows.
"""

from __future__ import annotations

import atexit
import logging
import os
from typing import Any

from dagster import Field, StringSource

from ..ledger.urls import normalised
from ..settings import Settings
from . import dagster_private as private


class OneLine(logging.Filter):
    """Of a database that does not answer Dagster tells on one line, without what is of use to programmers alone."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shortens what is said each time; lets everything pass."""
        if record.msg == private.RETRYING and isinstance(record.args, tuple):
            record.args = tuple((str(said).splitlines() or [""])[0] for said in record.args)
        return True


ONE_LINE = OneLine()


class PooledPostgresStorage(private.DagsterPostgresStorage):
    """The `storage.custom` class of our dagster.yaml.

    `postgres_url` is optional, and better left out: the address then comes from OA_DATABASE_URL and stands neither in
    a file nor in an argument of a process. Without either, the embedded server of OA_HOME is used, and started where
    it does not run; it then ends with this process.
    """

    def __init__(self, postgres_url: str, inst_data: private.ConfigurableClassData | None = None) -> None:
        """Connects, and creates Dagster's tables where they do not exist."""
        logging.getLogger().addFilter(ONE_LINE)
        super().__init__(normalised(postgres_url), inst_data=inst_data)
        private.pool_connections(self)

    @classmethod
    def config_type(cls) -> dict[str, Field]:
        """What may stand below `config:`."""
        return {"postgres_url": Field(StringSource, is_required=False, description="default: OA_DATABASE_URL")}

    @classmethod
    def from_config_value(
        cls, inst_data: private.ConfigurableClassData | None, config_value: Any
    ) -> PooledPostgresStorage:
        """Made by Dagster from dagster.yaml. Of this very class; the parent's method gives one of its own."""
        return cls(config_value.get("postgres_url") or database_url(), inst_data=inst_data)


def database_url(settings: Settings | None = None) -> str:
    """The one database: OA_DATABASE_URL, else the embedded server, started and brought up to date if need be."""
    settings = settings or Settings.from_env()
    if settings.database_url:
        return settings.database_url
    from . import embedded

    server = embedded.find(settings.home)
    if server is None:
        from ..ledger.upgrade import upgrade

        server = embedded.start(settings.home)
        atexit.register(_stop_if_ours, server, os.getpid())
        upgrade(server.url)
    return server.url


def _stop_if_ours(server: Any, pid: int) -> None:
    if os.getpid() == pid:  # a forked child runs its parent's exit handlers too
        server.stop()
