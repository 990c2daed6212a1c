"""Counters only grow, and their names have a grammar."""

from __future__ import annotations

from oa_pipeline.counters import Counters


def test_an_absent_name_reads_as_zero_and_is_not_recorded() -> None:
    counters = Counters()
    counters.add("rows/read", 0)

    assert counters["rows/read"] == 0
    assert list(counters) == []


def test_counts_below_a_prefix_are_found_by_the_rest_of_their_names() -> None:
    counters = Counters({"rows/dropped/bad-geometry": 2, "rows/dropped/no-geometry": 1, "rows/read": 9})

    assert counters.under("rows/dropped") == {"bad-geometry": 2, "no-geometry": 1}


def test_merging_adds() -> None:
    counters = Counters({"rows/read": 1})
    counters.merge({"rows/read": 2, "rows/written": 3})

    assert dict(counters) == {"rows/read": 3, "rows/written": 3}
