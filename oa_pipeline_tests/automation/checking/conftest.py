from __future__ import annotations

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance

from oa_pipeline.orchestration.launcher import Ec2RunLauncher
from oa_pipeline_tests.automation.publishers import Queue

from .desk import Desk


@pytest.fixture
def desk(coordinated: DagsterInstance, engine: sa.Engine) -> Desk:
    launcher = Ec2RunLauncher()
    launcher.register_instance(coordinated)
    coordinated._run_launcher = launcher
    return Desk(coordinated, engine, Queue(coordinated))
