from __future__ import annotations

import subprocess
import sys
import threading

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from oa_pipeline.errors import PublishError
from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.ledger.tables import SCHEMA, metadata
from oa_pipeline.ledger.upgrade import newest_version, schema_version, upgrade

TABLES = {
    "partitions", "runs", "pointers", "late_results", "renames", "assignments", "heartbeats", "notices", "dotmap_areas",
    "coverage_areas", "coverage_sources", "alembic_version",
    "sets", "set_members", "builds", "zips", "tiles", "artifacts", "deliveries", "jobs", "job_members", "outbox",
}  # fmt: skip


def tables(url: str, schema: str = SCHEMA) -> set[str]:
    return set(sa.inspect(ledger_engine(url)).get_table_names(schema=schema))


def test_an_empty_database_gets_the_schema_and_public_stays_dagsters(empty_database: str) -> None:
    upgrade(empty_database)
    assert tables(empty_database) == TABLES
    assert tables(empty_database, "public") == set()
    with ledger_engine(empty_database).connect() as connection:
        assert schema_version(connection) == newest_version()


def test_a_second_upgrade_changes_nothing(database: str) -> None:
    upgrade(database)
    assert tables(database) == TABLES


def test_a_ledger_of_a_newer_release_is_refused_in_words_and_left_alone(empty_database: str) -> None:
    engine = ledger_engine(empty_database)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA oa"))
        connection.execute(sa.text("CREATE TABLE oa.alembic_version (version_num text)"))
        connection.execute(sa.text("INSERT INTO oa.alembic_version VALUES ('9999')"))
    with pytest.raises(PublishError, match="version 9999, and this release knows only those up to") as refused:
        upgrade(empty_database)
    assert "start the release that upgraded it" in str(refused.value)
    assert tables(empty_database) == {"alembic_version"}


def test_two_processes_at_once_make_one_schema(empty_database: str) -> None:
    code = "import sys; from oa_pipeline.ledger.upgrade import upgrade; upgrade(sys.argv[1])"
    both = [subprocess.Popen([sys.executable, "-c", code, empty_database], stderr=subprocess.PIPE) for _ in range(2)]
    errors = [process.communicate(timeout=240)[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert tables(empty_database) == TABLES


def test_the_migrations_make_exactly_the_tables_of_the_code(database: str) -> None:
    with ledger_engine(database).connect() as connection:
        options = {
            "version_table_schema": SCHEMA,
            "include_schemas": True,
            "include_name": lambda name, kind, _parents: kind != "schema" or name == SCHEMA,
            "compare_type": True,
            "compare_server_default": False,
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_a_held_lock_is_given_up_after_seconds_and_leaves_the_schema_as_it_was(empty_database: str) -> None:
    engine = ledger_engine(empty_database)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA oa"))
    failure: list[PublishError] = []

    def attempt() -> None:
        try:
            upgrade(empty_database)
        except PublishError as error:
            failure.append(error)

    with engine.begin() as other:
        # Somebody else creates a table of the same name and has not committed: the migration must wait for that.
        other.execute(sa.text("CREATE TABLE oa.runs (id int)"))
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join(120)
        assert failure, "the migration went through, or waited on"
        other.rollback()
    assert "timeout" in str(failure[0])
    assert tables(empty_database) <= {"alembic_version"}
    upgrade(empty_database)
    assert tables(empty_database) == TABLES


def test_the_password_is_in_no_error() -> None:
    with pytest.raises(PublishError) as caught:
        upgrade("postgresql://somebody:s3cr3t-w0rd@127.0.0.1:1/nothing")
    assert "s3cr3t-w0rd" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
