"""How all data sources stand, held in memory: a few thousand rows from which lists, counts and facets are made.

Reading them takes a fraction of a second, so a request does not wait for it but when there is nothing yet: it sees
what was read last, while a thread reads anew. What is shown, and its ETag, are of the version that was read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from ..errors import OAError
from ..ledger.standing import standing
from ..ledger.version import DataVersion
from ..sources.hosts import host_of
from .places import called, named, place
from .rendering import days_between
from .searching import folded
from .terms import terms_of

if TYPE_CHECKING:
    import sqlalchemy as sa

OLD = 30  # days; without a new or confirmed result for longer, a data source is out of date
OLDEST = 600.0  # seconds: an older catalogue is shown to nobody
# Every state, the worst first.
STATES: Mapping[str, str] = {
    "broken": "never gave a result, and the last run failed",
    "failing": "the last run failed; an earlier result is published",
    "held": "the last run lost too much and waits for somebody to look; what was published stays",
    "stale": "the last good result is more than 30 days old",
    "skipped": "the source file says to skip it",
    "new": "no run has ended yet",
    "good": "the last run gave a result",
}
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one data source stands. `good_...` and what follows are of its latest good run, `run_...` of the newest."""

    key: str
    source: str
    layer: str
    name: str
    first: bool
    first_seen: datetime
    good_run_id: int | None
    good_at: datetime | None
    rows: int | None
    licence: str | None
    attribution_required: bool | None
    attribution_name: str | None
    share_alike: bool | None
    website: str | None
    bounds: Sequence[float] | None
    run_id: int | None
    status: str | None
    problem: str | None
    ended_at: datetime | None
    state: str = ""
    area: str = ""  # the first part of its path: a country's code, as a rule
    words: str = ""  # what a search looks through
    host: str = ""  # the publisher's
    country: str = ""  # ISO 3166-1, as its coverage says
    us_state: str = ""  # as the mail calls it
    declares: str = ""  # what says where it is
    place: str = ""  # in words: its county or town, state and country, as far as it says so
    terms: str = ""  # what the licence of what is published asks; empty where nothing is

    @property
    def since(self) -> datetime:
        """When it was last well; of one that never was, when it came."""
        return self.good_at or self.first_seen


@dataclass(frozen=True)
class Catalogue:
    """All of them, ordered by key, with their states on `day`, which is one of UTC."""

    version: DataVersion
    rows: Sequence[Standing]
    day: date
    read_at: float  # on the monotonic clock

    def on(self, now: datetime) -> Catalogue:
        """The same with the states of a later day: what nobody runs any more grows old all the same."""
        today = _day(now)
        if today <= self.day:
            return self
        rows = tuple(replace(one, state=state_of(one.status, one.good_at, now)) for one in self.rows)
        return replace(self, rows=rows, day=today)


def state_of(status: str | None, good_at: datetime | None, now: datetime) -> str:
    """One of STATES; the same all day, as pages are kept for a day."""
    if status in {"held", "skipped"}:
        return str(status)
    if status == "failed" or (status == "lost" and good_at is None):
        return "failing" if good_at else "broken"
    if good_at is None:
        return "new"
    return "stale" if days_between(good_at, now) > OLD else "good"


def standings(found: Iterable[Mapping[str, Any]], now: datetime) -> tuple[Standing, ...]:
    """The ledger's rows, with their states on the day of `now`."""
    return tuple(_standing(dict(one), now) for one in found)


def _standing(one: dict[str, Any], now: datetime) -> Standing:
    data, declared = one.pop("data"), one.pop("places")
    where = place(one["source"], declared)
    near, (country, state) = called(declared), named(where)
    return Standing(
        **one,
        state=state_of(one["status"], one["good_at"], now),
        area=one["source"].partition("/")[0],
        words=folded(" ".join((one["key"], one["attribution_name"] or "", *near, country, state))),
        host=host_of(data),
        country=where.country,
        us_state=where.state,
        declares=where.how,
        place=", ".join(dict.fromkeys(name for name in (*near[:1], state, country) if name)),
        terms=_terms(one) if one["good_run_id"] is not None else "",
    )


def _terms(one: Mapping[str, Any]) -> str:
    return terms_of(one["licence"], attribution_required=one["attribution_required"], share_alike=one["share_alike"])


class Catalogues:
    """Gives the catalogue, and reads it anew when the ledger has moved on."""

    def __init__(self, ledger: Callable[[], sa.Engine], *, fresh_seconds: float) -> None:
        """A catalogue younger than `fresh_seconds` is good enough; 0: every request waits for the newest."""
        self._ledger = ledger
        self._fresh = fresh_seconds
        self._held: Catalogue | None = None
        self._holding = threading.Lock()
        self._reading = threading.Lock()

    def current(self, wanted: DataVersion, now: datetime) -> Catalogue:
        """The catalogue of this version, or one a little older, with the states of the day of `now`, or of a later one.

        Raises PublishError where there is none to show.
        """
        held = self._turned(now)
        if held is not None and held.version.version == wanted.version:
            return held
        age = time.monotonic() - held.read_at if held is not None else OLDEST
        if held is not None and age < self._fresh:
            return held
        if held is None or age >= OLDEST or self._fresh == 0:
            with self._reading:
                return self._read(wanted, now)
        if self._reading.acquire(blocking=False):
            self._begin(wanted, now)
        return held

    def _turned(self, now: datetime) -> Catalogue | None:
        with self._holding:
            if self._held is not None:
                self._held = self._held.on(now)
            return self._held

    def _begin(self, wanted: DataVersion, now: datetime) -> None:
        try:
            threading.Thread(target=self._later, args=(wanted, now), name="catalogue", daemon=True).start()
        except RuntimeError as error:  # there are as many threads as there may be
            self._reading.release()
            log.warning("the catalogue is not read anew: %s", error)

    def _later(self, wanted: DataVersion, now: datetime) -> None:
        try:
            self._read(wanted, now)
        except OAError as error:
            log.warning("the catalogue is not read anew: %s", error)
        finally:
            self._reading.release()

    def _read(self, wanted: DataVersion, now: datetime) -> Catalogue:
        held = self._turned(now)
        if held is not None and held.version.version == wanted.version:
            return held
        made = Catalogue(wanted, standings(standing(self._ledger()), now), _day(now), time.monotonic())
        with self._holding:
            self._held = made
        return made


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()
