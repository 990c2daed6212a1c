"""What the gate before publication would say of a proposal, were it merged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...orchestration.gate import Facts, filled, judge
from .facts import Row
from .outcomes import Outcome, outcome_of

if TYPE_CHECKING:
    from ...orchestration.gate import Limits


def would_be_held(member: Row, before: Row | None, limits: Limits) -> tuple[str, ...]:
    """Why a result like that of this data source would be held after a merge, in sentences.

    Nothing where it would be published, or where that cannot be told: of a sample, or without a published result.
    """
    if before is None or outcome_of(member) is not Outcome.FINE or member["run_sampled"] or member["run_rows"] is None:
        return ()
    had = Facts(before["rows"] or 0, filled(before["counters"]), _box(before))
    now = Facts(member["run_rows"], filled(member["run_counters"] or {}), _box(member, "run_"))
    return judge(now, had, limits)


def _box(row: Row, prefix: str = "") -> tuple[float, float, float, float] | None:
    bounds = row[f"{prefix}bounds"]
    if not bounds:
        return None
    west, south, east, north = bounds
    return west, south, east, north
