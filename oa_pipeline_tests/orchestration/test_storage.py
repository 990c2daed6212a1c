from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import AssetMaterialization, DagsterInstance

from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.orchestration import embedded
from oa_pipeline.orchestration.dagster_private import RETRYING
from oa_pipeline.orchestration.storage import ONE_LINE, PooledPostgresStorage, database_url
from oa_pipeline_tests.dagsters import stored

OURS = "FROM pg_stat_activity WHERE application_name = 'oa_dagster' AND datname = current_database()"


@pytest.fixture
def instance(empty_database: str, tmp_path: Path) -> Iterator[DagsterInstance]:
    with stored(tmp_path, empty_database.replace("+psycopg2", "")) as made:
        yield made


def backends(url: str) -> list[int]:
    query = sa.text(f"SELECT pid {OURS}")
    with ledger_engine(url).connect() as connection:
        return sorted(connection.scalars(query))


def test_events_are_written_through_connections_that_stay(instance: DagsterInstance, empty_database: str) -> None:
    instance.report_runless_asset_event(AssetMaterialization("a"))
    before = backends(empty_database)
    for _ in range(5):
        instance.report_runless_asset_event(AssetMaterialization("a"))
    assert before
    assert backends(empty_database) == before
    assert instance.get_latest_materialization_event(instance.all_asset_keys()[0]) is not None


@pytest.mark.parametrize("as_webserver", [False, True], ids=["daemon", "webserver"])
def test_cut_connections_cost_no_event(instance: DagsterInstance, empty_database: str, as_webserver: bool) -> None:
    if as_webserver:
        instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=60, max_overflow=20)
    instance.report_runless_asset_event(AssetMaterialization("a"))
    assert backends(empty_database)
    with ledger_engine(empty_database).begin() as connection:
        connection.execute(sa.text(f"SELECT pg_terminate_backend(pid) {OURS}"))
    instance.report_runless_asset_event(AssetMaterialization("a"))
    instance.get_run_records()
    instance.all_instigator_state()


def test_the_address_stands_in_nothing_that_is_passed_on(instance: DagsterInstance, empty_database: str) -> None:
    name = sa.make_url(empty_database).database
    assert name
    assert name not in str(instance.get_ref().to_dict())


def test_the_class_itself_comes_out_of_the_configuration(empty_database: str) -> None:
    made = PooledPostgresStorage.from_config_value(None, {"postgres_url": empty_database})
    assert type(made) is PooledPostgresStorage


def test_without_an_address_the_embedded_server_is_used_and_ends_with_its_starter(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OA_HOME", str(home))
    code = (
        "from oa_pipeline.orchestration.storage import PooledPostgresStorage as P, database_url\n"
        "from oa_pipeline.ledger.engine import ledger_engine; from oa_pipeline.ledger.upgrade import *\n"
        "storage = P.from_config_value(None, {})\n"
        "print(schema_version(ledger_engine(database_url()).connect()), flush=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=280, check=True)
    assert done.stdout.strip()
    assert done.stdout.strip() != "None"
    assert embedded.find(home) is None
    monkeypatch.setenv("OA_DATABASE_URL", "postgresql://elsewhere/db")
    assert database_url() == "postgresql://elsewhere/db"


@pytest.mark.parametrize(
    ("message", "arguments", "said"),
    [
        (RETRYING, (OSError("refused\n\n(Background on this error at: ...)"),), RETRYING % "refused"),
        (RETRYING, (OSError(),), RETRYING % ""),
        ("all of\nthis", (), "all of\nthis"),
    ],
    ids=["an error of many lines", "an error without words", "something else"],
)
def test_a_database_that_does_not_answer_dagster_is_told_on_one_line(
    message: str, arguments: tuple[object, ...], said: str
) -> None:
    record = logging.LogRecord("root", logging.WARNING, "", 0, message, arguments, None)
    assert ONE_LINE.filter(record)
    assert record.getMessage() == said
