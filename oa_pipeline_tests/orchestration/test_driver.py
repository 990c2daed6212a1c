"""A bare `postgresql://` works wherever an address is taken: the driver is named before anybody connects."""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib.metadata import requires
from pathlib import Path

import pytest
import sqlalchemy as sa

import oa_pipeline
from oa_pipeline.ledger.engine import in_transaction, ledger_engine
from oa_pipeline.ledger.upgrade import newest_version, upgrade
from oa_pipeline.orchestration.storage import PooledPostgresStorage
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings

PACKAGE = Path(oa_pipeline.__file__).parent
CONNECTING = {"create_engine", "create_async_engine", "engine_from_config"}
# Where connections are made, all from an address that went through `normalised`.
MAKERS = {"ledger/engine.py", "ledger/upgrade.py", "orchestration/dagster_private.py"}


def dagster(url: str) -> bool:
    storage = PooledPostgresStorage(url)
    try:
        return storage.run_storage.get_runs_count() == 0
    finally:
        for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
            part.dispose()


ENTRANCES: dict[str, Callable[[str], object]] = {
    "ledger": lambda url: in_transaction(ledger_engine(url), lambda c: c.scalar(sa.select(1))),
    "upgrade": lambda url: upgrade(url).after == newest_version(),
    "dagster": dagster,
    "workplace": lambda url: in_transaction(
        Workplace(Settings(database_url=url)).ledger(), lambda c: c.scalar(sa.select(1))
    ),
}


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
@pytest.mark.parametrize("entrance", ENTRANCES)
def test_an_address_without_its_driver_connects(empty_database: str, entrance: str, scheme: str) -> None:
    bare = f"{scheme}://{empty_database.partition('://')[2]}"
    assert ENTRANCES[entrance](bare)
    ledger_engine(bare).dispose()


def test_nobody_connects_past_the_one_place_where_addresses_are_read() -> None:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in CONNECTING:
                    found.add(str(path.relative_to(PACKAGE)))
    assert found == MAKERS


def test_an_installation_brings_the_driver_and_not_the_one_that_a_bare_address_means() -> None:
    wanted = {need.split("~")[0].split(">")[0].split("[")[0].strip().lower() for need in requires("oa_pipeline") or ()}
    assert "psycopg2-binary" in wanted
    assert "psycopg" not in wanted
