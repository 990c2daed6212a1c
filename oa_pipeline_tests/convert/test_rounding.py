from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oa_pipeline.convert.rounding import round7


def as_read(value: float) -> float:
    return round(float(f"{value:.15g}") if abs(value) < 1000 else value, 7)


def same(rounded: np.ndarray, values: np.ndarray) -> bool:
    """Bit for bit, so that -0.0 is not 0.0."""
    expected = np.array([as_read(v) for v in values.tolist()], dtype=float)
    return rounded.tobytes() == expected.tobytes()


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=40))
def test_any_double_is_rounded_as_python_does(values: list[float]) -> None:
    array = np.array(values)
    assert same(round7(array), array)


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.integers(-180 * 10**8, 180 * 10**8), min_size=1, max_size=40))
def test_eight_decimals_are_rounded_as_python_does(values: list[int]) -> None:
    array = np.array(values) / 1e8
    assert same(round7(array), array)


RANDOM = np.random.default_rng(20260801)
TABLES = {
    "decimals that end in five": (RANDOM.integers(-(10**9), 10**9, 20_000) + 0.5) / 1e7,
    "exact binary ties": RANDOM.integers(-(2**30), 2**30, 20_000) / 2.0**8,
    "full precision": RANDOM.uniform(-180, 180, 20_000),
    "projected metres": RANDOM.uniform(-1e8, 1e8, 20_000),
    "where doubles get coarser than the grid": RANDOM.uniform(2.0**27, 2.0**31, 20_000),
    "huge and tiny": np.array([1e300, -1e300, 5e-324, 2.0**28, -(2.0**30), 0.0, -0.0, -1e-9, math.inf, -math.inf]),
}


@pytest.mark.parametrize("name", TABLES)
def test_hard_values_are_rounded_as_python_does(name: str) -> None:
    assert same(round7(TABLES[name]), TABLES[name])


def test_numpy_alone_would_not_do() -> None:
    values = TABLES["decimals that end in five"]
    assert not same(np.round(values, 7), values)


def test_missing_stays_missing() -> None:
    assert np.isnan(round7(np.array([np.nan, 1.0]))).tolist() == [True, False]


def test_input_is_left_alone() -> None:
    values = np.array([1.23456789, 1e12])
    round7(values)
    assert values.tolist() == [1.23456789, 1e12]


def test_a_longer_double_is_rounded_as_the_decimal_it_stands_for() -> None:
    assert round7(np.array([40.055722849999995])).tolist() == [40.0557229]
