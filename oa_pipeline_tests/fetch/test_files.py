"""file: addresses are copies of regular files, and only where local sources are allowed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from oa_pipeline.errors import FetchError, OverBudget, Refused
from oa_pipeline.fetch import Guard, fetch
from oa_pipeline.fetch.files import local_path
from oa_pipeline.fetch.model import Fetched
from oa_pipeline.sources.model import Protocol

from .wishes import HERE, SMALL, source


def get(url: str, folder: Path) -> Fetched:
    return fetch(source(url), folder, budget=SMALL, guard=HERE)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///a/b.csv", "/a/b.csv"),
        ("file:/a/b.csv", "/a/b.csv"),
        ("FILE:///a/b.csv", "/a/b.csv"),
        ("file://localhost/a/b.csv", "/a/b.csv"),
        ("file:///a/b%20c.csv", "/a/b c.csv"),
        ("file:///a/b c.csv", "/a/b c.csv"),
        ("file:///a/stra%C3%9Fe.csv", "/a/straße.csv"),
        ("file:///a/what?.csv", "/a/what?.csv"),
        ("file:///a/no#1.csv", "/a/no#1.csv"),
        ("file:///a/100%.csv", "/a/100%.csv"),
    ],
)
def test_an_address_names_a_path(url: str, path: str) -> None:
    assert local_path(url) == Path(path)


@pytest.mark.parametrize("url", ["file://host/a.csv", "file:a.csv", "file://", "file:///a%00b", "file://../a.csv"])
def test_an_address_that_names_none_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        local_path(url)


@pytest.mark.parametrize("protocol", [Protocol.HTTP, Protocol.FTP, Protocol.FILE])
def test_the_download_is_a_copy(protocol: Protocol, tmp_path: Path) -> None:
    original = tmp_path / "some data.geojson"
    original.write_bytes(b"{}" * 1000)
    got = fetch(source(original.as_uri(), protocol), tmp_path / "work", budget=SMALL, guard=HERE)
    original.write_bytes(b"changed")
    assert got.path == tmp_path / "work" / "cache.geojson"
    assert got.path.read_bytes() == b"{}" * 1000
    assert (got.size, got.sha256) == (2000, hashlib.sha256(b"{}" * 1000).hexdigest())
    assert (got.file_name, got.form) == ("some data.geojson", "file")
    assert got.path.stat().st_nlink == 1


def test_nothing_but_a_regular_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(FetchError, match="regular file"):
            get(name.as_uri(), tmp_path / "work")


def test_a_file_that_is_missing_empty_or_too_large_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="No such file"):
        get((tmp_path / "gone.csv").as_uri(), tmp_path / "work")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(FetchError, match="empty"):
        get((tmp_path / "empty.csv").as_uri(), tmp_path / "work")
    with (tmp_path / "huge.csv").open("wb") as huge:
        huge.truncate(SMALL.bytes + 1)
    with pytest.raises(OverBudget):
        get((tmp_path / "huge.csv").as_uri(), tmp_path / "work")
    assert list((tmp_path / "work").iterdir()) == []


def test_without_permission_the_file_is_not_even_looked_for(tmp_path: Path) -> None:
    for name in ("there.csv", "gone.csv"):
        (tmp_path / "there.csv").write_text("x")
        with pytest.raises(Refused, match="local files"):
            fetch(source((tmp_path / name).as_uri()), tmp_path / "work", budget=SMALL, guard=Guard())
