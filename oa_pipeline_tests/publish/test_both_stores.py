"""What both stores promise: each test runs on a folder and on an S3 server over HTTP."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

from oa_pipeline.errors import PublishError
from oa_pipeline.publish.store import MissingObject, Store, StoredObject, content_type, open_store

MIB = 1024 * 1024
ODD_KEYS = ["runs/1/a b.zip", "runs/1/a+b", "runs/1/é.csv", "runs/1/a#b", "runs/1/a%20b", "runs/1/a&b=c;d'e\"f", "r/地"]


def write(folder: Path, data: bytes, name: str = "file") -> tuple[Path, str]:
    path = folder / name
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest()


def put(store: Store, key: str, folder: Path, data: bytes) -> None:
    path, sha256 = write(folder, data)
    store.put(key, path, content_type="text/plain", sha256=sha256)


def break_off(store: Store, data: bytes) -> None:
    with store.writer("c/1/x", content_type="text/plain") as out:
        out.write(data)
        raise KeyboardInterrupt


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
    with urlopen(store.url(key), timeout=60) as answer:
        assert answer.read() == b"data"


def test_links_name_the_public_address_where_there_is_one(tmp_path: Path) -> None:
    for location in ("s3://bucket/some/prefix", str(tmp_path / "store")):
        store = open_store(location, url="https://data.example.org/all/")
        assert store.url("runs/1/a b+é#%.zip") == "https://data.example.org/all/runs/1/a%20b%2B%C3%A9%23%25.zip"
        with pytest.raises(PublishError):
            store.url("../x")


@pytest.mark.parametrize(
    ("location", "endpoint", "expected"),
    [
        ("s3://bucket/a b/", "", "https://bucket.s3.amazonaws.com/a%20b/1/x"),
        ("s3://data.example.org", "", "https://s3.amazonaws.com/data.example.org/1/x"),
        ("s3://bucket/a b", "https://s3.example.org/", "https://s3.example.org/bucket/a%20b/1/x"),
    ],
)
def test_otherwise_links_name_the_bucket(location: str, endpoint: str, expected: str) -> None:
    assert open_store(location, endpoint=endpoint).url("1/x") == expected


def test_the_same_bytes_again_are_a_success(store: Store, tmp_path: Path) -> None:
    put(store, "runs/1/x", tmp_path, b"one")
    put(store, "runs/1/x", tmp_path, b"one")
    assert read(store, "runs/1/x") == b"one"


@pytest.mark.parametrize("one", [b"one", b"x" * (11 * MIB)], ids=len)
@pytest.mark.parametrize("other", [b"two", b"longer", b"y" * (11 * MIB)], ids=len)
def test_other_bytes_are_refused_and_the_first_stay(store: Store, tmp_path: Path, one: bytes, other: bytes) -> None:
    put(store, "runs/1/x", tmp_path, one)
    with pytest.raises(PublishError, match="already holds something else"):
        put(store, "runs/1/x", tmp_path, other)
    put(store, "runs/1/x", tmp_path, one)
    assert read(store, "runs/1/x") == one
    assert store.sweep(datetime.now(UTC) + timedelta(days=1)) == 0


def test_an_empty_object_is_one(store: Store, tmp_path: Path) -> None:
    put(store, "x", tmp_path, b"")
    assert (read(store, "x"), store.size("x"), store.read("x", 0, 5)) == (b"", 0, b"")
    store.copy("x", "y")
    assert store.exists("y")


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


@pytest.mark.parametrize("data", [b"data", b"x" * (11 * MIB)], ids=len)
def test_a_file_that_is_not_what_was_promised_is_not_stored(store: Store, tmp_path: Path, data: bytes) -> None:
    path, _ = write(tmp_path, data)
    with pytest.raises(PublishError, match="changed before it was stored"):
        store.put("runs/1/x", path, content_type="text/plain", sha256="0" * 64)
    assert not store.exists("runs/1/x")
    assert list(store.list()) == []
    assert store.sweep(datetime.now(UTC) + timedelta(days=1)) == 0


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


@pytest.mark.parametrize("size", [0, 1, MIB, 5 * MIB, 5 * MIB + 1, 11 * MIB])
def test_what_is_written_in_pieces_is_one_object(store: Store, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    with store.writer("c/1/x.zip", content_type="application/zip") as out:
        for start in range(0, size, 3_000_001):
            out.write(memoryview(data)[start : start + 3_000_001])
        assert out.tell() == size
        assert not store.exists("c/1/x.zip")
        with pytest.raises(ValueError, match="not stored yet"):
            _ = out.stored
    sha256 = hashlib.sha256(data).hexdigest()
    assert out.stored == StoredObject("c/1/x.zip", size, sha256, "application/zip")
    assert read(store, "c/1/x.zip") == data
    assert [(found.key, found.size) for found in store.list()] == [("c/1/x.zip", size)]
    assert store.sweep(datetime.now(UTC) + timedelta(days=1)) == 0


@pytest.mark.parametrize("size", [3, 6 * MIB])
def test_an_exception_in_the_middle_leaves_nothing_and_what_was_there(store: Store, size: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        break_off(store, b"x" * size)
    assert not store.exists("c/1/x")
    assert store.sweep(datetime.now(UTC) + timedelta(days=1)) == 0
    with store.writer("c/1/x", content_type="text/plain") as out:
        out.write(b"first")
    with pytest.raises(KeyboardInterrupt):
        break_off(store, b"y" * size)
    assert read(store, "c/1/x") == b"first"


@pytest.mark.parametrize("size", [3, 11 * MIB])
def test_a_written_key_is_taken_but_for_the_same_bytes(store: Store, tmp_path: Path, size: int) -> None:
    for _ in range(2):
        with store.writer("c/1/x", content_type="text/plain") as out:
            out.write(b"x" * size)
    put(store, "c/1/x", tmp_path, b"x" * size)
    with (
        pytest.raises(PublishError, match="already holds"),
        store.writer("c/1/x", content_type="text/plain") as out,
    ):
        out.write(b"y" * size)
    assert set(read(store, "c/1/x")) == set(b"x")
    assert store.sweep(datetime.now(UTC) + timedelta(days=1)) == 0


def test_bytes_are_read_from_anywhere(store: Store, tmp_path: Path) -> None:
    put(store, "x", tmp_path, b"0123456789")
    for start in (0, 3, 10, 11):
        with store.open("x", start) as held:
            assert held.read() == b"0123456789"[start:]
            held.seek(2)
            assert held.read(3) == b"234"
            held.seek(-1, 2)
            assert held.read() == b"9"
    with pytest.raises(ValueError, match="no byte"):
        store.open("x", -1)
    with pytest.raises(MissingObject):
        store.open("y", 3)


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (0, 10, b"0123456789"), (2, 5, b"234"), (8, 100, b"89"), (10, 20, b""), (11, 20, b""), (5, 5, b""), (5, 2, b""),
        (-3, 0, b"789"), (-3, 10, b"789"), (-3, -1, b"78"), (-100, 2, b"01"), (2, -2, b"234567"), (0, 0, b""),
    ],
)  # fmt: skip
def test_a_range_is_read_as_a_slice_is(store: Store, tmp_path: Path, start: int, stop: int, expected: bytes) -> None:
    put(store, "x", tmp_path, b"0123456789")
    assert store.read("x", start, stop) == expected
    with pytest.raises(MissingObject):
        store.read("y", start, stop)


def test_of_two_streams_the_first_to_end_wins(store: Store) -> None:
    def both() -> None:
        with store.writer("x", content_type="") as first, store.writer("x", content_type="") as second:
            first.write(b"a" * (6 * MIB))
            second.write(b"b" * (6 * MIB))

    with pytest.raises(PublishError, match="already holds"):
        both()
    assert read(store, "x") == b"b" * (6 * MIB)
    assert store.sweep(datetime.now(UTC) + timedelta(days=1)) == 0


def test_an_object_that_somebody_removed_is_missing_and_nothing_else(store: Store, tmp_path: Path) -> None:
    put(store, "runs/1/x", tmp_path, b"data")
    store.delete(["runs/1/x"])
    for question in (store.open, store.size, lambda key: store.read(key, 0, 3), lambda key: store.copy(key, "y")):
        with pytest.raises(MissingObject, match=r"runs/1/x is not in the store"):
            question("runs/1/x")
    assert not store.exists("runs/1/x")
    assert not store.exists("y")
    assert store.url("runs/1/x")
    put(store, "runs/1/x", tmp_path, b"data")
    assert read(store, "runs/1/x") == b"data"


@pytest.mark.parametrize("name", ["a b+é#100%25", "us/ca/地 & co"])
def test_an_odd_name_comes_back_from_its_address_and_in_its_zip(store: Store, name: str) -> None:
    with store.writer(f"runs/1/{name}.zip", content_type="application/zip") as out, zipfile.ZipFile(out, "w") as made:
        made.writestr(f"{name}.csv", "1,2")
    with urlopen(store.url(f"runs/1/{name}.zip"), timeout=60) as answer:
        found = zipfile.ZipFile(io.BytesIO(answer.read()))
    assert found.namelist() == [f"{name}.csv"]
    assert found.read(f"{name}.csv") == b"1,2"


def test_an_object_is_read_as_a_zip_file(store: Store) -> None:
    with store.writer("x.zip", content_type="application/zip") as out, zipfile.ZipFile(out, "w") as made:
        made.writestr("é #%.csv", "a" * 100_000)
    with store.open("x.zip") as held, zipfile.ZipFile(held) as found:
        assert found.read("é #%.csv") == b"a" * 100_000


@pytest.mark.parametrize("size", [3, 11 * MIB])
def test_a_fixed_key_is_replaced_whole(store: Store, size: int) -> None:
    for key, letter in (("c/1/x.zip", b"x"), ("c/2/x.zip", b"y")):
        with store.writer(key, content_type="application/zip") as out:
            out.write(letter * size)
        store.copy(key, "x.zip")
        store.copy(key, "x.zip")
        assert read(store, "x.zip") == letter * size
    assert store.delete(["c/2/x.zip"]) == 1
    assert read(store, "x.zip") == b"y" * size
    assert read(store, "c/1/x.zip") == b"x" * size
    with pytest.raises(MissingObject, match=r"c/2/x\.zip"):
        store.copy("c/2/x.zip", "x.zip")
    assert [found.key for found in store.list()] == ["c/1/x.zip", "x.zip"]
    assert store.sweep(datetime.now(UTC) + timedelta(days=1)) == 0


def test_named_objects_are_removed_and_no_others(store: Store, tmp_path: Path) -> None:
    for key in ("a/b/1", "a/b/2", "a/3", "a b"):
        put(store, key, tmp_path, b"data")
    assert store.delete(["a/b/1", "a/b/2", "a b", "a b", "a/b/absent", "absent/x"]) == 5
    assert [found.key for found in store.list()] == ["a/3"]
    assert store.delete([]) == 0
    put(store, "a/b/1", tmp_path, b"other")
    assert read(store, "a/b/1") == b"other"


def test_a_listing_says_when_an_object_was_written(store: Store, tmp_path: Path) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    put(store, "x", tmp_path, b"data")
    (found,) = store.list()
    assert before < found.modified < datetime.now(UTC) + timedelta(seconds=2)


@pytest.mark.parametrize("location", ["ftp://x/y", "s3://", "https://bucket"])
def test_what_is_no_store_is_refused_with_the_cure(location: str) -> None:
    with pytest.raises(PublishError, match="OA_STORE"):
        open_store(location)


def test_content_types_follow_names() -> None:
    assert content_type("us/ca/a.ZIP") == "application/zip"
    assert content_type("cache.bin") == "application/octet-stream"
