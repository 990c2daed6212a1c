"""How far a set is, in words and numbers: for Dagster's UI, the terminal, and the set's own record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ..ledger import sets
from ..ledger.reading import Row
from ..ledger.sets import Tally
from ..ledger.tables import Outcome, SetStatus, Step

if TYPE_CHECKING:
    from sqlalchemy import Engine

NAMED = 50  # members that had not ended, or hosts in trouble, that are told by name
MANY = 0.40  # the share of failures beyond which one asks whether it is the publisher or us
FEW = 5  # members of a host that say nothing about it yet
AWAY = "publisher or us?"


@dataclass(frozen=True, slots=True)
class Progress:
    """One moment of a set. `seconds_left`: None where it has ended or nobody works on it."""

    row: Row
    tally: Tally
    seconds_left: float | None
    trouble: tuple[str, ...]

    def __str__(self) -> str:
        """One line."""
        tally = self.tally
        done = f"set {self.row['id']} {self.row['status']}: {tally.ended:,} of {tally.members:,} ended"
        parts = [done, ", ".join(f"{count:,} {name}" for name, count in tally.outcomes.items())]
        if self.row["ended_at"] is None:
            parts += [
                ", ".join(f"{tally.steps[step]:,} {said}" for step, said in STEPS.items() if tally.steps.get(step))
            ]
        if self.seconds_left is not None:
            parts.append(f"{duration(self.seconds_left)} left")
        return "; ".join(part for part in parts if part)


# What the steps before the end are called.
STEPS: Mapping[str, str] = {
    Step.WAITING: "to be asked about",
    Step.PROBING: "being asked about",
    Step.CHANGED: "due",
    Step.QUEUED: "queued or at work",
}


def progress(engine: Engine, row: Row, *, slots: int) -> Progress:
    """How far the set is, and how long it may take with so many slots."""
    tally = sets.tally(engine, row["id"])
    left = time_left(tally, slots) if row["status"] == SetStatus.OPEN else None
    return Progress(row, tally, left, tuple(trouble(tally, sets.hosts(engine, row["id"]))))


def time_left(tally: Tally, slots: int) -> float | None:
    """Seconds, if what is left takes as long as it did before, and as much of it has changed as of what was asked."""
    if not slots:
        return None
    expected, steps = tally.expected, tally.steps
    unchanged = tally.outcomes.get(Outcome.UNCHANGED, 0)
    asked = tally.ended + steps.get(Step.CHANGED, 0) + steps.get(Step.QUEUED, 0)
    changing = 1 - unchanged / asked if asked else 1.0
    certain = expected.get(Step.CHANGED, 0.0) + expected.get(Step.QUEUED, 0.0)
    likely = changing * (expected.get(Step.WAITING, 0.0) + expected.get(Step.PROBING, 0.0))
    return (certain + likely) / slots


def trouble(tally: Tally, hosts: Sequence[Row]) -> list[str]:
    """A line for each host that fails far too often, and one for the set if it does as a whole."""
    said = []
    failed = tally.outcomes.get(Outcome.FAILED, 0)
    if tally.ended >= FEW and failed >= MANY * tally.ended:
        worst = ", ".join(f"{count:,} {problem!r}" for problem, count in list(tally.problems.items())[:3])
        said.append(f"{failed:,} of {tally.ended:,} failed ({worst}), at {len(hosts):,} hosts: {AWAY}")
    for host in hosts:
        if host["host"] and host["ended"] >= FEW and host["failed"] >= MANY * host["ended"]:
            why = f" ({host['problem']})" if host["problem"] else ""
            said.append(f"{host['host']}: {host['failed']:,} of {host['ended']:,} failed{why}: {AWAY}")
    return said[:NAMED]


def conclusion(engine: Engine, number: int, tally: Tally, status: SetStatus, why: str) -> str:
    """What the record of a set that ends says: why it is not complete, who had not ended, which hosts fail."""
    lines = [why] if why else []
    if left := tally.members - tally.ended:
        said = "when it was cancelled" if status is SetStatus.CANCELLED else "by the deadline"
        names = sets.not_ended(engine, number, NAMED)
        more = f" and {left - len(names):,} more" if left > len(names) else ""
        lines.append(f"{left:,} of {tally.members:,} had not ended {said}: {', '.join(names)}{more}")
    return "\n".join([*lines, *trouble(tally, sets.hosts(engine, number))])


def metadata(seen: Progress) -> dict[str, Any]:
    """What Dagster's UI shows of a set; numbers are plotted over time."""
    from dagster import MetadataValue

    from ..assets.metadata import table

    tally, row = seen.tally, seen.row
    found: dict[str, Any] = {
        "set": row["id"],
        "status": str(row["status"]),
        "members": tally.members,
        "ended": tally.ended,
        "ended, percent": round(100 * tally.ended / tally.members, 2) if tally.members else 100.0,
        "waiting": tally.members - tally.ended - tally.steps.get(Step.QUEUED, 0),
        "queued or at work": tally.steps.get(Step.QUEUED, 0),
        **{str(outcome): tally.outcomes.get(outcome, 0) for outcome in Outcome},
        "by step": table(("step", "members"), tally.steps.items()),
        "failed by cause": table(("problem", "members"), tally.problems.items()),
        "commit": row["commit_sha"],
        "repository": row["repository"],
        "deadline": MetadataValue.timestamp(row["deadline_at"]),
        "detail": row["detail"],
    }
    if seen.seconds_left is not None:
        found["minutes left, estimated"] = round(seen.seconds_left / 60, 1)
    if len(row["code_versions"]) > 1:
        found["code versions"] = f"{', '.join(row['code_versions'])}: the code was upgraded during the set"
    if seen.trouble:
        found["trouble"] = MetadataValue.md("\n".join(f"- {line}" for line in seen.trouble))
    return {name: value for name, value in found.items() if value not in (None, "")}


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    whole = timedelta(seconds=round(seconds))
    hours, rest = divmod(whole.days * 86400 + whole.seconds, 3600)
    return f"{hours} h {rest // 60:02} min" if hours else f"{rest // 60} min {rest % 60:02} s"
