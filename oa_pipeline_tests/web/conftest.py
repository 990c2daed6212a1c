from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.ledger.engine import ledger_engine, reader_engine
from oa_pipeline.settings import Settings
from oa_pipeline.web.app import create_app
from oa_pipeline.web.site import Site
from oa_pipeline_tests.database import (
    database,
    empty_database,
    engine,
    home,
    ledger_template,
    open_folder,
    server,
    temporary,
)

from .filled import Filled, fill

__all__ = ["database", "empty_database", "engine", "home", "ledger_template", "server"]
SECRETS = ("first secret", "zweites Geheimnis: ü")


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


@pytest.fixture(scope="module")
def site(server: str, ledger_template: str) -> Iterator[Site]:
    """The means of a site that a module's tests only read. Its catalogue is never older than the ledger."""
    with open_folder() as folder:
        for url in temporary(server, ledger_template):
            settings = Settings(
                home=folder, database_url=url, github_secrets=SECRETS, public_url="https://site.example"
            )
            yield Site(settings, catalogue_seconds=0)
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


@dataclass(frozen=True)
class Served:
    host: str
    port: int
    process: subprocess.Popen[bytes]


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


@pytest.fixture
def serve(database: str, tmp_path: object) -> Iterator[Callable[..., Served]]:
    """Starts `oa web` as a process of its own; it is gone afterwards."""
    started: list[subprocess.Popen[bytes]] = []

    def start(**more: str) -> Served:
        port = free_port()
        environment = {name: value for name, value in os.environ.items() if not re.match("OA_|DAGSTER_", name)}
        environment |= {
            "OA_HOME": str(tmp_path),
            "OA_DATABASE_URL": database,
            "OA_GITHUB_SECRETS": SECRETS[0],
            "OA_WEB_PORT": str(port),
            **more,
        }
        process = subprocess.Popen([sys.executable, "-m", "oa_pipeline", "web"], env=environment)
        started.append(process)
        until = time.monotonic() + 60
        while True:
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    return Served("127.0.0.1", port, process)
            assert process.poll() is None, "the site ended by itself"
            assert time.monotonic() < until, "the site does not answer"
            time.sleep(0.05)

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
    for process in started:
        process.wait(40)
