"""What GitHub's API answers, as far as we need it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..errors import OAError

FOLDER, LINK, SUBMODULE = "040000", "120000", "160000"  # modes of entries; the others are files


class GitHubError(OAError):
    """GitHub did not do what it was asked. `transient`: it may later, `retry_after` seconds from now where it said."""

    def __init__(
        self,
        message: str,
        *,
        cure: str = "",
        status: int | None = None,
        transient: bool = False,
        retry_after: float | None = None,
    ) -> None:
        """`status` is that of the answer; None where there was no answer."""
        super().__init__(message, cure=cure)
        self.status = status
        self.transient = transient
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:  # type: ignore[override]
        """Whether the same request may succeed later."""
        return self.transient


@dataclass(frozen=True, slots=True)
class Head:
    """A branch's newest commit; `etag` to ask again at no cost."""

    sha: str
    etag: str


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request."""

    number: int
    state: str  # open or closed
    draft: bool
    merged: bool
    merge_commit_sha: str
    author: str
    association: str  # OWNER, MEMBER, COLLABORATOR, CONTRIBUTOR, FIRST_TIME_CONTRIBUTOR, FIRST_TIMER, NONE
    head_sha: str
    head_repository: str  # owner/name; empty: the fork was deleted
    base_sha: str
    base_ref: str
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Changed:
    """A file that differs. `blob_sha` is that of the new content, of a removed file that of the old."""

    path: str
    status: str  # added, modified, removed, renamed, copied, changed
    blob_sha: str
    previous: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What lies between two commits. `files`: the first 300 of them; `truncated`: there may be more."""

    merge_base: str
    ahead: int
    files: tuple[Changed, ...]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """What lies at a name of a folder: a file, a link, a submodule or another folder."""

    mode: str
    sha: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a pull request."""

    number: int
    author: str
    body: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """A remark at a line of a file."""

    path: str
    line: int
    level: str  # notice, warning or failure
    message: str
    title: str = ""
