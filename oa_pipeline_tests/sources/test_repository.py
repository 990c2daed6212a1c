"""Folders, checkouts and tarballs of sources."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.errors import SourceError
from oa_pipeline.sources.changes import changes
from oa_pipeline.sources.checkout import commit_of
from oa_pipeline.sources.repository import read_repository

from .examples import data_source, source, text

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "sources/us/ca/b.json": text(source(data_source(), data_source(name="city"))),
    "sources/us/ca/a.json": text(source(layer="parcels")),
    "sources/us/broken.json": b"{",
    "sources/us/README.md": b"not a source",
    "schema/source.json": b"{not even read",
}
KEYS = ["us/ca/a/parcels/county", "us/ca/b/addresses/city", "us/ca/b/addresses/county"]


def folder(root: Path, files: dict[str, bytes] = FILES) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def tarball(path: Path, files: dict[str, bytes] = FILES, top: str = "repo-012/", **members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT, pax_headers={"comment": COMMIT}) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(top + name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in members.values():
            archive.addfile(info)
    return path


@pytest.mark.parametrize("kind", ["repository", "its sources folder", "tarball", "tarball without a top folder"])
def test_all_sources_are_found_wherever_they_are(kind: str, tmp_path: Path) -> None:
    location = {
        "repository": lambda: folder(tmp_path),
        "its sources folder": lambda: folder(tmp_path) / "sources",
        "tarball": lambda: tarball(tmp_path / "x.tar.gz"),
        "tarball without a top folder": lambda: tarball(tmp_path / "x.tar.gz", top=""),
    }[kind]()
    found = read_repository(location)
    assert [one.key for one in found.data_sources()] == KEYS
    assert list(found.by_key) == KEYS
    assert [one.path for one in found.sources] == ["us/ca/a", "us/ca/b"]
    assert found.by_path["us/ca/b"].data_sources[0].name == "county"
    ((path, error),) = found.invalid
    assert path == "sources/us/broken.json"
    assert "1:2" in str(error)


def test_a_tarball_tells_its_commit(tmp_path: Path) -> None:
    assert read_repository(str(tarball(tmp_path / "x.tar.gz"))).commit == COMMIT


def test_digests_are_what_changes_compares(tmp_path: Path) -> None:
    before = read_repository(folder(tmp_path)).digests()
    (tmp_path / "sources/us/ca/b.json").rename(tmp_path / "sources/us/ca/c.json")
    after = read_repository(tmp_path).digests()
    assert [new for _, new in changes(before, after).renamed] == ["us/ca/c/addresses/city", "us/ca/c/addresses/county"]


def link(name: str, kind: bytes, target: str = "/etc/passwd") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tarball_are_invalid(kind: bytes, tmp_path: Path) -> None:
    found = read_repository(tarball(tmp_path / "x.tar.gz", {}, bad=link("repo/sources/us/x.json", kind)))
    assert found.sources == ()
    assert "link or a device" in str(found.invalid[0].error)


@pytest.mark.parametrize("name", ["sources/../../evil.json", "sources/us/a\nb.json", "sources//x.json"])
def test_members_that_leave_their_folder_are_invalid(name: str, tmp_path: Path) -> None:
    found = read_repository(tarball(tmp_path / "x.tar.gz", {name: text(source())}))
    assert found.sources == ()
    assert len(found.invalid) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["x.tar.gz"]


def test_a_member_that_is_too_large_is_never_read(tmp_path: Path) -> None:
    files = {"sources/us/x.json": b" " * (9 * 1024 * 1024), "sources/us/y.json": text(source())}
    found = read_repository(tarball(tmp_path / "x.tar.gz", files))
    assert [one.path for one in found.sources] == ["us/y"]
    assert "larger than" in str(found.invalid[0].error)


def test_an_archive_that_promises_too_much_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    info = tarfile.TarInfo("repo/huge.bin")
    info.size = 2 * 1024**3
    (tmp_path / "x.tar").write_bytes(info.tobuf() + b"\0" * 2048)
    with pytest.raises(SourceError, match="more than"):
        read_repository(tmp_path / "x.tar")


def test_a_cut_archive_is_an_error_with_a_cure(tmp_path: Path) -> None:
    files = {f"sources/us/{n}.json": os.urandom(3000) for n in range(5)}
    whole = tarball(tmp_path / "x.tar.gz", files).read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.tar.gz").write_bytes(b"<html>not found</html>")
    for name in ("cut.tar.gz", "text.tar.gz"):
        with pytest.raises(SourceError, match="fetch it again"):
            read_repository(tmp_path / name)


def test_a_place_without_a_repository_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no source repository"):
        read_repository(tmp_path / "absent")


def test_links_in_a_folder_are_reported_and_not_followed(tmp_path: Path) -> None:
    root = folder(tmp_path / "repo", {"sources/us/a.json": text(source())})
    folder(tmp_path / "elsewhere", {"b.json": text(source())})
    (root / "sources/us/link.json").symlink_to(tmp_path / "elsewhere/b.json")
    (root / "sources/more").symlink_to(tmp_path / "elsewhere")
    found = read_repository(root)
    assert [one.path for one in found.sources] == ["us/a"]
    assert sorted(one.path for one in found.invalid) == ["sources/more", "sources/us/link.json"]


def git(root: Path, *words: str) -> str:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    who += ["-c", "init.defaultRefFormat=files", "-c", "init.defaultObjectFormat=sha1"]
    done = subprocess.run(["git", *who, *words], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(shutil.which("git") is None, reason="no git program to make a checkout with")
def test_the_commit_and_the_blobs_of_a_checkout_are_gits(tmp_path: Path) -> None:
    root = folder(tmp_path / "repo")
    git(root, "init", "-q")
    assert read_repository(root).commit is None
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "x")
    head = git(root, "rev-parse", "HEAD")
    found = read_repository(root)
    assert found.commit == head
    assert read_repository(root / "sources").commit == head
    assert found.by_path["us/ca/a"].blob_sha == git(root, "rev-parse", "HEAD:sources/us/ca/a.json")
    git(root, "pack-refs", "--all")
    assert commit_of(root) == head
    git(root, "checkout", "-q", "--detach")
    assert commit_of(root) == head
    git(root, "worktree", "add", "-q", "-b", "other", str(tmp_path / "tree"))
    assert commit_of(tmp_path / "tree") == head


@pytest.mark.parametrize("head", ["", "nonsense", "ref: ../../etc/passwd", "ref: refs/heads/absent"])
def test_a_broken_checkout_has_no_commit(head: str, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/HEAD").write_text(head)
    assert commit_of(tmp_path) is None


def test_an_unknown_schema_version_is_kept(tmp_path: Path) -> None:
    held: dict[str, Any] = {**source(), "schema": 3}
    found = read_repository(folder(tmp_path, {"sources/us/x.json": json.dumps(held).encode()}))
    assert found.sources[0].schema == 3
