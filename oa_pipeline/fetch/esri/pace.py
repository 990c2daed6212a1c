"""How fast a host is asked: how many pages in flight, how many features a page, how long to wait after trouble.

An ArcGIS service has two workers unless its owner changed that, so more than two requests only queue; ArcGIS Online
has many. The pace starts at one, grows by one while answers stay quick, and halves at the first sign of trouble.
"""

from __future__ import annotations

import random
from collections.abc import Callable

GOOD_PAGES_TO_GROW = 4
LONGEST_PAUSE = 120.0
LONGEST_ASKED_PAUSE = 600.0
_NOISE = 0.05  # seconds under which latency says nothing about load


class Pace:
    """Pages in flight, by additive increase and multiplicative decrease."""

    def __init__(
        self,
        ceiling: int,
        *,
        clock: Callable[[], float],
        spread: Callable[[], float] = random.random,
    ) -> None:
        """`spread` gives numbers in [0, 1) that keep clients from returning in step."""
        self.ceiling = ceiling
        self.allowed = 1
        self._clock = clock
        self._spread = spread
        self._good = 0
        self._trouble = 0
        self._quickest: dict[int, float] = {}
        self._not_before = 0.0

    def answered(self, asked: int, seconds: float) -> None:
        """A page of `asked` features came after `seconds`. Twice the quickest page of that size is too slow."""
        self._trouble = 0
        quickest = self._quickest.get(asked)
        if quickest is None and len(self._quickest) > 64:
            self._quickest.clear()
        self._quickest[asked] = min(seconds, seconds if quickest is None else quickest)
        if quickest is not None and seconds > 2 * max(quickest, _NOISE):
            self._slow_down()
            return
        self._good += 1
        if self._good >= GOOD_PAGES_TO_GROW and self.allowed < self.ceiling:
            self.allowed += 1
            self._good = 0

    def failed(self, retry_after: float | None = None) -> None:
        """A page failed: half as many in flight, and a pause, the server's own if it named one."""
        self._slow_down()
        self._trouble += 1
        pause = min(2.0 ** (self._trouble - 1), LONGEST_PAUSE) * (0.5 + self._spread() / 2)
        if retry_after is not None:
            pause = max(pause, min(retry_after, LONGEST_ASKED_PAUSE))
        self._not_before = max(self._not_before, self._clock() + pause)

    @property
    def pause(self) -> float:
        """Seconds until the next request may leave."""
        return max(0.0, self._not_before - self._clock())

    def _slow_down(self) -> None:
        self.allowed = max(1, self.allowed // 2)
        self._good = 0


class PageSize:
    """Features a page: halved when a server breaks over it, and slowly grown back."""

    def __init__(self, limit: int) -> None:
        """`limit` is the most that the layer gives at a time."""
        self.limit = limit
        self.now = limit
        self._good = 0
        self._patience = 8

    def fits(self) -> None:
        """A page came as asked. After enough of them a quarter more is tried; each failure doubles "enough"."""
        self._good += 1
        if self._good >= self._patience and self.now < self.limit:
            self.now = min(self.limit, self.now + max(1, self.now // 4))
            self._good = 0

    def too_much(self, asked: int) -> None:
        """A page of `asked` features was too much."""
        self.now = max(1, min(self.now, asked // 2))
        self._good = 0
        self._patience = min(self._patience * 2, 256)

    def gave(self, got: int) -> None:
        """The server gave `got` features and has more: asking for more than that is in vain."""
        self.now = max(1, min(self.now, got))
        self._good = 0
