from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from oa_pipeline_tests.workers.system import System, system

__all__ = ["running"]


@pytest.fixture
def running(tmp_path: Path, database: str) -> Iterator[System]:
    """A system in which a lost run is resumed once; nothing has been started."""
    with system(tmp_path, database) as made:
        yield made
