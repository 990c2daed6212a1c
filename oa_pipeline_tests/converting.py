"""One converter for the tests of a module, as the runs of a worker have one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def one_converter() -> Iterator[None]:
    """Every run in this process uses it, rather than start one of its own, which takes as long as the run."""
    from oa_pipeline.convert.sandbox import Converter
    from oa_pipeline.orchestration import workplace

    with Converter() as converter:
        workplace.share_converter(converter)
        yield
        workplace._shared.clear()
