"""Memory does not grow with the number of rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from oa_pipeline_tests.process.runs import CSV, Runs

MIB = 2**20


def made(path: Path, rows: int) -> Path:
    """A csv of that many rows, no two alike."""
    with path.open("w") as file:
        file.write("x,y,n,a\n")
        for first in range(0, rows, 10_000):
            span = range(first, min(rows, first + 10_000))
            file.writelines(f"{i % 360 - 180}.{i},{i % 170 - 85}.{i},{i},{i} Main Street {i % 977}\n" for i in span)
    return path


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_two_million_rows_take_no_more_memory_than_half_a_million(run: Runs, tmp_path: Path) -> None:
    street = {"function": "postfixed_street", "field": "a"}
    peaks = []
    for rows in (500_000, 2_000_000):
        ran = run(made(tmp_path / f"{rows}.csv", rows), {**CSV, "street": street})
        assert ran.problem == ""
        assert ran.result.outcome.rows == rows
        peaks.append(ran.result.outcome.peak_memory)
    small, large = peaks
    print(f"peak memory: {small / MIB:.0f} MiB, {large / MIB:.0f} MiB")
    assert large < 600 * MIB
    assert large < small * 1.2
