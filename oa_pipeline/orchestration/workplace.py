"""Where runs work: the ledger, the store and a folder on disk, as the settings say."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..settings import Settings
from .storage import database_url

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..convert.sandbox import Converter
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

        return open_store(self.settings.store_location, endpoint=self.settings.s3_endpoint)

    def converter(self) -> Converter | None:
        """The converter that the runs of this process share; None where each starts its own."""
        return _shared[0] if _shared else None

    @contextlib.contextmanager
    def folder(self, key: str, number: int) -> Iterator[WorkFolder]:
        """A private folder for one run. It is the data source's own, in which a broken download can go on.

        Where a run that was overtaken has not yet left it, this run gets another. It is removed afterwards unless its
        `keep` was set.
        """
        name = hashlib.sha256(key.encode()).hexdigest()[:16]
        home = self.settings.home.resolve() / "work"
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (home / f"{name}.lock").open("a") as lock:
            own = True
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                own = False
            work = WorkFolder(home / (name if own else f"{name}-{number}"))
            work.path.mkdir(exist_ok=True, mode=0o700)
            try:
                yield work
            finally:
                if not (work.keep and own):
                    shutil.rmtree(work.path, ignore_errors=True)


@dataclass(slots=True)
class WorkFolder:
    """A run's folder; `keep` it for the next try."""

    path: Path
    keep: bool = False
