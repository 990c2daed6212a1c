"""The fake's objects are git's."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from .objects import Link, Objects, Submodule

git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def run(folder: Path, *arguments: str, given: bytes = b"") -> str:
    identity = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                for what, value in {"NAME": "Somebody", "EMAIL": "somebody@example.com"}.items()}  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "XDG_"))}
    environment |= {**identity, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(folder)}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, input=given
    )
    return done.stdout.decode().strip()


@git
def test_git_gives_the_same_names_to_blobs_and_trees(tmp_path: Path) -> None:
    objects = Objects()
    sha = objects.commit(
        {"a/b.json": "{}\n", "a.json": "1\n", "a-b": "x", "z/é.json": "é", "a/link": Link("../a.json")}
    )
    run(tmp_path, "init", "-q", ".")
    for path, text in {"a/b.json": "{}\n", "a.json": "1\n", "a-b": "x", "z/é.json": "é"}.items():
        place = tmp_path / path
        place.parent.mkdir(exist_ok=True)
        place.write_text(text, "utf-8")
    (tmp_path / "a/link").symlink_to("../a.json")
    run(tmp_path, "add", "-A")

    assert run(tmp_path, "write-tree") == objects.commits[sha].tree


@git
def test_git_reads_the_commits_and_finds_the_same_merge_base(tmp_path: Path) -> None:
    objects = Objects()
    first = objects.commit({"a": "1"})
    ours = objects.commit({"a": "2"}, [first])
    theirs = objects.commit({"b": "1"}, [first])
    merged = objects.commit({"b": "1"}, [ours, theirs])
    after = objects.commit({"c": "1"}, [theirs])
    run(tmp_path, "init", "-q", ".")
    for kind, data in objects.raw.values():
        assert run(tmp_path, "hash-object", "-w", "-t", kind, "--stdin", given=data) in objects.raw

    for one, other in [(ours, theirs), (merged, after), (after, ours), (first, merged)]:
        assert objects.merge_base(one, other) == run(tmp_path, "merge-base", one, other)


def test_changes_tell_what_was_added_modified_removed_and_renamed() -> None:
    objects = Objects()
    before = objects.commit({"kept": "k", "changed": "1", "gone": "g", "old name": "same\ntext\n"})
    after = objects.commit(
        {"changed": "2", "gone": None, "old name": None, "new name": "same\ntext\n", "new": "n"}, [before]
    )

    assert [(c.path, c.status, c.previous) for c in objects.changes(before, after)] == [
        ("changed", "modified", ""),
        ("gone", "removed", ""),
        ("new", "added", ""),
        ("new name", "renamed", "old name"),
    ]


def test_a_tarball_has_one_folder_and_names_its_commit() -> None:
    objects = Objects()
    sha = objects.commit({"sources/a.json": "{}", "link": Link("sources/a.json"), "sub": Submodule("1" * 40)})

    with tarfile.open(fileobj=io.BytesIO(objects.tarball(sha, "owner-name-abc"))) as packed:
        assert packed.pax_headers["comment"] == sha
        assert sorted(packed.getnames()) == ["owner-name-abc/link", "owner-name-abc/sources/a.json"]
