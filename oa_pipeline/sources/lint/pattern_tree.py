"""What a regular expression would cost, judged from Python's own parse of it."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from typing import Any

_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


class Tree:
    """A pattern as Python parses it. Raises re.error, RecursionError or OverflowError where Python cannot."""

    def __init__(self, pattern: str) -> None:
        """Parses `pattern`, which compiles."""
        parser: Any = importlib.import_module("re._parser")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._items = parser.parse(pattern)
        self._endless = parser.MAXREPEAT

    def unrolled(self) -> int:
        """How many items the pattern has once its counted repetitions are written out."""
        return self._size(self._items)

    def repeats_itself(self) -> bool:
        """Whether an endless repetition repeats little else than an endless repetition, as in `(a+)+`."""
        return self._nested(self._items)

    def _size(self, items: Any) -> int:
        total = 0
        for operation, argument in items:
            inner = sum(map(self._size, _inside(argument)))
            total += max(1, self._times(argument)) * inner if str(operation) in _REPEATS else 1 + inner
        return total

    def _times(self, argument: Any) -> int:
        low, high = argument[0], argument[1]
        return int(low if high == self._endless else high)

    def _nested(self, items: Any) -> bool:
        for operation, argument in items:
            if self._is_endless(operation, argument) and self._ambiguous(argument[2]):
                return True
            if any(map(self._nested, _inside(argument))):
                return True
        return False

    def _is_endless(self, operation: Any, argument: Any) -> bool:
        return str(operation) in _REPEATS[:2] and argument[1] == self._endless

    def _ambiguous(self, body: Any) -> bool:
        """Whether text that `body` matches could be cut into one or into many matches of it."""
        items = list(body)
        while len(items) == 1 and str(items[0][0]) == "SUBPATTERN":
            items = list(items[0][1][-1])
        if len(items) == 1 and str(items[0][0]) == "BRANCH":
            return any(map(self._ambiguous, items[0][1][1]))
        endless = [item for item in items if self._is_endless(item[0], item[1])]
        needed = [item for item in items if not (str(item[0]) in _REPEATS and item[1][0] == 0)]
        return bool(endless) and len(needed) <= 1 and all(item in endless for item in needed)


def _inside(argument: Any) -> Iterator[Any]:
    """The item lists below an operation's argument."""
    if hasattr(argument, "data"):
        yield argument
    elif isinstance(argument, tuple | list):
        for part in argument:
            yield from _inside(part)
