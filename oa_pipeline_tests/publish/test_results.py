from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from oa_pipeline.convert.task import Outcome, Output
from oa_pipeline.errors import PublishError
from oa_pipeline.process import Result
from oa_pipeline.publish.results import publish_run
from oa_pipeline.publish.store import open_store


def result(folder: Path) -> Result:
    names = {
        "cache": "cache.zip", "geojson": "out.geojson.gz", "csv": "berkeley.zip", "parquet": "out.parquet",
        "sample": "sample.json", "log": "output.txt", "index": "index.json",
    }  # fmt: skip
    files = {}
    for kind, name in names.items():
        files[kind] = folder / name
        files[kind].write_bytes(kind.encode())
    outputs = {
        kind: Output(names[kind], len(kind), hashlib.sha256(kind.encode()).hexdigest(), 3)
        for kind in ("geojson", "csv", "parquet")
    }
    return Result(None, Outcome(None, rows=3, outputs=outputs), {}, files)


@pytest.mark.parametrize("prefix", ["runs/5/", "pr/5/"])
def test_a_run_lies_where_readers_have_always_looked(tmp_path: Path, prefix: str) -> None:
    store = open_store(str(tmp_path / "store"))
    stored = publish_run(store, prefix, "us/ca/berkeley", result(tmp_path), tmp_path)
    assert {kind: found.key for kind, found in stored.items()} == {
        "cache": f"{prefix}cache.zip",
        "csv": f"{prefix}us/ca/berkeley.zip",
        "geojson": f"{prefix}out.geojson.gz",
        "index": f"{prefix}index.json",
        "log": f"{prefix}output.txt",
        "parquet": f"{prefix}out.parquet",
        "sample": f"{prefix}sample.json",
    }
    assert (stored["csv"].rows, stored["csv"].content_type, stored["log"].size) == (3, "application/zip", 3)
    assert list(stored)[-1] == "index"


@pytest.mark.parametrize("kind", ["parquet", "log"])
def test_a_file_that_vanished_is_one_clear_error_and_leaves_no_index(tmp_path: Path, kind: str) -> None:
    store = open_store(str(tmp_path / "store"))
    made = result(tmp_path)
    made.files[kind].unlink()
    with pytest.raises(PublishError, match=f"{made.files[kind].name}, to be stored as runs/5/"):
        publish_run(store, "runs/5/", "us/ca/berkeley", made, tmp_path)
    assert not store.exists("runs/5/index.json")


def test_publishing_again_after_a_crash_completes_it(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    made = result(tmp_path)
    made.files["parquet"].write_bytes(b"cut off")
    with pytest.raises(PublishError):
        publish_run(store, "runs/5/", "us/ca/berkeley", made, tmp_path)
    assert not store.exists("runs/5/index.json")
    made.files["parquet"].write_bytes(b"parquet")
    publish_run(store, "runs/5/", "us/ca/berkeley", made, tmp_path)
    assert store.exists("runs/5/index.json")
    assert store.size("runs/5/out.parquet") == 7
