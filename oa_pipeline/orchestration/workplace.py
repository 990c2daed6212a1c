"""Where runs work: the ledger, the store and a folder on disk, as the settings say."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ..settings import Settings
from .storage import database_url
from .workfolder import WorkFolder, work_folder

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..convert.sandbox import Converter
    from ..fetch import Hosts
    from ..publish.store import Store

_shared: list[Converter] = []


def share_converter(converter: Converter) -> None:
    """Makes every run of this process use this converter, rather than start one of its own."""
    _shared[:] = [converter]


@dataclass(frozen=True)
class Workplace:
    """What a run needs besides its data source. Nothing is opened before it is asked for.

    A plain object among Dagster's resources: it has no configuration, so no address or password is shown or stored.
    """

    given: Settings | None = field(default=None, repr=False)
    beat_seconds: float = 20.0

    @cached_property
    def settings(self) -> Settings:
        """The settings, from the environment unless they were given."""
        return self.given or Settings.from_env()

    def ledger(self) -> sa.Engine:
        """Connections to the ledger."""
        from ..ledger.engine import ledger_engine

        return ledger_engine(database_url(self.settings))

    def store(self) -> Store:
        """The store."""
        from ..publish.store import open_store

        settings = self.settings
        return open_store(settings.store_location, endpoint=settings.s3_endpoint, url=settings.store_url)

    def converter(self) -> Converter | None:
        """The converter that the runs of this process share; None where each starts its own."""
        return _shared[0] if _shared else None

    @cached_property
    def hosts(self) -> Hosts:
        """Politeness towards publishers, shared by all that this process asks of them."""
        from ..fetch import Hosts

        return Hosts()

    def folder(self, key: str, number: int) -> contextlib.AbstractContextManager[WorkFolder]:
        """A private folder for one run. It is the data source's own, in which a broken download can go on.

        Where a run that was overtaken has not yet left it, this run gets another. It is removed afterwards unless its
        `keep` was set.
        """
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        return work_folder(self.settings.home.resolve() / "work", name, number)
