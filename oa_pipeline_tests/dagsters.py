"""Dagster for tests: an instance of its own for each test that asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dagster import DagsterInstance


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
