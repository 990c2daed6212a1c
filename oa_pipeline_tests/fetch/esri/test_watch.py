"""New or seen before, in little memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from oa_pipeline.fetch.esri.watch import IdSet, Watch


def never() -> Iterator[int]:
    raise AssertionError("the cache was read")
    yield 0


@given(st.lists(st.integers(-5000, 5000) | st.integers(0, 2**64)))
def test_an_id_set_is_a_set(numbers: list[int]) -> None:
    held, seen = IdSet(), set()
    for number in numbers:
        assert held.add(number) == (number not in seen)
        seen.add(number)


def test_a_million_dense_ids_take_less_than_a_mebibyte() -> None:
    held = IdSet()
    for number in range(1_000_000):
        held.add(number)
    assert sum(map(sys.getsizeof, held._blocks.values())) + sys.getsizeof(held._blocks) < 1 << 20


def test_pages_in_order_need_neither_set_nor_cache() -> None:
    watch = Watch(never)
    assert all(watch.any_new(range(n, n + 10)) for n in range(0, 1000, 10))
    assert watch.highest == 999


def test_a_page_that_came_before_has_nothing_new() -> None:
    pages = [[5, 6], [1, 2]]
    watch = Watch(lambda: iter([5, 6]))
    assert [watch.any_new(p) for p in (*pages, [6, 2], [2, 3])] == [True, True, False, True]


def test_the_highest_id_never_sinks() -> None:
    watch = Watch(lambda: iter([50]))
    for numbers in ([50], [3], [7]):
        watch.any_new(numbers)
    assert watch.highest == 50


def test_a_watch_that_goes_on_knows_what_the_cache_holds() -> None:
    assert Watch(lambda: iter([1, 2, 9]), highest=9).new([2, 3, 9]) == [False, True, False]


def test_scattered_ids_are_forgotten_rather_than_held_for_ever() -> None:
    held = IdSet()
    for number in range(0, (1 << 17) + 2):
        held.add(number << 12)
    assert held.full
    watch = Watch(lambda: iter(number << 12 for number in range((1 << 17) + 2)), highest=1 << 30)
    assert watch.any_new([1])
    assert not watch.overflowing


def test_an_empty_page_is_no_repetition() -> None:
    assert Watch(never).any_new([])
