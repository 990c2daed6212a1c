"""What both stores promise: each test runs on a folder and on an S3 server over HTTP."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from urllib.request import urlopen

import pytest

from oa_pipeline.errors import PublishError
from oa_pipeline.publish.store import MissingObject, Store, content_type, open_store

ODD_KEYS = ["runs/1/a b.zip", "runs/1/a+b", "runs/1/é.csv", "runs/1/a#b", "runs/1/a%20b", "runs/1/a&b=c;d'e\"f", "r/地"]


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "folder":
        return open_store(str(tmp_path / "store"))
    endpoint = request.getfixturevalue("s3_server")
    return open_store(f"s3://{request.getfixturevalue('bucket')}/some/prefix", endpoint=endpoint)


def write(folder: Path, data: bytes, name: str = "file") -> tuple[Path, str]:
    path = folder / name
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest()


def put(store: Store, key: str, folder: Path, data: bytes) -> None:
    path, sha256 = write(folder, data)
    store.put(key, path, content_type="text/plain", sha256=sha256)


def read(store: Store, key: str) -> bytes:
    with store.open(key) as held:
        return held.read()


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_come_back_as_they_went(store: Store, tmp_path: Path, key: str) -> None:
    put(store, key, tmp_path, b"data")
    assert [(found.key, found.size) for found in store.list()] == [(key, 4)]
    assert read(store, key) == b"data"
    assert store.exists(key)
    assert store.size(key) == 4


@pytest.mark.parametrize("key", ODD_KEYS)
def test_the_address_of_a_key_leads_to_it(store: Store, tmp_path: Path, key: str) -> None:
    put(store, key, tmp_path, b"data")
    with urlopen(store.url(key), timeout=20) as answer:
        assert answer.read() == b"data"


def test_the_same_bytes_again_are_a_success(store: Store, tmp_path: Path) -> None:
    put(store, "runs/1/x", tmp_path, b"one")
    put(store, "runs/1/x", tmp_path, b"one")
    assert read(store, "runs/1/x") == b"one"


@pytest.mark.parametrize("other", [b"two", b"longer"])
def test_other_bytes_are_refused_and_the_first_stay(store: Store, tmp_path: Path, other: bytes) -> None:
    put(store, "runs/1/x", tmp_path, b"one")
    with pytest.raises(PublishError, match="already holds something else"):
        put(store, "runs/1/x", tmp_path, other)
    assert read(store, "runs/1/x") == b"one"


def test_of_two_writers_one_wins_whole(store: Store, tmp_path: Path) -> None:
    outcomes: list[str] = []

    def attempt(letter: str) -> None:
        path, sha256 = write(tmp_path, letter.encode() * 100_000, letter)
        try:
            store.put("runs/1/x", path, content_type="text/plain", sha256=sha256)
            outcomes.append("put")
        except PublishError:
            outcomes.append("refused")

    threads = [threading.Thread(target=attempt, args=letter) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["put", "refused", "refused", "refused"]
    assert len(set(read(store, "runs/1/x"))) == 1
    assert store.size("runs/1/x") == 100_000


def test_a_file_that_is_not_what_was_promised_is_not_stored(store: Store, tmp_path: Path) -> None:
    path, _ = write(tmp_path, b"data")
    with pytest.raises(PublishError):
        store.put("runs/1/x", path, content_type="text/plain", sha256="0" * 64)
    assert not store.exists("runs/1/x")
    assert list(store.list()) == []


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../../b", "a/.", "a\0b", "\ud800", "x" * 1025], ids=lambda k: repr(k[:9])
)
def test_a_key_that_leads_elsewhere_is_refused(store: Store, tmp_path: Path, key: str) -> None:
    with pytest.raises(PublishError):
        put(store, key, tmp_path, b"data")
    with pytest.raises(PublishError):
        store.open(key)


def test_an_absent_object_is_missing_and_not_a_crash(store: Store, tmp_path: Path) -> None:
    assert not store.exists("runs/1/x")
    for question in (store.open, store.size):
        with pytest.raises(MissingObject):
            question("runs/1/x")
    put(store, "runs/1/dir/x", tmp_path, b"data")
    assert not store.exists("runs/1/dir")


def test_a_prefix_lists_in_order_and_is_removed_alone(store: Store, tmp_path: Path) -> None:
    for key in ("runs/2/a", "runs/1/b/c", "runs/1/b.x", "runs/10/a"):
        put(store, key, tmp_path, b"data")
    assert [found.key for found in store.list("runs/1/")] == ["runs/1/b.x", "runs/1/b/c"]
    assert [found.key for found in store.list("runs/1")] == ["runs/1/b.x", "runs/1/b/c", "runs/10/a"]
    assert store.delete_prefix("runs/1/") == 2
    assert store.delete_prefix("runs/1/") == 0
    assert [found.key for found in store.list()] == ["runs/10/a", "runs/2/a"]
    with pytest.raises(PublishError):
        store.delete_prefix("runs/1")


def test_a_file_that_vanished_is_said_to_have(store: Store, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="gone"):
        store.put("runs/1/x", tmp_path / "gone", content_type="text/plain", sha256="0" * 64)


@pytest.mark.parametrize("location", ["ftp://x/y", "s3://", "https://bucket"])
def test_what_is_no_store_is_refused_with_the_cure(location: str) -> None:
    with pytest.raises(PublishError, match="OA_STORE"):
        open_store(location)


def test_content_types_follow_names() -> None:
    assert content_type("us/ca/a.ZIP") == "application/zip"
    assert content_type("cache.bin") == "application/octet-stream"
