from __future__ import annotations

from pathlib import Path

import pytest

from oa_pipeline.publish.store import Store, open_store


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Both stores, one after the other."""
    if request.param == "folder":
        return open_store(str(tmp_path / "store"))
    endpoint = request.getfixturevalue("s3_server")
    return open_store(f"s3://{request.getfixturevalue('bucket')}/some/prefix", endpoint=endpoint)
