"""How long a run may take, all its tries together."""

from __future__ import annotations

from dataclasses import dataclass

from ..settings import Settings

MARGIN = 300  # seconds from a run's own deadline to run monitoring's, which is for those that miss it


@dataclass(frozen=True, slots=True)
class Deadline:
    """`seconds` from the run's start; `setting` is what says so."""

    seconds: float
    setting: str


def deadline_of(settings: Settings, *, pull_request: bool) -> Deadline:
    """The deadline of a run of the default branch, or of a pull request's."""
    if pull_request:
        return Deadline(settings.pull_request_deadline_seconds, "OA_PULL_REQUEST_DEADLINE_SECONDS")
    return Deadline(settings.deadline_seconds, "OA_DEADLINE_SECONDS")
