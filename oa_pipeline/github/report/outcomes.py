"""How each data source of a job stands, in a mark and a few words."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from ...errors import Problem
from ...ledger.tables import RunStatus
from ..statuses import BAD_FILES
from .facts import Row


class Outcome(Enum):
    """Mark and words."""

    FINE = ("✅", "fine")
    SKIPPED = ("✅", "skipped, as the source says")
    FAILED = ("❌", "failed")
    OURS = ("⚠️", "not checked: our own fault")
    CHECKING = ("⏳", "being checked")

    @property
    def mark(self) -> str:
        """What is seen first."""
        return self.value[0]

    @property
    def words(self) -> str:
        """What it means."""
        return self.value[1]


GOOD = frozenset({Outcome.FINE, Outcome.SKIPPED})
_BY_STATUS = {
    RunStatus.SUCCEEDED: Outcome.FINE,
    RunStatus.HELD: Outcome.FINE,
    RunStatus.SKIPPED: Outcome.SKIPPED,
    RunStatus.FAILED: Outcome.FAILED,
}


def outcome_of(member: Row) -> Outcome:
    """How a data source stands."""
    if member["ended_at"] is None:
        return Outcome.CHECKING
    if member["run_status"] == RunStatus.FAILED and member["run_problem"] == Problem.OUR_FAULT:
        return Outcome.OURS
    return _BY_STATUS.get(member["run_status"], Outcome.OURS)


def count(members: Sequence[Row], *outcomes: Outcome) -> int:
    """How many data sources stand so."""
    return sum(outcome_of(member) in outcomes for member in members)


def bad_files(job: Row) -> list[Row]:
    """The files for which the contributor has to do something."""
    return [file for file in job["files"] if file["outcome"] in BAD_FILES]


def several(number: int, thing: str) -> str:
    """`1 data source`, `2 data sources`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
