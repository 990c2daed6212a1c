"""A real PostgreSQL for tests: one server a test process, a database of its own for each test that asks.

A folder's conftest imports the fixtures it needs.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.ledger.upgrade import upgrade
from oa_pipeline.ledger.urls import normalised
from oa_pipeline.orchestration import embedded

FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that others may pass through (pytest's own may not be): a database can lie below it."""
    with tempfile.TemporaryDirectory(prefix="oa-") as name:
        Path(name).chmod(0o755)
        yield Path(name).resolve()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder for OA_HOME."""
    with open_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a running server."""
    with open_folder() as folder:
        running = embedded.start(folder, options=FAST)
        yield running.url
        running.stop()


@pytest.fixture(scope="session")
def ledger_template(server: str) -> str:
    """The name of a database with the ledger's schema, to be copied."""
    create(server, "ledger_template")
    upgrade(named(server, "ledger_template"))
    return "ledger_template"


@pytest.fixture
def empty_database(server: str) -> Iterator[str]:
    """A database with nothing in it."""
    yield from temporary(server, "template1")


@pytest.fixture
def database(server: str, ledger_template: str) -> Iterator[str]:
    """A database with an empty ledger."""
    yield from temporary(server, ledger_template)


@pytest.fixture
def engine(database: str) -> sa.Engine:
    """Connections to an empty ledger."""
    return ledger_engine(database)


def named(server: str, name: str) -> str:
    """The address of another database of the server."""
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def create(server: str, name: str, template: str = "template1") -> None:
    """Makes a database."""
    _execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")


def temporary(server: str, template: str) -> Iterator[str]:
    """A database that is gone afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    create(server, name, template)
    url = named(server, name)
    yield url
    ledger_engine(url).dispose()
    _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(server: str, statement: str) -> None:
    engine = sa.create_engine(normalised(server), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
