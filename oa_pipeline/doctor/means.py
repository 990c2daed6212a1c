"""What checks look at: opened when the first of them asks, and with nothing begun or changed on the way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError
from ..settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from ..convert.sandbox import Converter
    from ..ledger.reading import Engine
    from ..publish.store import Store


class Host(StrEnum):
    """What the machine is for; what only others need is not looked for."""

    ALL = "all"  # one machine that does everything, as under `oa up`
    WEB = "web"
    CONTROL = "control"
    WORKER = "worker"


@dataclass
class Means:
    """The settings, and what they name."""

    settings: Settings
    host: Host = Host.ALL
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def runs(self) -> bool:
        """Whether runs are carried out here."""
        return self.host is not Host.WEB

    @property
    def dagsters(self) -> bool:
        """Whether Dagster's own services are here."""
        return self.host in {Host.ALL, Host.CONTROL}

    @property
    def site(self) -> bool:
        """Whether the public site is here."""
        return self.host in {Host.ALL, Host.WEB}

    @cached_property
    def production(self) -> bool:
        """Whether this is meant to be more than somebody's own machine."""
        return bool(self.settings.database_url) and not self.settings.dev

    @cached_property
    def database_url(self) -> str:
        """The database's address. Raises SettingsError where the embedded one does not run: none is started."""
        from ..orchestration import embedded

        if self.settings.database_url:
            return self.settings.database_url
        server = embedded.find(self.settings.home)
        if server is None:
            raise SettingsError(
                f"no database runs below {self.settings.home}",
                cure="start `oa up`, or name a PostgreSQL server by OA_DATABASE_URL",
            )
        return server.url

    @cached_property
    def engine(self) -> Engine:
        """Connections to the ledger that do not wait through an outage."""
        from ..ledger.engine import ledger_engine

        return ledger_engine(self.database_url).execution_options(outage_seconds=0.0)

    def store(self, *, role: str = "", below: str = "") -> Store:
        """The store; `role` as that one."""
        from ..publish.store import open_store

        settings = self.settings
        if "://" not in settings.store_location and not Path(settings.store_location).is_dir():
            raise SettingsError(
                f"there is no folder {settings.store_location}",
                cure="correct OA_STORE, or start `oa up`, which makes it",
            )
        return open_store(
            settings.store_location, endpoint=settings.s3_endpoint, url=settings.store_url, role=role, below=below
        )

    def converter(self) -> Converter:
        """A converter as runs have it, but that missing walls are told and not refused."""
        from ..convert.sandbox import Converter

        return Converter()

    @cached_property
    def dagster_home(self) -> Path:
        """The folder of dagster.yaml. Raises SettingsError where there is none: none is written."""
        given = self.environ.get("DAGSTER_HOME")
        folder = Path(given) if given else self.settings.home.resolve() / "dagster"
        if not (folder / "dagster.yaml").is_file():
            raise SettingsError(
                f"there is no {folder / 'dagster.yaml'}",
                cure="let DAGSTER_HOME name the folder of the one in deploy/, or start `oa up`, which writes its own",
            )
        return folder

    @cached_property
    def instance(self) -> DagsterInstance:
        """Dagster's instance."""
        from dagster import DagsterInstance

        with self.environment():
            return DagsterInstance.from_config(str(self.dagster_home))

    @contextmanager
    def environment(self) -> Iterator[None]:
        """Dagster's storage reads OA_DATABASE_URL by itself, and would start the embedded server where it has none."""
        former = os.environ.get("OA_DATABASE_URL")
        os.environ["OA_DATABASE_URL"] = self.database_url
        try:
            yield
        finally:
            if former is None:
                del os.environ["OA_DATABASE_URL"]
            else:
                os.environ["OA_DATABASE_URL"] = former
