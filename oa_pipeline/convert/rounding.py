"""Coordinates to seven decimals, as Python rounds what a person would read.

A longitude or latitude is taken as the decimal of fifteen significant digits that its double stands for, and that is
rounded by Python's `round`: 40.055722849999995 was 40.05572285 to its publisher and becomes 40.0557229. The rounding of
numpy and polars differs from Python's on some four of a hundred values with eight decimals, because they round the
product with ten million, which is itself rounded.
"""

from __future__ import annotations

import numpy as np

_SCALE = 1e7
_SPLITTER = 134_217_729.0  # 2**27 + 1: cuts a double into two halves whose products with _SCALE are exact
_DEGREES = 1e3
_CLOSE = 1e-4  # of 1e-7: further than fifteen digits can move a value below a thousand
_EXACT = 2.0**28  # below it, value * _SCALE < 2**52: ties can be seen
_COARSE = 2.0**30  # from it on, neighbouring doubles are further apart than 1e-7


def round7(values: np.ndarray) -> np.ndarray:
    """What `round(v, 7)` gives for every double, below a thousand of `float(f"{v:.15g}")`.

    Signs of zero, NaN and infinities stay.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        product = values * _SCALE
        nearest = np.rint(product)
        doubtful = (np.abs(np.abs(product - nearest) - 0.5) < _CLOSE) & (np.abs(values) < _DEGREES)
        if doubtful.any():
            values = values.copy()
            values[doubtful] = fifteen_digits(values[doubtful])
            product = values * _SCALE
            nearest = np.rint(product)
        tied = np.abs(product - nearest) == 0.5
        if tied.any():
            nearest[tied] += _away_from_even(values[tied], product[tied], nearest[tied])
        rounded: np.ndarray = nearest / _SCALE
    large = ~(np.abs(values) < _EXACT)
    if large.any():
        rounded[large] = _large(values[large])
    return rounded


def fifteen_digits(values: np.ndarray) -> np.ndarray:
    """The doubles nearest to the decimals of fifteen significant digits."""
    return np.array([float(f"{v:.15g}") for v in values.tolist()])


def _away_from_even(values: np.ndarray, product: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """-1, 0 or 1: the exact product lies beside the tie that its double shows."""
    head = _SPLITTER * values
    head = head - (head - values)
    error = (head * _SCALE - product) + (values - head) * _SCALE
    rest = product - nearest  # exactly 0.5 or -0.5
    return np.where((rest > 0) & (error > 0), 1.0, np.where((rest < 0) & (error < 0), -1.0, 0.0))


def _large(values: np.ndarray) -> np.ndarray:
    rounded = values.copy()
    between = np.abs(values) < _COARSE
    rounded[between] = [round(v, 7) for v in values[between].tolist()]
    return rounded
