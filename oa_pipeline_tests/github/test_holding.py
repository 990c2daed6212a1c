"""Whether a proposal would be held after a merge: as the gate says, and only where it can be told."""

from __future__ import annotations

from typing import Any

import pytest

from oa_pipeline.github.report.holding import would_be_held
from oa_pipeline.orchestration.gate import Limits

from .reports import before, fine

BOX = [7.0, 47.0, 8.0, 48.0]


def proposed(**more: Any) -> dict[str, Any]:
    return {**fine(), "run_bounds": BOX, "run_rows": 1200, **more}


@pytest.mark.parametrize(
    ("more", "reasons"),
    [
        pytest.param({}, (), id="as before"),
        pytest.param({"run_rows": 12}, ("1,200 rows before, 12 now (-99.0%)",), id="rows"),
        pytest.param({"run_bounds": [7.0, 47.0, 7.2, 48.0]}, ("80% of the extent is gone",), id="extent"),
        pytest.param(
            {"run_counters": {"field/number/filled": 1200}},
            ("street was filled in 1,200 rows, and is in 0 now",),
            id="field",
        ),
        pytest.param({"run_rows": 12, "run_sampled": True}, (), id="a sample"),
        pytest.param({"run_rows": 12, "run_status": "failed", "run_problem": "x"}, (), id="failed"),
        pytest.param({"run_rows": None, "run_status": None, "ended_at": None}, (), id="not ended"),
    ],
)
def test_a_proposal_is_judged_as_after_a_merge(more: dict[str, Any], reasons: tuple[str, ...]) -> None:
    assert would_be_held(proposed(**more), before(bounds=BOX), Limits()) == reasons


def test_nothing_is_held_without_a_published_result_or_limits() -> None:
    assert would_be_held(proposed(run_rows=12), None, Limits()) == ()
    assert would_be_held(proposed(run_rows=12), before(bounds=BOX), Limits(rows=1, field=1, extent=1)) == ()
