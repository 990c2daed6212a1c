from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import (
    DagsterInstance,
)

from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings
from oa_pipeline_tests.automation.publishers import Queue

from .office import Office


@pytest.fixture
def office(coordinated: DagsterInstance, engine: sa.Engine, database: str, tmp_path: Path) -> Office:
    workplace = Workplace(Settings(home=tmp_path, database_url=database))
    return Office(coordinated, engine, workplace, Queue(coordinated))
