"""A commit at GitHub, read entry by entry: nothing is checked out, and no link is followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..sources.keys import case_twins
from ..sources.positions import SIZE_CAP
from .records import FOLDER, Entry

if TYPE_CHECKING:
    from .api import GitHub


class Commit:
    """The files of one commit. Each folder is asked for once."""

    def __init__(self, github: GitHub, sha: str) -> None:
        """`sha` is the commit's."""
        self.sha = sha
        self._github = github
        self._trees: dict[str, dict[str, Entry]] = {}
        self._twins_of: dict[str, dict[str, str]] = {}

    def entry(self, path: str) -> Entry | None:
        """What lies at the path; None where nothing does."""
        folder, _, name = path.rpartition("/")
        inside = self._folder(folder)
        return inside.get(name) if inside is not None else None

    def twin(self, path: str) -> str | None:
        """Another path that some file systems hold to be the same as this one."""
        parts = path.split("/")
        for depth in range(len(parts)):
            other = self._twins("/".join(parts[:depth])).get(parts[depth])
            if other is not None:
                return "/".join([*parts[:depth], other, *parts[depth + 1 :]])
        return None

    def _twins(self, folder: str) -> dict[str, str]:
        if folder not in self._twins_of:
            groups = case_twins(self._folder(folder) or {})
            self._twins_of[folder] = {name: next(n for n in group if n != name) for group in groups for name in group}
        return self._twins_of[folder]

    def text(self, entry: Entry) -> bytes:
        """A file's content. Raises GitHubError for one that is too large for a source."""
        return self._github.blob(entry.sha, SIZE_CAP)

    def _folder(self, path: str) -> dict[str, Entry] | None:
        if path not in self._trees:
            if not path:
                self._trees[path] = self._github.tree(self.sha)
            else:
                at = self.entry(path)
                if at is None or at.mode != FOLDER:
                    return None
                self._trees[path] = self._github.tree(at.sha)
        return self._trees[path]
