from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings


@pytest.fixture(params=["folder", "s3"])
def workplace(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> Workplace:
    settings = Settings(home=tmp_path / "home", database_url=database, store=str(tmp_path / "store"))
    if request.param == "s3":
        endpoint = request.getfixturevalue("s3_server")
        bucket = request.getfixturevalue("bucket")
        settings = replace(settings, store=f"s3://{bucket}/x", s3_endpoint=endpoint)
    return Workplace(settings)


@pytest.fixture
def in_a_folder(tmp_path: Path, database: str) -> Workplace:
    return Workplace(Settings(home=tmp_path / "home", database_url=database, store=str(tmp_path / "store")))


@pytest.fixture(autouse=True)
def _no_leftovers(tmp_path: Path) -> Iterator[None]:
    yield
    assert not list(tmp_path.glob("home/work/*"))
