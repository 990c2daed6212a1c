from __future__ import annotations

import gzip
import os
import random
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from oa_pipeline.web.answering import keeping
from oa_pipeline.web.answering.keeping import Kept, Page
from oa_pipeline.web.site import Site


def page(text: str, made: float = 1000.0) -> Page:
    return Page.of(text.encode(), content_type="text/html", tag="t", modified=1.0, made=made, links="")


def test_the_least_recently_used_pages_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "IN_MEMORY", 250)
    kept = Kept(tmp_path, "v")
    kept.put("/a", page("a" * 100))
    kept.put("/b", page("b" * 100))
    kept.get("/a")
    kept.put("/c", page("c" * 100))

    assert [kept.get(address) is not None for address in ("/a", "/b", "/c")] == [True, False, True]
    assert kept.last("/b") == page("b" * 100)  # of the disk


def test_a_page_in_another_version_of_the_software_is_another_page(tmp_path: Path) -> None:
    Kept(tmp_path, "old").put("/", page("x"))

    assert Kept(tmp_path, "new").last("/") is None


def test_the_newer_of_memory_and_disk_is_the_last(tmp_path: Path) -> None:
    ours, theirs = Kept(tmp_path, "v"), Kept(tmp_path, "v")
    ours.put("/", page("ours", 1000))
    theirs.put("/", page("theirs", 2000))

    assert ours.last("/") == page("theirs", 2000)


@pytest.mark.parametrize("text", ["short", "long " * 10_000, "é" * 999])
def test_a_page_of_the_disk_is_the_page(tmp_path: Path, text: str) -> None:
    Kept(tmp_path, "v").put("/", page(text))

    found = Kept(tmp_path, "v").last("/")
    assert found == page(text)
    assert found is not None
    assert not found.packed or gzip.decompress(found.packed) == found.body


@pytest.mark.parametrize("damage", [b"", b"{", b'{"address": "/"}\nxx', b'["/"]\n', b"\xff\xfe"])
def test_a_damaged_file_is_no_page(tmp_path: Path, damage: bytes) -> None:
    Kept(tmp_path, "v").put("/", page("x"))
    (file,) = (tmp_path / "v").iterdir()
    file.write_bytes(damage)

    assert Kept(tmp_path, "v").last("/") is None


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_copy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = Kept(tmp_path / "file", "v")
    kept.put("/", page("x"))

    assert kept.get("/") == page("x")


def test_files_beyond_the_most_there_may_be_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "ON_DISK", 5)
    monkeypatch.setattr(keeping, "EVERY", 10)
    kept = Kept(tmp_path, "v")
    for n in range(40):
        kept.put(f"/{n}", page("x", 1000.0 + n))

    assert len(list((tmp_path / "v").iterdir())) < 16


def test_long_pages_leave_room_on_the_disk_however_few_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "BYTES_ON_DISK", 5000)
    monkeypatch.setattr(keeping, "EVERY", 10)
    kept = Kept(tmp_path, "v")
    for n in range(40):
        kept.put(f"/{n}", page(random.Random(n).randbytes(500).hex(), 1000.0 + n))

    assert sum(path.stat().st_size for path in (tmp_path / "v").iterdir()) < 5000 + 10 * 1000


def test_whatever_else_is_asked_for_those_that_last_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "ON_DISK", 5)
    monkeypatch.setattr(keeping, "EVERY", 10)
    monkeypatch.setattr(keeping, "IN_MEMORY", 100)
    kept = Kept(tmp_path, "v", lasting={"/"})
    kept.put("/", page("home"))
    for n in range(40):
        kept.put(f"/{n}", page("x" * 10, 2000.0 + n))

    assert kept.get("/") is None
    assert kept.last("/") == page("home")
    assert kept.last("/0") is None


def test_pages_with_one_address_last(own_reader: FlaskClient, own: Site) -> None:
    for address in ("/", "/sources.json", "/robots.txt", "/dashboard", "/sources/?q=x", "/sources/fr/paris"):
        own_reader.get(address)

    files = [path.name for path in (own.settings.home / "pages").glob("*/*")]
    assert len(files) == 6
    assert sum(name.startswith("lasting-") for name in files) == 4


def test_pages_of_former_versions_go_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "EVERY", 1)
    for version in ("former", "other"):
        Kept(tmp_path, version).put("/", page("x"))
    os.utime(tmp_path / "former", (0, 0))
    Kept(tmp_path, "v").put("/", page("x"))

    assert {path.name for path in tmp_path.iterdir()} == {"other", "v"}


def test_what_is_too_large_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "LARGEST", 10)
    kept = Kept(tmp_path, "v")
    kept.put("/", page("x" * 11))

    assert kept.last("/") is None
