"""Upgrades of a ledger that others are using, by code of the version before, and upgrades that die half-way."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic import command

from oa_pipeline.errors import PublishError
from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.ledger.tables import SCHEMA
from oa_pipeline.ledger.upgrade import configuration, newest_version, schema_version, upgrade

BEFORE = "0002"  # the version that was released last
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
# It waits for its locks for as long as it lives.
UPGRADE = "import sys; from oa_pipeline.ledger import upgrade as it; it.TIMEOUTS = (); it.upgrade(sys.argv[1])"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def older(empty_database: str) -> str:
    """A ledger of the version before."""
    engine = ledger_engine(empty_database)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(SCHEMA))
    with engine.connect() as connection:
        command.upgrade(configuration(connection), BEFORE)
        connection.commit()
    return empty_database


def version(url: str) -> str | None:
    with ledger_engine(url).connect() as connection:
        return schema_version(connection)


def known(url: str) -> sa.MetaData:
    """The tables as whoever looks now knows them."""
    held = sa.MetaData(schema=SCHEMA)
    held.reflect(ledger_engine(url))
    return held


def lock_awaited(url: str, waits: Callable[[], bool]) -> None:
    """Returns once somebody waits for a lock, or no longer does."""
    until = time.monotonic() + 120
    with ledger_engine(url).execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        while not connection.scalar(sa.text(WAITING)) and waits():
            assert time.monotonic() < until
            time.sleep(0.02)


@contextmanager
def reader(url: str, table: str = "runs") -> Iterator[sa.Connection]:
    """Somebody in the middle of a long look at a table."""
    with ledger_engine(url).connect() as connection:
        connection.execute(sa.text(f"SELECT count(*) FROM oa.{table}"))
        yield connection


def test_an_upgrade_tells_from_what_to_what(older: str) -> None:
    first, second = upgrade(older), upgrade(older)
    assert (first.before, first.after) == (BEFORE, newest_version())
    assert str(first) == f"the ledger was upgraded from {BEFORE} to version {newest_version()}"
    assert str(second) == f"the ledger is up to date: version {newest_version()}"


def test_a_new_ledger_was_nothing_before(empty_database: str) -> None:
    assert str(upgrade(empty_database)) == f"the ledger was upgraded from nothing to version {newest_version()}"


@pytest.mark.parametrize(("table", "left_at"), [("runs", BEFORE), ("partitions", "0003")])
def test_a_long_reader_ends_the_upgrade_and_not_the_other_readers(older: str, table: str, left_at: str) -> None:
    failure: list[PublishError] = []

    def attempt() -> None:
        with pytest.raises(PublishError) as caught:
            upgrade(older)
        failure.append(caught.value)

    thread = threading.Thread(target=attempt)
    with reader(older, table) as first:
        thread.start()
        lock_awaited(older, thread.is_alive)  # or it has waited and given up, while we were not let on
        with reader(older, table):  # queued behind the upgrade until that gives up, and served then
            pass
        thread.join(120)
        assert first.scalar(sa.text(f"SELECT count(*) FROM oa.{table}")) == 0
    assert "timeout" in str(failure[0])
    assert version(older) == left_at  # the migrations before the one that met the reader are there as a whole
    assert ("sets" in {held.name for held in known(older).sorted_tables}) is (left_at != BEFORE)
    upgrade(older)
    assert version(older) == newest_version()


def test_an_upgrade_that_is_killed_in_the_middle_leaves_the_schema_as_it_was(older: str) -> None:
    with reader(older):
        process = subprocess.Popen([sys.executable, "-c", UPGRADE, older])
        lock_awaited(older, lambda: process.poll() is None)  # types and tables have been made, the runs' is next
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert version(older) == BEFORE
    upgrade(older)  # waits for the dead one's connection to be given up
    assert version(older) == newest_version()


def test_code_of_the_version_before_goes_on_while_and_after_the_ledger_is_upgraded(older: str) -> None:
    old = known(older).tables
    partitions, runs, pointers = (old[f"{SCHEMA}.{name}"] for name in ("partitions", "runs", "pointers"))
    engine = ledger_engine(older)

    def declare(key: str) -> None:
        held = {"declared": {}, "coverage": {}, "digest": "d", "blob_sha": "b", "first_seen": NOW, "changed_at": NOW}
        names = dict(zip(("source", "layer", "name"), key.rsplit("/", 2), strict=True))
        with engine.begin() as connection:
            connection.execute(sa.insert(partitions).values(key=key, **names, **held))

    def open_one(key: str) -> int:
        source, layer, name = key.rsplit("/", 2)
        values = {"source": source, "layer": layer, "name": name, "token": 1, "started_at": NOW, "beat_at": NOW}
        with engine.begin() as connection:
            put = sa.insert(runs).values(key=key, **values).returning(runs.c.id)
            return int(connection.execute(put).scalar_one())

    def end_well(number: int, key: str) -> None:
        good = {"status": "succeeded", "ended_at": NOW, "outputs": {}, "rows": 3}
        with engine.begin() as connection:
            connection.execute(sa.update(runs).where(runs.c.id == number).values(good))
            connection.execute(sa.insert(pointers).values(key=key, run_id=number, swapped_at=NOW))

    at_work, later = "x/addresses/at-work", "x/addresses/later"
    declare(at_work)
    begun = open_one(at_work)
    upgrade(older)
    end_well(begun, at_work)
    declare(later)
    end_well(open_one(later), later)
    with engine.connect() as connection:
        found = connection.execute(sa.select(runs).order_by(runs.c.id)).all()
    assert [(row.key, row.status, row.rows) for row in found] == [(at_work, "succeeded", 3), (later, "succeeded", 3)]


def test_an_upgrade_takes_nothing_away_and_asks_nothing_new_of_the_version_before(older: str) -> None:
    old = known(older)
    upgrade(older)
    new = known(older)
    for table in old.sorted_tables:
        now = new.tables[table.fullname]
        for column in table.columns:
            same = now.columns[column.name]
            assert (repr(same.type), same.nullable) == (repr(column.type), column.nullable) or isinstance(
                same.type, sa.Enum
            ), f"{table}.{column.name}"
        for column in now.columns:
            if column.name not in table.columns:
                assert column.nullable or column.server_default is not None, f"{table}.{column.name} must be given"
