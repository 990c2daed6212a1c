"""Which data sources really changed: files listed by GitHub, read at both ends, and compared by what they mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..errors import SourceError
from ..sources.keys import path_fault, source_of
from ..sources.lint import Finding, lint
from ..sources.model import DataSource
from ..sources.parse import parse_source
from ..text import one_line
from .commits import Commit
from .records import LINK, SUBMODULE, Changed, GitHubError

FOLDER, SUFFIX = "sources/", ".json"
MOST_FILES = 300  # that are read for one job; each is about three requests
LONGEST_PATH = 200  # characters of a path as it is shown


class Outcome(StrEnum):
    """What became of a changed file."""

    CHANGED = "changed"  # it has data sources that are to be checked
    UNCHANGED = "unchanged"  # it means what it meant before
    INVALID = "invalid"  # it is no source; `findings` says where and why
    REMOVED = "removed"
    REFUSED = "refused"  # it is not read at all; `detail` says why
    IGNORED = "ignored"  # it is no source file


@dataclass(frozen=True, slots=True)
class File:
    """A changed file and what became of it."""

    path: str
    outcome: Outcome
    detail: str = ""
    findings: tuple[Finding, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        kept = ("line", "column", "where", "severity", "message", "cure")
        return {
            "path": self.path,
            "outcome": str(self.outcome),
            "detail": self.detail,
            "findings": [{name: getattr(each, name) for name in kept} for each in self.findings],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What a job has to do. `too_many`: how many files there were beyond those that are read; None where all were."""

    files: tuple[File, ...] = ()
    data_sources: tuple[DataSource, ...] = ()
    blob_shas: dict[str, str] = field(default_factory=dict)  # by source
    too_many: str = ""

    @property
    def invalid(self) -> tuple[File, ...]:
        """The files for which the contributor has to do something."""
        return tuple(file for file in self.files if file.outcome in {Outcome.INVALID, Outcome.REFUSED})


def plan_of(
    changed: Iterable[Changed], head: Commit, base: Commit | None, *, too_many: str = "", allow_local: bool = False
) -> Plan:
    """Reads the changed files at `head` and at `base`, the merge base, and finds the data sources that differ.

    `allow_local`: addresses on this machine are no fault; for development only.

    Raises GitHubError where GitHub cannot be asked; whatever is wrong with a file is told of that file.
    """
    files: list[File] = []
    found: dict[str, DataSource] = {}
    blobs: dict[str, str] = {}
    read = 0
    for change in changed:
        file = _without_reading(change)
        if file is None:
            read += 1
            if read > MOST_FILES:
                too_many = too_many or f"more than {MOST_FILES} source files; the first {MOST_FILES} are checked"
                break
            file, data_sources, blob = _read(change, head, base, allow_local)
            blobs.update({one.source: blob for one in data_sources})
            found.update({one.key: one for one in data_sources})
        files.append(file)
    return Plan(tuple(files), tuple(found.values()), blobs, too_many)


def _without_reading(change: Changed) -> File | None:
    """What the list of changes alone decides."""
    path = shown(change.path)
    if not change.path.startswith(FOLDER):
        return File(path, Outcome.IGNORED, "outside sources/")
    if not change.path.endswith(SUFFIX):
        return File(path, Outcome.IGNORED, "no .json file")
    if change.status == "removed":
        return File(path, Outcome.REMOVED)
    fault = path_fault(source_of(change.path))
    if fault:
        return File(path, Outcome.REFUSED, f"its path {fault}; rename the file")
    return None


def shown(path: str) -> str:
    """A path on one line and not too long; it is a contributor's."""
    line = one_line(path)
    return line if len(line) <= LONGEST_PATH else f"{line[:LONGEST_PATH]}…"


def _read(change: Changed, head: Commit, base: Commit | None, allow_local: bool) -> tuple[File, list[DataSource], str]:
    path = shown(change.path)
    entry = head.entry(change.path)
    if entry is None:
        return File(path, Outcome.REMOVED, "it is not there any more"), [], ""
    refusal = {LINK: "it is a symbolic link; put the file itself there", SUBMODULE: "it is a submodule"}.get(entry.mode)
    twin = head.twin(change.path)
    if twin:
        refusal = f"it differs from {shown(twin)} only in case; many file systems hold one of them; rename one"
    if refusal:
        return File(path, Outcome.REFUSED, refusal), [], ""
    try:
        text = head.text(entry)
    except GitHubError as error:
        if error.status is not None or error.transient:
            raise
        return File(path, Outcome.REFUSED, str(error)), [], ""
    findings = lint(text, change.path, allow_local=allow_local)
    if any(each.severity == "error" for each in findings):
        return File(path, Outcome.INVALID, findings=findings), [], ""
    now = parse_source(text, change.path)
    before = _digests(change.previous or change.path, base)
    renamed = bool(change.previous) and change.previous != change.path
    differ = [one for one in now.data_sources if renamed or before.get((str(one.layer), one.name)) != one.digest]
    note = f"renamed from {shown(change.previous)}" if renamed else ""
    outcome = Outcome.CHANGED if differ else Outcome.UNCHANGED
    return File(path, outcome, note, findings), differ, now.blob_sha


def _digests(path: str, base: Commit | None) -> dict[tuple[str, str], str]:
    """What each data source meant before; nothing where there was no such source."""
    entry = base.entry(path) if base is not None else None
    if base is None or entry is None or entry.mode in {LINK, SUBMODULE}:
        return {}
    try:
        source = parse_source(base.text(entry), path)
    except SourceError:
        return {}
    return {(str(one.layer), one.name): one.digest for one in source.data_sources}
