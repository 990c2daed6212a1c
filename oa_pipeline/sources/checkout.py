"""The commit of a git checkout, read from its files: no git program needed."""

from __future__ import annotations

import re
from pathlib import Path

_commit = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?\Z").match
_SMALL = 4096


def commit_of(folder: Path) -> str | None:
    """The commit that `folder`, a checkout or its `sources` folder, stands at; None where it is neither."""
    for place in (folder, folder.resolve().parent) if folder.resolve().name == "sources" else (folder,):
        found = place / ".git"
        if found.exists():
            return _head(_git_folder(found))
    return None


def _git_folder(found: Path) -> Path:
    """`.git` itself, or where it points in a worktree or submodule."""
    if found.is_dir():
        return found
    target = _first_line(found).removeprefix("gitdir:").strip()
    return (found.parent / target).resolve()


def _head(git: Path) -> str | None:
    line = _first_line(git / "HEAD")
    if not line.startswith("ref:"):
        return line if _commit(line) else None
    ref = line.removeprefix("ref:").strip()
    if ".." in ref or not ref.startswith("refs/"):
        return None
    common = _first_line(git / "commondir")
    for place in (git, (git / common).resolve()) if common else (git,):
        loose = _first_line(place / ref)
        if _commit(loose):
            return loose
        packed = _packed(place / "packed-refs", ref)
        if packed:
            return packed
    return None


def _packed(file: Path, ref: str) -> str | None:
    if not file.is_file():
        return None
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            commit, _, name = line.rstrip("\n").partition(" ")
            if name == ref and _commit(commit):
                return commit
    return None


def _first_line(file: Path) -> str:
    if not file.is_file():
        return ""
    with file.open(encoding="utf-8", errors="replace") as text:
        return text.read(_SMALL).split("\n", 1)[0].strip()
