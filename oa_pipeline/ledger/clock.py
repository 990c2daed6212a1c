"""The time by the one clock that all machines share, which is the database's; and what is done should that jump.

Whoever decides by the clock of its own machine decides wrongly wherever that is set; a run is long, and many machines
have a hand in it. The database's clock can be set, too: then nothing is lost and nothing done twice, and what was to
happen by the clock happens at most as much too early or too late as it jumped.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache

import sqlalchemy as sa

from .engine import in_transaction
from .tables import RunStatus, heartbeats, runs

# Goes on while a laptop sleeps, and never jumps.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
SLACK = timedelta(minutes=1)  # by which clocks may differ
LONGEST_PAUSE = timedelta(minutes=65)  # nothing is put off for longer; GitHub's limits are of an hour
JUMP = 5.0  # seconds in which no clock is adjusted little by little between two looks


def passed(since: datetime, now: datetime, span: timedelta) -> bool:
    """Whether that long has passed; also where `since` is still to come, as the clock was set back meanwhile.

    For what may be done too early, but must not be waited for until the clock has caught up.
    """
    return now - since >= span or since - now > SLACK


def is_due(try_at: sa.Column[datetime], now: datetime) -> sa.ColumnElement[bool]:
    """Whether what was put off until then is to be tried; also where that is so far off that a clock was set back."""
    return sa.or_(try_at <= now, try_at > now + LONGEST_PAUSE)


def silence(beat_at: sa.Column[datetime]) -> sa.ColumnElement[float]:
    """Seconds since a beat, by the database's clock; time in which the database was down is not held against it."""
    now, start = sa.func.clock_timestamp(), _server_start()
    # A start that is still to come was one before the clock was set back.
    heard = sa.case((start <= now, sa.func.greatest(beat_at, start)), else_=beat_at)
    return sa.cast(sa.extract("epoch", now - heard), sa.Float)


def _server_start() -> sa.ColumnElement[datetime]:
    return sa.func.pg_postmaster_start_time()


def set_right(engine: sa.Engine) -> int:
    """Beats that are still to come, as the clock was set back, are of now: silence counts from here. How many."""
    now = sa.func.clock_timestamp()
    ahead = now + timedelta(seconds=JUMP)
    workers = sa.update(heartbeats).where(heartbeats.c.beat_at > ahead).values(beat_at=now)
    at_work = (
        sa.update(runs).where(runs.c.status == RunStatus.RUNNING.value, runs.c.beat_at > ahead).values(beat_at=now)
    )
    return in_transaction(engine, lambda c: c.execute(workers).rowcount + c.execute(at_work).rowcount, outage_seconds=0)


def database_time(engine: sa.Engine, *, outage_seconds: float | None = None) -> datetime:
    """The time by the database's clock, once. Raises PublishError where it cannot be asked for that long."""
    now = sa.select(sa.func.clock_timestamp())
    found: datetime = in_transaction(engine, lambda c: c.execute(now).scalar_one(), outage_seconds=outage_seconds)
    return found


class Steadiness:
    """Whether the database's clock has gone on evenly, as far as whoever asks again and again can see it.

    After a jump forward all are silent until they have beaten once more: silence then proves nothing.
    """

    def __init__(
        self, ask: Callable[[], datetime], *, clock: Callable[[], float] = lambda: time.clock_gettime(_CLOCK)
    ) -> None:
        """`ask` gives the database's time."""
        self._ask, self._clock = ask, clock
        self._ahead: float | None = None
        self._jumped_at: float | None = None

    def shaken(self, within: timedelta) -> bool:
        """Whether it has jumped within that time. Raises what asking raises."""
        before = self._clock()
        theirs = self._ask().timestamp()
        after = self._clock()
        ahead = theirs - before
        if self._ahead is not None and abs(ahead - self._ahead) > JUMP + after - before:
            self._jumped_at = after
        self._ahead = ahead
        return self._jumped_at is not None and after - self._jumped_at < within.total_seconds()


@lru_cache(maxsize=16)
def steadiness(engine: sa.Engine) -> Steadiness:
    """The one that all of a process share."""
    return Steadiness(lambda: database_time(engine, outage_seconds=0))


class LedgerClock:
    """The database's time: asked once, and counted on from there, so that it can be had while the database is away."""

    def __init__(self, engine: sa.Engine) -> None:
        """Asks. Raises PublishError where nobody answers for a minute."""
        self._then = database_time(engine)
        self._since = time.clock_gettime(_CLOCK)

    def __call__(self) -> datetime:
        """Now."""
        return self._then + timedelta(seconds=time.clock_gettime(_CLOCK) - self._since)
