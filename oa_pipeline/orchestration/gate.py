"""The gate before publication: what a result lost against the one that is published, and what follows from that.

Nothing here reads or writes: facts in, reasons out. Growth is never a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..counters import Counters
from ..ledger.tables import RunStatus

if TYPE_CHECKING:
    from ..ledger.runs import Ending
    from ..settings import Settings

Box = tuple[float, float, float, float]  # west, south, east, north, in degrees; west > east: over the antimeridian

FEWEST = 20  # rows, and rows with a field: of fewer a share says nothing
GONE = 0.9  # the share of a field's values with which the field is lost: a handful that stays is no field
MARGIN = 0.0005  # degrees around every box, some 50 m: points and lines have an extent too
OFF = 1.0  # a limit from which on a rule says nothing
HALF_TURN = 180.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be lost, as shares. A limit of 1 or more switches its rule off."""

    rows: float = 0.10
    field: float = 0.05  # of rows in which a field was filled: its loss then counts
    extent: float = 0.5
    agree_seconds: float = 12 * 3600.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is judged of a result. `filled`: in how many rows each published attribute has text."""

    rows: int
    filled: Mapping[str, int] = field(default_factory=dict)
    bounds: Box | None = None
    digest: str = ""
    code_version: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a result.

    `because` is what it lost against the run `compared_with`, empty where it passes. One that lost too much is `held`,
    unless somebody or something lets it through: `decided_by` says who. Of a held one `decided_by` names the rejected
    run that it agrees with. `agrees_with` are the held runs that are let through together with it.
    """

    because: tuple[str, ...] = ()
    compared_with: int | None = None
    held: bool = False
    decided_by: str = ""
    agrees_with: tuple[int, ...] = ()


def limits_of(settings: Settings) -> Limits:
    """The limits that the settings set."""
    return Limits(settings.gate_rows, settings.gate_field, settings.gate_extent, float(settings.gate_agree_seconds))


def facts_of_row(row: Mapping[str, Any]) -> Facts:
    """The facts of a run as the ledger has it."""
    bounds = tuple(row["bounds"]) if row["bounds"] else None
    return Facts(row["rows"] or 0, filled(row["counters"]), bounds, row["digest"], row["code_version"])


def facts_of_ending(ending: Ending, digest: str, code_version: str) -> Facts:
    """The facts of a run that is about to end."""
    return Facts(ending.rows or 0, filled(ending.counters), ending.bounds, digest, code_version)


def filled(counters: Mapping[str, int]) -> dict[str, int]:
    """In how many rows each published attribute has text, as a run counted it."""
    found = Counters(counters).under("field")
    return {name.removesuffix("/filled"): count for name, count in found.items() if name.endswith("/filled")}


def decide(
    now: Facts,
    at: datetime,
    last: Mapping[str, Any] | None,
    earlier: Sequence[Mapping[str, Any]],
    limits: Limits,
    *,
    forced: bool = False,
) -> Decision:
    """What becomes of a result of `at`, given the latest good run and those held against it, newest first.

    A person who forces a run wants its result: it is published, and what it lost is noted. A result that agrees with a
    rejected one is held like that. One that agrees with the newest run that was held at least `agree_seconds` before
    lets it through: the publisher has then said the same twice, when asked at different times. Otherwise it is held.
    """
    because = judge(now, facts_of_row(last), limits) if last is not None else ()
    if last is None or not because:
        return Decision()
    number: int = last["id"]
    if forced:
        return Decision(because, number, decided_by="force")
    alike = [row for row in earlier if agree(now, facts_of_row(row), limits)]
    rejected = [row for row in alike if row["rejected_at"] is not None]
    if rejected:
        return Decision(because, number, held=True, decided_by=f"run {rejected[0]['id']}")
    before = at - timedelta(seconds=limits.agree_seconds)
    old = [row for row in earlier if row["rejected_at"] is None and row["ended_at"] <= before]
    if old and old[0] in alike:
        agreeing = tuple(row["id"] for row in alike)
        return Decision(because, number, decided_by=f"run {old[0]['id']}", agrees_with=agreeing)
    return Decision(because, number, held=True)


def applied(decision: Decision, ending: Ending) -> Ending:
    """The end of a good run as decided."""
    return replace(
        ending,
        status=RunStatus.HELD if decision.held else ending.status,
        held_because=decision.because,
        compared_with=decision.compared_with,
        decided_by=decision.decided_by,
        agrees_with=decision.agrees_with,
    )


def agree(one: Facts, other: Facts, limits: Limits) -> bool:
    """Whether neither has lost much against the other."""
    return not judge(one, other, limits) and not judge(other, one, limits)


def judge(now: Facts, before: Facts, limits: Limits) -> tuple[str, ...]:
    """Why `now` is not to replace `before` without a look, in sentences; nothing where it may.

    Rows: a larger share than `limits.rows` is missing. Fields: one that was filled in at least `limits.field` of the
    rows, and in at least 20, has lost more than nine tenths of its values. Extent: a larger share than `limits.extent`
    of the area of the bounds before is not within the bounds now.

    A result of fewer than 20 rows before is not judged. Where there is a reason and the source file or the code was
    another one before, a last sentence says so.
    """
    if before.rows < FEWEST:
        return ()
    reasons = (*_rows(now, before, limits.rows), *_fields(now, before, limits), *_extent(now, before, limits.extent))
    return (*reasons, *_notes(now, before)) if reasons else ()


def _rows(now: Facts, before: Facts, limit: float) -> tuple[str, ...]:
    lost = before.rows - now.rows
    if limit >= OFF or lost <= limit * before.rows:
        return ()
    return (f"{before.rows:,} rows before, {now.rows:,} now ({-lost / before.rows:+.1%})",)


def _fields(now: Facts, before: Facts, limits: Limits) -> tuple[str, ...]:
    if limits.field >= OFF:
        return ()
    fewest = max(FEWEST, limits.field * before.rows)
    return tuple(
        f"{name} was filled in {count:,} rows, and is in {now.filled.get(name, 0):,} now"
        for name, count in before.filled.items()
        if count >= fewest and count - now.filled.get(name, 0) > GONE * count
    )


def _extent(now: Facts, before: Facts, limit: float) -> tuple[str, ...]:
    if limit >= OFF or before.bounds is None:
        return ()
    lost = 1.0 - covered(before.bounds, now.bounds) if now.bounds else 1.0
    return (f"{lost:.0%} of the extent is gone",) if lost > limit else ()


def _notes(now: Facts, before: Facts) -> tuple[str, ...]:
    notes = []
    if now.digest != before.digest:
        notes.append("the source file has changed in between")
    if now.code_version != before.code_version:
        notes.append(f"the code has changed in between, from {before.code_version} to {now.code_version}")
    return tuple(notes)


def covered(before: Box, now: Box) -> float:
    """The share of the area of one box that lies in the other, in square degrees.

    A box that reaches more than half around the globe says nothing about longitudes: its data lie on both sides of the
    antimeridian, or a stray row does. It is compared by its latitudes alone.
    """
    spans, widths = _longitudes(before), _longitudes(now)
    width = sum(east - west for west, east in spans)
    across = 1.0
    if width <= HALF_TURN:
        across = sum(_shared(one, other) for one in spans for other in widths) / width
    high = _latitudes(before)
    return min(1.0, across) * _shared(high, _latitudes(now)) / (high[1] - high[0])


def _longitudes(box: Box) -> list[tuple[float, float]]:
    west, _, east, _ = box
    if west <= east:
        return [(west - MARGIN, east + MARGIN)]
    return [(west - MARGIN, HALF_TURN), (-HALF_TURN, east + MARGIN)]


def _latitudes(box: Box) -> tuple[float, float]:
    return box[1] - MARGIN, box[3] + MARGIN


def _shared(one: tuple[float, float], other: tuple[float, float]) -> float:
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
