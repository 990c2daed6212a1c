"""Looking at 64 bytes at a time finds what looking at one at a time finds."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest

from oa_pipeline.convert.readers import csv_bits

# Around the borders of words; dense and sparse.
SIZES = (0, 1, 63, 64, 65, 127, 128, 129, 500)
CASES = [(size, share) for size in SIZES for share in (0.02, 0.3, 1.0)]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]} bytes, {case[1]:.0%} set")
def mask(request: pytest.FixtureRequest) -> np.ndarray:
    size, share = request.param
    return np.random.default_rng(size).random(size) < share


def places(words: np.ndarray, size: int) -> list[int]:
    return [i for i in csv_bits.positions(words).tolist() if i < size]


def test_positions_are_where_the_mask_is_true(mask: np.ndarray) -> None:
    assert csv_bits.positions(csv_bits.bits(mask)).tolist() == np.flatnonzero(mask).tolist()


def test_the_first_bits_are_kept_and_no_others(mask: np.ndarray) -> None:
    words = csv_bits.bits(mask)
    for number in range(len(mask) + 1):
        assert csv_bits.positions(csv_bits.first(words, number)).tolist() == np.flatnonzero(mask[:number]).tolist()
        assert csv_bits.count(csv_bits.first(words, number)) == mask[:number].sum()


def test_counts_are_of_the_bits_before_a_place(mask: np.ndarray) -> None:
    every = np.arange(len(mask) + 1)
    expected = [int(mask[:place].sum()) for place in every]
    assert csv_bits.counts_before(csv_bits.bits(mask), every).tolist() == expected


def test_odd_places_have_an_odd_number_up_to_and_including_themselves(mask: np.ndarray) -> None:
    expected = [i for i, total in enumerate(accumulate(mask.tolist())) if total % 2]
    assert places(csv_bits.odd(csv_bits.bits(mask)), len(mask)) == expected


def test_neighbours_are_found_across_the_borders_of_words(mask: np.ndarray) -> None:
    size, words = len(mask), csv_bits.bits(mask)
    here = np.flatnonzero(mask)
    assert places(csv_bits.following(words), size) == [i for i in (here + 1).tolist() if i < size]
    assert places(csv_bits.preceding(words), size) == [i for i in (here - 1).tolist() if i >= 0]
