"""Reading ahead and writing behind keep order, carry errors, and leave no thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from oa_pipeline.convert.threads import Behind, ahead


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())  # of which servers of other tests may end meanwhile
    yield
    assert set(threading.enumerate()) <= before


def test_items_come_in_order() -> None:
    assert list(ahead(range(100))) == list(range(100))


def test_what_the_reader_raises_is_raised_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("torn")

    got: list[int] = []
    with pytest.raises(ValueError, match="torn"):
        got.extend(ahead(items()))
    assert got == [1]


def test_leaving_early_ends_the_reader() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(1_000_000):
            made.append(number)
            yield number

    for item in ahead(items()):
        if item == 3:
            break
    assert len(made) < 20


def test_no_more_than_a_few_items_wait() -> None:
    taken = threading.Event()
    behind = Behind(lambda _: taken.wait(100))
    behind.put(1)
    behind.put(2)
    behind.put(3)
    full = threading.Thread(target=behind.put, args=(4,))
    full.start()
    full.join(0.2)
    assert full.is_alive()
    taken.set()
    full.join(100)
    behind.finish()


def test_everything_is_written_in_order_before_finish_returns() -> None:
    written: list[int] = []
    behind = Behind(written.append)
    for number in range(50):
        behind.put(number)
    behind.finish()

    assert written == list(range(50))


def test_what_the_writer_raises_is_raised_and_nothing_more_is_written() -> None:
    written: list[int] = []

    def write(number: int) -> None:
        if number == 1:
            raise OSError("disk full")
        written.append(number)

    behind = Behind(write)
    with pytest.raises(OSError, match="disk full"):
        put_all(behind, 1000)
    behind.stop()

    assert written == [0]


def put_all(behind: Behind, count: int) -> None:
    for number in range(count):
        behind.put(number)
