"""Dagster for tests: an instance of its own for each test that asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dagster import DagsterInstance

STORED = """
telemetry: {enabled: false}
storage:
  custom: {module: oa_pipeline.orchestration.storage, class: PooledPostgresStorage, config: {}}
"""


@contextmanager
def stored(folder: Path, database: str) -> Iterator[DagsterInstance]:
    """One in `folder` whose storages are ours, in this database."""
    from dagster import DagsterInstance

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OA_DATABASE_URL", database)
        (folder / "dagster.yaml").write_text(STORED)
        with DagsterInstance.from_config(str(folder)) as made:
            yield made


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    """One in memory, without a daemon."""
    from dagster import DagsterInstance

    with DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def coordinated(database: str, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> DagsterInstance:
    """The same with the queue of the ledger's workers."""
    from oa_pipeline.orchestration.coordinator import CapacityRunCoordinator

    monkeypatch.setenv("OA_DATABASE_URL", database)
    coordinator = CapacityRunCoordinator.from_config_value(None, {})
    coordinator.register_instance(instance)
    instance._run_coordinator = coordinator
    return instance
