from __future__ import annotations

from pathlib import Path

import pytest

from oa_pipeline.publish.store import Store
from oa_pipeline_tests.publish.place import Place


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where an empty store is: a test that asks runs on a folder and on an S3 server over HTTP."""
    if request.param == "folder":
        return Place(str(tmp_path / "store"), "")
    return Place(f"s3://{request.getfixturevalue('bucket')}/some/prefix", request.getfixturevalue("s3_server"))


@pytest.fixture
def store(place: Place) -> Store:
    """The store there."""
    return place.open()
