from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.ledger.engine import ledger_engine, reader_engine
from oa_pipeline.settings import Settings
from oa_pipeline.web.app import create_app
from oa_pipeline.web.site import Site
from oa_pipeline_tests.database import open_folder, temporary
from oa_pipeline_tests.ledger.life import NOW, declare, run

from .filled import Filled, fill
from .served import PATIENCE, Served, served

__all__ = ["Served"]
SECRETS = ("first secret", "zweites Geheimnis: ü")


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """On a busy machine nothing is given up within a few seconds; a database is that is locked, and what is away."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("oa_pipeline.ledger.engine.READER_SECONDS", PATIENCE)
        patch.setattr("oa_pipeline.web.health.PATIENCE", PATIENCE)
        yield


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path,
        database_url=database,
        github_secrets=SECRETS,
        repository="openaddresses/openaddresses",
        public_url="https://site.example",
    )


@pytest.fixture
def client(settings: Settings, engine: sa.Engine) -> FlaskClient:
    return create_app(settings).test_client()


@pytest.fixture
def own(settings: Settings, engine: sa.Engine) -> Site:
    """The means of a site with one data source, which a test may change."""
    declare(engine, "fr/paris/addresses/city")
    run(engine, "fr/paris/addresses/city")
    return Site(settings)


@pytest.fixture
def own_reader(own: Site) -> FlaskClient:
    """Who reads the pages of it."""
    return create_app(site=own).test_client()


@pytest.fixture(scope="module")
def site(server: str, ledger_template: str) -> Iterator[Site]:
    """The means of a site that a module's tests only read. Its catalogue is never older than the ledger."""
    with open_folder() as folder:
        for url in temporary(server, ledger_template):
            settings = Settings(
                home=folder,
                database_url=url,
                github_secrets=SECRETS,
                public_url="https://site.example",
                rate_limit=0,
            )
            yield Site(settings, catalogue_seconds=0, clock=lambda: NOW + timedelta(days=2))
            reader_engine(url).dispose()


@pytest.fixture(scope="module")
def filled(site: Site) -> Filled:
    """A ledger and a store with something of everything in them."""
    return fill(ledger_engine(site.settings.database_url), site.settings.home / "store")


@pytest.fixture(scope="module")
def reader(site: Site, filled: Filled) -> FlaskClient:
    """Who reads the pages of it. What a page does wrong is raised."""
    app = create_app(site=site)
    app.testing = True
    return app.test_client()


@pytest.fixture
def serve(database: str, tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts `oa web` as a process of its own; it is gone afterwards."""
    with ExitStack() as started:
        yield lambda **more: started.enter_context(
            served(database, tmp_path, **{"OA_GITHUB_SECRETS": SECRETS[0], "OA_DEV": "", **more})
        )
