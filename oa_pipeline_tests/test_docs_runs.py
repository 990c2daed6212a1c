"""docs/runs.md names tests that exist, for every row of its machine."""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
DOCUMENT = TOP / "docs/runs.md"


def test_every_transition_is_shown_by_a_test_that_exists() -> None:
    there = {
        name
        for path in (TOP / "oa_pipeline_tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    rows = [
        line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith("| ") and "shown by" not in line
    ]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert set(named) <= there, row
