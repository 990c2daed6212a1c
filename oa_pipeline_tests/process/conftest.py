"""One warm converter for all whole runs of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from oa_pipeline.convert.sandbox import Converter
from oa_pipeline_tests.process.runs import Runs


@pytest.fixture(scope="session")
def warm() -> Iterator[Converter]:
    """A converter whose server starts once."""
    with Converter() as converter:
        yield converter


@pytest.fixture
def run(warm: Converter, tmp_path: Path) -> Runs:
    """Runs data sources below the test's own folder."""
    return Runs(tmp_path, warm)
