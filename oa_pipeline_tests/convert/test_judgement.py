"""A source whose rows cannot be used fails, and says what is likely wrong and what to do."""

from __future__ import annotations

import pytest

from oa_pipeline.convert.judgement import advice, no_features, refuse_mostly_bad
from oa_pipeline.counters import Counters
from oa_pipeline.errors import ConvertError, Problem


@pytest.mark.parametrize(
    ("cause", "likely", "cure"),
    [
        ("bad-coordinates", "do not hold plain numbers", "decimal coordinates"),
        ("out-of-projection", "outside the coordinate system", "check `srs`"),
        ("too-many-cells", "more cells than the header", "csvsplit"),
        ("not-a-feature", "no features", "an error of the server"),
        ("not-json", "not JSON", "of another format"),
        ("something-new", "cannot be read", "look at the file"),
    ],
)
def test_more_than_half_bad_fails_with_the_likely_cause(cause: str, likely: str, cure: str) -> None:
    with pytest.raises(ConvertError, match=likely) as failed:
        refuse_mostly_bad(Counters({"rows/read": 100, f"rows/dropped/{cause}": 51}))

    assert cure in failed.value.cure
    assert "51 of 100" in str(failed.value)


def test_half_bad_passes() -> None:
    refuse_mostly_bad(Counters({"rows/read": 100, "rows/dropped/bad-coordinates": 50}))


def test_features_without_geometry_do_not_fail_a_source() -> None:
    refuse_mostly_bad(Counters({"rows/read": 100, "rows/dropped/no-geometry": 99}))


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "holds no rows"),
        ({"rows/read": 5, "rows/dropped/no-geometry": 5}, "no feature has a geometry"),
        ({"rows/read": 5, "rows/dropped/bad-coordinates": 5}, "every row was dropped"),
    ],
)
def test_no_rows_is_a_problem_of_its_own(counts: dict[str, int], said: str) -> None:
    error = no_features(Counters(counts))

    assert error.problem is Problem.NO_FEATURES
    assert said in error.message


def test_points_off_the_earth_bring_advice_but_no_failure() -> None:
    assert "is `srs` missing" in advice(Counters({"rows/kept/out-of-range": 6}), 10)[0]
    assert advice(Counters({"rows/kept/out-of-range": 5}), 10) == ()


def test_rows_that_are_all_the_same_bring_advice_but_one_row_does_not() -> None:
    assert "all 9 rows are the same" in advice(Counters(), 9, alike=True)[0]
    assert advice(Counters(), 1, alike=True) == ()
    assert advice(Counters(), 9) == ()
