"""How a job stands, and in which words a commit's status says so. Pure.

The states, their words and the context are those that contributors and their tools have always read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import Problem
from ..ledger.tables import JobStatus, RunStatus
from ..text import one_line

CONTEXT = "openaddresses/hooked"
LONGEST = 140  # characters of a description
GOOD = frozenset({RunStatus.SUCCEEDED, RunStatus.SKIPPED, RunStatus.HELD})
BAD_FILES = frozenset({"invalid", "refused"})
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Status:
    """A commit's status."""

    state: str  # pending, success, failure or error
    description: str
    target_url: str

    def as_json(self) -> dict[str, str]:
        """As it is owed."""
        return {"state": self.state, "description": self.description, "target_url": self.target_url, "context": CONTEXT}


def standing(job: Row, members: Sequence[Row]) -> JobStatus:
    """How the job stands by its files and its members' runs; one that has ended stays as it is."""
    held = JobStatus(job["status"])
    if held not in {JobStatus.PENDING, JobStatus.FAILING}:
        return held
    waits = any(member["ended_at"] is None for member in members)
    failed = any(file["outcome"] in BAD_FILES for file in job["files"]) or any(map(_failed, members))
    errored = any(map(_errored, members))
    if waits:
        return JobStatus.FAILING if failed else JobStatus.PENDING
    if failed:
        return JobStatus.FAILURE
    if errored:
        return JobStatus.ERROR
    return JobStatus.SUCCESS if members else JobStatus.NOTHING


def _failed(member: Row) -> bool:
    """The source or its publisher is at fault."""
    return bool(member["run_status"] == RunStatus.FAILED and member["run_problem"] != Problem.OUR_FAULT)


def _errored(member: Row) -> bool:
    """We are at fault."""
    return member["ended_at"] is not None and not _failed(member) and member["run_status"] not in GOOD


def status_of(job: Row, members: Sequence[Row], *, public_url: str) -> Status | None:
    """The status that the job's commit should have; None: nothing more is said of it."""
    status = JobStatus(job["status"])
    page = f"{public_url}/jobs/{job['id']}"
    files = _files(job, members)
    bad = sorted(_bad(job, members))
    words: Mapping[JobStatus, tuple[str, str]] = {
        JobStatus.WAITING: ("pending", job["detail"] or "Waits for approval"),
        JobStatus.PENDING: ("pending", f"Checking {', '.join(files)}"),
        JobStatus.FAILING: ("failure", f"Failed on {', '.join(bad)} from {', '.join(files)}"),
        JobStatus.FAILURE: ("failure", f"Failed on {', '.join(bad)} from {', '.join(files)}"),
        JobStatus.SUCCESS: ("success", f"Succeeded on {', '.join(files)}"),
        JobStatus.NOTHING: ("success", f"Nothing to check{': ' if job['detail'] else ''}{job['detail']}"),
        JobStatus.ERROR: ("error", f"Errored on {', '.join(files)}: {job['detail'] or 'our own fault'}"),
    }
    if status not in words:
        return None
    state, description = words[status]
    if status is JobStatus.SUCCESS and job["detail"]:
        description = f"{job['detail']}: {description}"
    return Status(state, cut(description), "" if status is JobStatus.NOTHING else page)


def _files(job: Row, members: Sequence[Row]) -> list[str]:
    checked = {file["path"] for file in job["files"] if file["outcome"] in BAD_FILES | {"changed"}}
    return sorted(checked or {_path(member) for member in members})


def _bad(job: Row, members: Sequence[Row]) -> set[str]:
    invalid = {file["path"] for file in job["files"] if file["outcome"] in BAD_FILES}
    return invalid | {_path(member) for member in members if _failed(member)}


def _path(member: Row) -> str:
    return f"sources/{member['key'].rsplit('/', 2)[0]}.json"


def cut(text: str, longest: int = LONGEST) -> str:
    """On one line, and no longer than that."""
    line = one_line(text)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
