from __future__ import annotations

from hashlib import sha256

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oa_pipeline.convert.outputs import ContentHash


def digest(*blocks: list[str]) -> str:
    content = ContentHash()
    for hashes in blocks:
        content.add(pl.Series(hashes, dtype=pl.String))
    return content.hexdigest()


hashes = st.lists(st.integers(0, 2**64 - 1).map(lambda v: f"{v:016x}"), max_size=30)


@settings(derandomize=True, max_examples=100)
@given(hashes, st.randoms(use_true_random=False), st.integers(0, 30))
def test_neither_the_order_nor_the_blocks_of_rows_matter(rows: list[str], random: object, cut: int) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert digest(rows) == digest(shuffled[:cut], shuffled[cut:])


@settings(derandomize=True, max_examples=100)
@given(hashes, st.integers(0, 2**64 - 1).map(lambda v: f"{v:016x}"))
def test_another_row_more_shows(rows: list[str], other: str) -> None:
    assert digest(rows) != digest([*rows, other])
    assert digest([*rows, other]) != digest([*rows, other, other])


def test_two_changes_that_cancel_in_the_sum_show() -> None:
    assert digest(["0000000000000001", "0000000000000004"]) != digest(["0000000000000002", "0000000000000003"])


def plain(rows: list[str]) -> str:
    """The definition, with Python's own integers."""
    mixed = 0
    for row in rows:
        value = int(row, 16)
        value ^= value >> 31
        value = value * value * 0x9E3779B97F4A7C15 % 2**64
        mixed += value ^ (value >> 29)
    total = sum(int(row, 16) for row in rows)
    return sha256(f"{len(rows)} {total % 2**64:016x} {mixed % 2**64:016x}".encode()).hexdigest()


@settings(derandomize=True, max_examples=100)
@given(hashes)
def test_the_digest_is_as_defined(rows: list[str]) -> None:
    assert digest(rows) == plain(rows)


@pytest.mark.parametrize(
    ("blocks", "alike"),
    [([["0a", "0a"], ["0a"]], True), ([["0a", "0a"], ["0b"]], False), ([["0a", "0b"], ["0b"]], False), ([[]], True)],
)
def test_it_knows_whether_all_rows_are_the_same(blocks: list[list[str]], alike: bool) -> None:
    held = ContentHash()
    for block in blocks:
        held.add(pl.Series([two * 8 for two in block], dtype=pl.String))
    assert held.alike is alike
