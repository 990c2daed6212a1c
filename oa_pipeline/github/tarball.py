"""The source repository as GitHub packs it: one conditional request to see whether it moved, one for its tarball."""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import SettingsError
from ..settings import Settings
from .api import GitHub
from .records import GitHubError

if TYPE_CHECKING:
    from requests import PreparedRequest

SCHEME = "github:"
LARGEST = 1024**3  # bytes; the repository has about 10 MB
SECONDS = 60
BLOCK = 256 * 1024
KEPT = 3  # states of a repository: a set may still read an older one


@dataclass(frozen=True, slots=True)
class Place:
    """A branch at GitHub; of the default branch the name is empty."""

    repository: str
    branch: str = ""

    @property
    def folder(self) -> str:
        """A name for its files."""
        return re.sub(r"[^\w.-]", "-", f"{self.repository}@{self.branch}" if self.branch else self.repository)


def place_of(sources: str) -> Place | None:
    """The place that `github:owner/name[@branch]` names; None for another kind of OA_SOURCES."""
    if not sources.startswith(SCHEME):
        return None
    found = re.fullmatch(r"([\w.-]+/[\w.-]+?)(?:@([\w./-]+))?", sources.removeprefix(SCHEME), re.ASCII)
    if found is None:
        raise SettingsError(
            f"OA_SOURCES={sources!r} names no repository", cure="github:owner/name or github:owner/name@branch"
        )
    return Place(found[1], found[2] or "")


def newest(settings: Settings, place: Place) -> Path:
    """The tarball of the branch's newest commit, below OA_HOME; downloaded if the branch has moved.

    A file of this name never changes: it is named by its commit. Raises GitHubError where GitHub cannot be asked.
    """
    from dataclasses import replace

    folder = settings.home / "repository" / place.folder
    github = GitHub.from_settings(replace(settings, repository=place.repository), anonymous=True)
    seen = _seen(folder)
    branch = place.branch or seen.get("branch") or github.default_branch()
    known = folder / f"{seen.get('sha')}.tar.gz"
    head = github.head(branch, seen.get("etag", "") if known.is_file() else "")
    if head is None:
        return known
    target = folder / f"{head.sha}.tar.gz"
    if not target.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _download(github.tarball(head.sha), target)
    _remember(folder, {"branch": branch, "sha": head.sha, "etag": head.etag})
    _forget(folder, target)
    return target


def _seen(folder: Path) -> dict[str, str]:
    try:
        found = json.loads((folder / "seen.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _remember(folder: Path, seen: dict[str, str]) -> None:
    partial = folder / f"seen.{os.getpid()}.partial"
    partial.write_text(json.dumps(seen), "utf-8")
    partial.replace(folder / "seen.json")


def _forget(folder: Path, newest: Path) -> None:
    """Removes all but the newest few."""
    tarballs = sorted((p for p in folder.glob("*.tar.gz") if p != newest), key=lambda p: -p.stat().st_mtime)
    for old in tarballs[KEPT - 1 :]:
        old.unlink(missing_ok=True)


def _nobody(request: PreparedRequest) -> PreparedRequest:
    """No credentials: without this, requests would look for some in ~/.netrc."""
    return request


def _download(address: str, target: Path) -> None:
    import requests

    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        with requests.get(address, stream=True, timeout=SECONDS, auth=_nobody) as answer, partial.open("wb") as held:
            if answer.status_code != 200:
                raise GitHubError(f"GitHub answered {answer.status_code} for the tarball", transient=True)
            size = 0
            for block in answer.iter_content(BLOCK):
                size += len(block)
                if size > LARGEST:
                    raise GitHubError(f"the repository's tarball is larger than {LARGEST:,} bytes")
                held.write(block)
            said = answer.headers.get("Content-Length")
            if said and said.isdigit() and int(said) != size:
                raise GitHubError("the tarball ended before it was complete", transient=True)
        partial.replace(target)
    except requests.RequestException as error:
        raise GitHubError(
            f"the tarball could not be downloaded: {type(error).__name__}", transient=True, cure="it is asked again"
        ) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
