"""A real PostgreSQL for tests: one server a test process, a database of its own for each test that asks.

To make a database takes far longer than most tests. One whose test has changed nothing but rows is emptied and gets
another name instead, so that whoever still knows the old one finds nothing there. What was deleted still takes room.
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
IDLE = ("wal_level=minimal", "max_wal_senders=0", "autovacuum=off")  # it does nothing that it is not told


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
        running = embedded.start(folder, options=(*FAST, *IDLE))
        yield running.url
        running.stop()


@pytest.fixture(scope="session")
def ledger_template(server: str) -> str:
    """The name of a database with the ledger's schema, to be copied; there is nobody whom it could keep waiting."""
    create(server, "ledger_template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("oa_pipeline.ledger.upgrade.TIMEOUTS", ())
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
    """Makes a database; whoever is connected to the template, or about to go, is waited out of it."""
    _execute(server, _OTHERS_OF.format(template), f"CREATE DATABASE {name} TEMPLATE {template}")


def drop(server: str, name: str) -> None:
    """The database is gone, as are those who were connected to it."""
    _execute(server, _OTHERS_OF.format(name), f"DROP DATABASE {name} WITH (FORCE)")


def rename(server: str, former: str, name: str) -> None:
    """The database has another name, and nobody is connected to it."""
    _execute(server, _OTHERS_OF.format(former), f"ALTER DATABASE {former} RENAME TO {name}")


def temporary(server: str, template: str) -> Iterator[str]:
    """A database like `template`, which is gone afterwards."""
    name, free = f"test_{secrets.token_hex(6)}", _emptied.setdefault((server, template), [])
    url = named(server, name)
    if free:
        former, shape = free.pop()
        rename(server, former, name)
    else:
        create(server, name, template)
        shape = _shape(url)
    yield url
    ledger_engine(url).dispose()
    if _empty(url, shape):
        free.append((name, shape))
    else:
        drop(server, name)


_emptied: dict[tuple[str, str], list[tuple[str, str]]] = {}  # by server and template: names, and how they have to be
# All that a database is but for the rows of its tables: what each relation, function, type and right is.
_SHAPE = """
SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
    SELECT c::text FROM (SELECT oid, relname, relnamespace, relkind, relnatts, relchecks, relhasrules, relhastriggers,
                                relhasindex, relacl::text, reloptions FROM pg_class WHERE relnamespace <> 99) c
    UNION ALL SELECT a::text FROM (SELECT attrelid, attname, atttypid, attnotnull, attisdropped, attacl::text
                                   FROM pg_attribute WHERE attrelid >= 16384) a
    UNION ALL SELECT p::text FROM pg_proc p WHERE oid >= 16384
    UNION ALL SELECT o::text FROM (SELECT oid, conname, convalidated FROM pg_constraint) o
    UNION ALL SELECT n::text FROM pg_namespace n WHERE nspname !~ '^pg_'
    UNION ALL SELECT r::text FROM pg_db_role_setting r
) lines (line)
"""
_FILLED = """
SELECT relid::regclass::text FROM pg_stat_user_tables
WHERE schemaname = 'oa' AND relname <> 'alembic_version' AND EXISTS (
    SELECT FROM pg_class WHERE oid = relid AND pg_relation_size(oid) > 0
)
"""
_RESTART = "SELECT count(setval(seqrelid::regclass, seqstart, false)) FROM pg_sequence WHERE seqrelid >= 16384"
_OTHERS = """
SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_OTHERS_OF = "SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity WHERE datname = '{}'"


def _shape(url: str) -> str:
    with _connected(url) as connection:
        return str(connection.scalar(sa.text(_SHAPE)))


def _empty(url: str, shape: str) -> bool:
    """Whether the database is as it was when it was new, from now on."""
    try:
        with _connected(url) as connection:
            connection.execute(sa.text(_OTHERS))
            if connection.scalar(sa.text(_SHAPE)) != shape:
                return False
            connection.execute(sa.text("SET session_replication_role = replica"))  # in whatever order
            for table in connection.scalars(sa.text(_FILLED)).all():
                connection.execute(sa.text(f"DELETE FROM {table}"))
            connection.execute(sa.text(_RESTART))
            return True
    except sa.exc.DBAPIError:  # it is gone, or nobody is let in
        return False


def _execute(server: str, *statements: str) -> None:
    with _connected(server) as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


@contextmanager
def _connected(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(normalised(url), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
