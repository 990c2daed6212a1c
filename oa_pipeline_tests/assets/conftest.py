from __future__ import annotations

from pathlib import Path

import pytest

from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.samples import install
from oa_pipeline.settings import Settings
from oa_pipeline_tests.mapless import MAPLESS


@pytest.fixture
def workplace(database: str, tmp_path: Path) -> Workplace:
    """With the samples as its source repository."""
    return Workplace(
        Settings(
            home=tmp_path / "home",
            database_url=database,
            sources=str(install(tmp_path / "repository")),
            allow_local_sources=True,
            **MAPLESS,
        )
    )
