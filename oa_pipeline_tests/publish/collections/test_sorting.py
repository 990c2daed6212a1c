from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from oa_pipeline.publish.collections import sorting
from oa_pipeline.publish.collections.sorting import PLACE, Sorter

PLACES = {
    "spread": lambda random, n: random.integers(0, 2**32, n),
    "few places": lambda random, n: random.integers(0, 3, n) * (2**31 - 1),
    "one place": lambda _, n: np.full(n, 12345),
    "one square": lambda random, n: 7 * 2**16 + random.integers(0, 2**16, n),
    "the ends": lambda random, n: random.choice([0, 2**32 - 1], n),
    "a town and a country": lambda random, n: np.where(
        random.random(n) < 0.8, 2**30 + random.integers(0, 9, n), random.integers(0, 2**32, n)
    ),
}


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("at_once", [1_000, 20_000, 10_000_000])
def test_rows_come_back_in_order_and_equal_ones_as_they_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, at_once: int
) -> None:
    monkeypatch.setattr(sorting, "WAITING", 3_000)
    random = np.random.default_rng(11)
    sorter = Sorter(tmp_path, at_once=at_once)
    places = [PLACES[where](random, n).astype(np.uint32) for n in (500, 0, 1, 900, 1100)]
    start = 0
    for place in places:
        numbers = np.arange(start, start + len(place))
        sorter.add(pa.table({"number": numbers, "text": [f"row {n}" for n in numbers], PLACE: place}))
        start += len(place)
    assert sorter.rows == start
    got = pa.concat_tables(sorter.tables())
    expected = np.argsort(np.concatenate(places), kind="stable")
    assert got.column("number").to_pylist() == expected.tolist()
    assert got.column("text").to_pylist() == [f"row {n}" for n in expected]
    assert list(tmp_path.iterdir()) == []


def test_no_table_is_larger_than_what_is_sorted_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "WAITING", 20_000)
    random = np.random.default_rng(5)
    sorter = Sorter(tmp_path, at_once=50_000)
    for _ in range(100):
        sorter.add(pa.table({"x": np.zeros(1000), PLACE: random.integers(0, 2**32, 1000).astype(np.uint32)}))
    sizes = [table.nbytes for table in sorter.tables()]
    assert max(sizes) <= 50_000
    assert len(sizes) < 60


def test_nothing_is_nothing_and_what_was_begun_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(Sorter(tmp_path).tables()) == []
    monkeypatch.setattr(sorting, "WAITING", 100)
    sorter = Sorter(tmp_path, at_once=500)
    sorter.add(pa.table({PLACE: np.arange(1000, dtype=np.uint32) << np.uint32(20)}))
    given = sorter.tables()
    next(given)
    assert list(tmp_path.iterdir())
    sorter.close()
    assert not list(tmp_path.iterdir())


def test_rows_that_seemed_to_be_too_many_are_sorted_at_once(tmp_path: Path) -> None:
    """Slices seem larger in memory than they are once written and read: such a file must not be split for ever."""
    random = np.random.default_rng(7)
    texts = ["x" * n for n in random.integers(0, 60, 2000)]
    table = pa.table({"text": texts, "same": texts, PLACE: random.integers(0, 2**32, 2000).astype(np.uint32)})
    for at_once in range(2_000, 9_000, 1_000):
        sorter = Sorter(tmp_path, at_once=at_once)
        sorter.add(table)
        got = pa.concat_tables(sorter.tables())
        assert len(got) == 2000
        assert (np.diff(got.column(PLACE).to_numpy().astype(np.int64)) >= 0).all()
