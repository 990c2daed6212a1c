"""What is checked of every result of a source, as Dagster shows it. A check warns; it never takes a result away."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from dagster import AssetCheckResult, AssetCheckSeverity, AssetCheckSpec, AssetKey, PartitionsDefinition, PreviewWarning

from ..counters import Counters
from ..ledger.tables import RunStatus

if TYPE_CHECKING:
    from ..orchestration.carry_out import Carried

JUDGED = frozenset({RunStatus.SUCCEEDED, RunStatus.HELD})
Numbers = Mapping[str, int | float]
Verdict = tuple[bool, str, Numbers]  # whether it passes, why, and what Dagster plots over time
SKIPPED: Verdict = (True, "the source says to skip", {})


def acceptance_tests(carried: Carried) -> Verdict:
    """The tests that the source file itself brings pass."""
    passed = carried.ending.tests_passed
    if passed is None:
        return True, "the source has no tests", {}
    return passed, "all pass" if passed else carried.ending.detail or "one or more fail", {}


def not_empty(carried: Carried) -> Verdict:
    """There are rows."""
    rows = carried.ending.rows or 0
    return rows > 0, f"{rows:,} rows", {"rows": rows}


def publication_gate(carried: Carried) -> Verdict:
    """Not much is lost against the last good run; otherwise this one is held, and the latest stays what it was."""
    before = carried.last["rows"] if carried.last is not None else None
    ending, rows = carried.ending, carried.ending.rows or 0
    if not before:
        return True, "there is no earlier result to compare with", {"rows": rows}
    change = (rows - before) / before
    numbers = {"rows": rows, "rows before": before, "change in percent": round(100 * change, 1)}
    lost = "; ".join(ending.held_because)
    if ending.status is RunStatus.HELD:
        return False, f"held: {lost}. {what_to_do(carried)}", numbers
    if lost:
        return True, f"{lost}; published all the same: {let_through_by(ending.decided_by)}", numbers
    return True, f"{before:,} rows before, {rows:,} now ({change:+.1%})", numbers


def what_to_do(carried: Carried) -> str:
    """What stays published in place of a held run, and how that is changed."""
    number, ending = carried.ticket.number, carried.ending
    stays = f"Run {ending.compared_with} stays the latest."
    rejected = f" It is like {ending.decided_by}, which was rejected." if ending.decided_by else ""
    return f"{stays}{rejected} To publish this one: oa runs accept {number}"


def let_through_by(who: str) -> str:
    """Why a result that lost much was published."""
    return "a person forced the run" if who == "force" else f"it agrees with {who}, which was held for the same"


def number_and_street(carried: Carried) -> Verdict:
    """Addresses have a number or a street somewhere."""
    if carried.data_source.layer != "addresses":
        return True, "not a layer of addresses", {}
    counters = Counters(carried.ending.counters)
    number, street = counters["field/number/filled"], counters["field/street/filled"]
    numbers = {"rows with number": number, "rows with street": street}
    if number or street:
        return True, f"number in {number:,} rows, street in {street:,}", numbers
    return False, "number and street are empty in every row: see whether the conform names columns that exist", numbers


def declared_coverage(carried: Carried) -> Verdict:
    """Rows lie within the coverage that the source declares."""
    outside = Counters(carried.ending.counters)["coverage/rows outside"]
    numbers = {"rows outside": outside}
    if not outside:
        return True, "no row is known to lie outside of the declared coverage", numbers
    said = [one for one in carried.ending.warnings if "outside of the declared coverage" in one]
    cure = "see whether the coverage names the right area, and srs the right projection"
    return False, "; ".join((*(said or [f"rows outside of the declared coverage: {outside:,}"]), cure)), numbers


CHECKS: Mapping[str, Callable[[Carried], Verdict]] = {
    check.__name__: check
    for check in (acceptance_tests, not_empty, publication_gate, number_and_street, declared_coverage)
}


def check_specs(asset: AssetKey, partitions: PartitionsDefinition) -> list[AssetCheckSpec]:
    """The checks of the asset, each with a history for every partition."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PreviewWarning)  # of partitions_def, which Dagster may still change
        return [
            AssetCheckSpec(name, asset=asset, description=check.__doc__, partitions_def=partitions)
            for name, check in CHECKS.items()
        ]


def check_results(carried: Carried) -> Iterator[AssetCheckResult]:
    """What the checks say of a run that came to its end.

    Of one that failed only the acceptance tests are judged, and only where they were what stopped it. One that was
    skipped has nothing to be judged, and passes.
    """
    for name, check in CHECKS.items():
        passed, said, numbers = SKIPPED
        if carried.ending.status is not RunStatus.SKIPPED:
            if carried.ending.status not in JUDGED and not _tests_stopped(carried, name):
                continue
            passed, said, numbers = check(carried)
        yield AssetCheckResult(
            check_name=name, passed=passed, severity=AssetCheckSeverity.WARN, description=said, metadata=dict(numbers)
        )


def _tests_stopped(carried: Carried, name: str) -> bool:
    return name == acceptance_tests.__name__ and carried.ending.tests_passed is False
