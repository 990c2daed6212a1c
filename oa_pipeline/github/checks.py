"""Check runs, which a GitHub App may use in place of commit statuses: they have remarks at the lines of files. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..ledger.tables import JobStatus
from ..text import one_line
from .changes import LONGEST_PATH
from .records import Annotation
from .statuses import Row, status_of

LONGEST_MESSAGE, LONGEST_TITLE = 2_000, 200
LEVELS = {"error": "failure", "warning": "warning"}
QUEUED = {"status": "queued"}
_STANDS: Mapping[JobStatus, Mapping[str, str]] = {
    JobStatus.WAITING: {"status": "completed", "conclusion": "action_required"},
    JobStatus.PENDING: {"status": "in_progress"},
    JobStatus.FAILING: {"status": "completed", "conclusion": "failure"},  # told as soon as one fails
    JobStatus.FAILURE: {"status": "completed", "conclusion": "failure"},
    JobStatus.ERROR: {"status": "completed", "conclusion": "failure"},
    JobStatus.SUCCESS: {"status": "completed", "conclusion": "success"},
    JobStatus.NOTHING: {"status": "completed", "conclusion": "neutral"},
}


def check_of(job: Row, members: Sequence[Row], *, public_url: str) -> dict[str, Any] | None:
    """How the check run of the job's commit should stand, as it is owed; None: nothing more is said of it."""
    told = status_of(job, members, public_url=public_url)
    if told is None:
        return None
    status = JobStatus(job["status"])
    stands = dict(_STANDS[status])
    if status is JobStatus.SUCCESS and job["detail"]:
        stands["conclusion"] = "neutral"  # what was checked is fine, and not all was
    ended = sorted(member["key"] for member in members if member["ended_at"] is not None)
    return {**stands, "title": told.description, "details_url": f"{public_url}/jobs/{job['id']}", "ended": ended}


def facts_of(owed: Mapping[str, Any], summary: str) -> dict[str, Any]:
    """What GitHub is sent of what is owed."""
    sent = {name: owed[name] for name in ("status", "conclusion", "details_url") if name in owed}
    return {**sent, "output": {"title": owed["title"], "summary": summary}}


def external_id(job: Row) -> str:
    """Our name for the job's check run. An ended one does not begin again, so a job that is approved gets another."""
    return str(job["id"]) if job["trusted"] else f"{job['id']}/approval"


def annotations_of(job: Row) -> list[Annotation]:
    """The findings of all files, always in the same order."""
    return [
        Annotation(
            path=file["path"],
            line=max(1, int(found["line"])),
            level=LEVELS.get(found["severity"], "notice"),
            message=_cut(" ".join(filter(None, [found["message"], _cure(found["cure"])])), LONGEST_MESSAGE),
            title=_cut(found["where"], LONGEST_TITLE),
        )
        for file in job["files"]
        if len(file["path"]) <= LONGEST_PATH  # else it is not the whole path
        for found in file["findings"]
    ]


def _cure(text: str) -> str:
    return f"({text})" if text else ""


def _cut(text: str, most: int) -> str:
    line = one_line(text)
    return line if len(line) <= most else f"{line[: most - 1]}…"
