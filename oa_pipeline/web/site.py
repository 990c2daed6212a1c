"""What every page may use: settings, the ledger to read, the store, the templates. One object per application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from flask import current_app

from ..github.report.loading import web_of
from ..ledger.engine import reader_engine
from ..publish.store import quoted
from ..settings import Settings
from .answering.keeping import Kept
from .answering.renewing import Renewing
from .catalogue import Catalogue, Catalogues
from .endpoints import twin_path
from .files.naming import Naming
from .glimpses import Glimpses
from .limits import Limits
from .rendering import Templates

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..ledger.version import DataVersion
    from ..publish.store import Store

FILES = "/files/"  # where objects of a store without a public address are read


@dataclass(frozen=True)
class Site:
    """The public site's means. Nothing is opened before it is asked for."""

    settings: Settings
    templates: Templates = field(default_factory=Templates)
    catalogue_seconds: float = 10.0  # for which a catalogue is shown although there is something newer
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))

    @cached_property
    def kept(self) -> Kept:
        """The pages as they were rendered last."""
        return Kept(Path(self.settings.home) / "pages", self.templates.version, lasting=_lasting())

    @cached_property
    def renewing(self) -> Renewing:
        """The pages that are being made anew."""
        return Renewing()

    @cached_property
    def limits(self) -> Limits:
        """How often one reader may have something made."""
        return Limits(self.settings.rate_limit)

    def ledger(self) -> sa.Engine:
        """Connections that may only read, and that give up soon: a page has something older to show."""
        from ..orchestration.storage import database_url

        return reader_engine(database_url(self.settings))

    @cached_property
    def _catalogues(self) -> Catalogues:
        return Catalogues(self.ledger, fresh_seconds=self.catalogue_seconds)

    def catalogue(self, version: DataVersion, now: datetime) -> Catalogue:
        """How all data sources stand, at `version` or not long before, on the day of `now`. Raises PublishError."""
        return self._catalogues.current(version, now)

    @cached_property
    def _store(self) -> Store:
        from ..publish.store import open_store

        settings = self.settings
        return open_store(settings.store_location, endpoint=settings.s3_endpoint, url=settings.store_url)

    def store(self) -> Store:
        """The store."""
        return self._store

    def url(self, path: str) -> str:
        """The whole address of one of ours; no header of a request has a say in it."""
        return self.settings.public_url + path

    def object_url(self, key: str) -> str:
        """Where the public reads an object: at its store's public address, or through us where it has none."""
        if self.settings.store_url:
            return self.store().url(key)
        return FILES + quoted(key)

    def whole_object_url(self, key: str) -> str:
        """The same with its host, for those who do not read it on a page of ours."""
        url = self.object_url(key)
        return self.url(url) if url.startswith("/") else url

    def picture_url(self, key: str) -> str:
        """Where a page shows a picture of the store: from us, as pages load nothing from other hosts."""
        return FILES + quoted(key)

    @cached_property
    def naming(self) -> Naming:
        """The names under which files of runs are saved."""
        return Naming()

    @cached_property
    def glimpses(self) -> Glimpses:
        """The first rows of what jobs propose."""
        return Glimpses()

    def web_url(self, repository: str) -> str:
        """A repository on GitHub, as people visit it."""
        return f"{web_of(self.settings.github_api)}/{quote(repository)}"

    @property
    def repository_url(self) -> str:
        """The source repository, as people visit it."""
        return self.web_url(self.settings.repository)

    def blob_url(self, source: str, commit: str = "") -> str:
        """A source file on GitHub, as it is or as it was at a commit."""
        return f"{self.repository_url}/blob/{quote(commit or 'HEAD', safe='')}/sources/{quote(source)}.json"

    def edit_url(self, source: str) -> str:
        """Where a source file is edited."""
        return f"{self.repository_url}/edit/master/sources/{quote(source)}.json"


def _lasting() -> frozenset[str]:
    """Under what those pages and answers are kept that have one address each, where nothing is chosen from them."""
    from .answering.caching import LED
    from .pages import ENDPOINTS
    from .robots import ENDPOINTS as FOR_ROBOTS

    fixed = [one for one in (*ENDPOINTS, *FOR_ROBOTS) if one.fixed]
    paths = [path for one in fixed for path in (one.path, *(twin_path(one.path, extension) for extension in one.twins))]
    return frozenset(f"{path}\n{led}" for path in paths for led in ("", LED))


def here() -> Site:
    """The means of the application that answers the request at hand."""
    found: Site = current_app.config["SITE"]
    return found
