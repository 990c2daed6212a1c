"""Whose request is answered next, where more have come than there are threads."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from typing import Any

SPARED = 2  # threads that one address never has: however many connections it has, others are answered


class Turns:
    """Requests that wait for a thread: their addresses take turns, and those of one are in the order they came in."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._most = max(1, threads - SPARED)
        self._waiting: OrderedDict[str, deque[Any]] = OrderedDict()
        self._answered: Counter[str] = Counter()

    def __bool__(self) -> bool:
        """Whether there are any that wait."""
        return bool(self._waiting)

    def wait(self, address: str, one: Any) -> None:
        """There is one more."""
        self._waiting.setdefault(address, deque()).append(one)

    def next(self) -> Any | None:
        """The one that a thread answers now; None where there is no thread for any of them."""
        if self._answered.total() >= self._threads:
            return None
        address = next((each for each in self._waiting if self._answered[each] < self._most), None)
        if address is None:
            return None
        ones = self._waiting.pop(address)
        one = ones.popleft()
        if ones:
            self._waiting[address] = ones
        self._answered[address] += 1
        return one

    def done(self, address: str) -> None:
        """A thread has answered one of that address."""
        if self._answered[address] > 1:
            self._answered[address] -= 1
        else:
            self._answered.pop(address, None)
