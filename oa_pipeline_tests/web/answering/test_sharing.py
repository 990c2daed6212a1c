"""What costs something to find out is found out once, however many want to know it, and is never old."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from oa_pipeline.web.answering.sharing import Begun, Shared

from ..served import PATIENCE


@dataclass
class Costly:
    """Something that takes until it is let go, and how often it was done. Each time it comes to another number."""

    times: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> int:
        self.times += 1
        assert self.let_go.wait(PATIENCE)
        if self.times == 13:
            raise OSError("away")
        return self.times


@dataclass
class Clock:
    """Stands still until it is set."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def costly() -> Costly:
    return Costly()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def found(begun: Begun[int]) -> int:
    return begun.found.result(PATIENCE)


def test_all_who_ask_while_it_is_found_out_share_what_is_found(costly: Costly, clock: Clock) -> None:
    shared, together = Shared(costly, seconds=1, clock=clock), threading.Barrier(20)

    def ask(_: int) -> Begun[int]:
        together.wait(PATIENCE)
        return shared.begun()

    with ThreadPoolExecutor(20) as pool:
        begun = list(pool.map(ask, range(20)))
    costly.let_go.set()

    assert {found(one) for one in begun} == {1}
    assert costly.times == 1


@pytest.mark.parametrize(("passed", "times"), [(0.0, 1), (0.99, 1), (1.0, 2), (60.0, 2)])
def test_what_was_found_is_good_for_a_moment_from_when_it_was_begun(
    costly: Costly, clock: Clock, passed: float, times: int
) -> None:
    shared = Shared(costly, seconds=1, clock=clock)
    costly.let_go.set()
    assert found(shared.begun()) == 1

    clock.now += passed

    assert [found(shared.begun()) for _ in range(10)] == [times] * 10


def test_what_takes_long_is_not_begun_again_meanwhile(costly: Costly, clock: Clock) -> None:
    shared = Shared(costly, seconds=1, clock=clock)
    first = shared.begun()
    clock.now += 3600

    assert shared.begun() is first
    costly.let_go.set()
    assert found(first) == 1
    assert found(shared.begun()) == 2, "it was old when it was found"


def test_a_failure_is_shared_as_well_and_as_briefly(costly: Costly, clock: Clock) -> None:
    costly.times = 12
    costly.let_go.set()
    shared = Shared(costly, seconds=1, clock=clock)

    for _ in range(3):
        with pytest.raises(OSError, match="away"):
            found(shared.begun())
    assert costly.times == 13
    clock.now += 1
    assert found(shared.begun()) == 14


def test_two_things_are_found_out_beside_each_other(clock: Clock) -> None:
    both = threading.Barrier(2)

    def wait() -> int:
        return both.wait(PATIENCE)

    make: Callable[[], Shared[int]] = lambda: Shared(wait, seconds=1, clock=clock)
    one, other = make().begun(), make().begun()
    assert {found(one), found(other)} == {0, 1}
