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

ROW_LOSS = 0.10  # the share of rows that may go from one good run to the next without a word
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


def row_loss(carried: Carried) -> Verdict:
    """No more than a tenth of the rows of the last good run are missing."""
    before = carried.last["rows"] if carried.last is not None else None
    rows = carried.ending.rows or 0
    if not before:
        return True, "there is no earlier result to compare with", {"rows": rows}
    change = (rows - before) / before
    numbers = {"rows": rows, "rows before": before, "change in percent": round(100 * change, 1)}
    return change >= -ROW_LOSS, f"{before:,} rows before, {rows:,} now ({change:+.1%})", numbers


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


CHECKS: Mapping[str, Callable[[Carried], Verdict]] = {
    check.__name__: check for check in (acceptance_tests, not_empty, row_loss, number_and_street)
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
            if carried.ending.status is not RunStatus.SUCCEEDED and not _tests_stopped(carried, name):
                continue
            passed, said, numbers = check(carried)
        yield AssetCheckResult(
            check_name=name, passed=passed, severity=AssetCheckSeverity.WARN, description=said, metadata=dict(numbers)
        )


def _tests_stopped(carried: Carried, name: str) -> bool:
    return name == acceptance_tests.__name__ and carried.ending.tests_passed is False
