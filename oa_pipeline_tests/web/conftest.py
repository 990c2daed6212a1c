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

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from oa_pipeline.settings import Settings
from oa_pipeline.web.app import create_app
from oa_pipeline_tests.database import database, empty_database, engine, home, ledger_template, server

__all__ = ["database", "empty_database", "engine", "home", "ledger_template", "server"]
SECRETS = ("first secret", "zweites Geheimnis: ü")


@pytest.fixture
def settings(database: str) -> Settings:
    return Settings(database_url=database, github_secrets=SECRETS, repository="openaddresses/openaddresses")


@pytest.fixture
def client(settings: Settings, engine: sa.Engine) -> FlaskClient:
    return create_app(settings).test_client()


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
