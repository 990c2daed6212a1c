"""Is the dump getting anywhere? Which features have been seen, in memory that does not grow with the layer.

Pages that come in the order of their ids, as almost all do, need one integer: the highest id so far. The first page
out of order makes the watch read the cache once for the ids in it and hold them as bits from then on: eight megabytes
for sixty million dense ids, and never more than about eighty however scattered they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

_BITS = 12
_BLOCKS = 1 << 17


class IdSet:
    """A set of integers for ids that lie close together: one bit each, in blocks of 4,096."""

    def __init__(self) -> None:
        """Starts empty."""
        self._blocks: dict[int, int] = {}

    def add(self, number: int) -> bool:
        """Whether `number` is new."""
        block, bit = number >> _BITS, 1 << (number & (1 << _BITS) - 1)
        held = self._blocks.get(block, 0)
        self._blocks[block] = held | bit
        return not held & bit

    @property
    def full(self) -> bool:
        """Whether the ids are so scattered that holding more would cost too much memory."""
        return len(self._blocks) > _BLOCKS


class Watch:
    """Knows new features from those already seen."""

    def __init__(self, replay: Callable[[], Iterable[int]], highest: int | None = None) -> None:
        """`replay` gives the ids of what is in the cache; `highest` is the largest of them, None for an empty cache."""
        self._replay = replay
        self._seen: IdSet | None = None
        self.highest = highest

    def any_new(self, ids: Sequence[int]) -> bool:
        """Remembers a page's ids; False if all of them were there before. An empty page is new."""
        if not ids:
            return True
        if self._seen is None and (self.highest is None or min(ids) > self.highest):
            self.highest = max(ids)
            return True
        return any(self.new(ids))

    def new(self, ids: Sequence[int]) -> list[bool]:
        """Remembers ids; for each, whether it was new."""
        if self._seen is None:
            self._seen = self._gathered()
        elif self._seen.full:
            self._seen = IdSet()
        if ids:
            self.highest = max(ids) if self.highest is None else max(self.highest, *ids)
        return [self._seen.add(number) for number in ids]

    @property
    def overflowing(self) -> bool:
        """Whether older ids are about to be forgotten."""
        return self._seen is not None and self._seen.full

    def _gathered(self) -> IdSet:
        seen = IdSet()
        if self.highest is not None:
            for number in self._replay():
                if seen.full:
                    seen = IdSet()
                seen.add(number)
        return seen
