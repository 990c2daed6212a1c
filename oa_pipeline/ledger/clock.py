"""The time by the one clock that all machines share, which is the database's."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import sqlalchemy as sa

from .engine import in_transaction

# Goes on while a laptop sleeps, and never jumps.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class LedgerClock:
    """The database's time: asked once, and counted on from there, so that it can be had while the database is away."""

    def __init__(self, engine: sa.Engine) -> None:
        """Asks. Raises PublishError where nobody answers for a minute."""
        self._then = in_transaction(engine, lambda c: c.execute(sa.select(sa.func.clock_timestamp())).scalar_one())
        self._since = time.clock_gettime(_CLOCK)

    def __call__(self) -> datetime:
        """Now."""
        then: datetime = self._then
        return then + timedelta(seconds=time.clock_gettime(_CLOCK) - self._since)
