"""Asking again: only for what may pass, ever more slowly, and never beyond the budget."""

from __future__ import annotations

import random
from collections.abc import Callable

from ..errors import FetchError
from .meter import Meter

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0


class Patience:
    """The tries of one request. `chance` gives numbers from 0 to 1 for the jitter."""

    def __init__(
        self,
        meter: Meter,
        attempts: int,
        sleep: Callable[[float], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`attempts` tries in all."""
        self._meter = meter
        self._left = attempts
        self._attempts = attempts
        self._sleep = sleep
        self._chance = chance

    def again(self, error: FetchError, *, progress: bool = False) -> None:
        """Waits as long as is polite after `error`, or raises it when trying again is pointless.

        A try that made progress leaves the number of tries as it was at first.
        """
        if progress:
            self._left = self._attempts
        self._left -= 1
        if not error.transient or self._left < 1:
            raise error
        pause = self._pause() if error.retry_after is None else error.retry_after
        if pause >= self._meter.seconds_left():
            raise error
        self._sleep(pause)

    def _pause(self) -> float:
        full: float = min(FIRST_PAUSE * 2.0 ** (self._attempts - self._left - 1), LONGEST_PAUSE)
        return full * (0.5 + self._chance() / 2)
