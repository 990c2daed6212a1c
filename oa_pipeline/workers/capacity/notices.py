"""What an operator must hear of: a set that is not complete or mostly failed, no worker while runs wait, a publication
that failed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ...aws.clients import CloudFault
from ...ledger import builds, notices, sets
from ...ledger.tables import SetStatus
from ...orchestration.collect import FAILED_SHARE
from .facts import Work

if TYPE_CHECKING:
    from sqlalchemy import Engine

log = logging.getLogger(__name__)
RECENT = timedelta(days=2)  # older news is none
HOUR = timedelta(hours=1)
MOST_LINES = 20
NOBODY_SECONDS = 600.0  # an instance boots, a worker restarts
NOBODY = "no workers"


@dataclass(frozen=True, slots=True)
class Notice:
    """`key`: by it one thing is told once."""

    key: str
    subject: str
    body: str


class Notices:
    """Tells each thing once. What could not be told is told at the next look."""

    def __init__(self, engine: Engine, tell: Callable[[str, str], None], *, nobody_seconds: float = NOBODY_SECONDS):
        """`tell(subject, body)` raises CloudFault where it cannot be told."""
        self._engine, self._tell, self._nobody_seconds = engine, tell, nobody_seconds
        self._nobody_since: float | None = None

    def look(self, work: Work, now: float) -> None:
        """Tells what is new. Raises what the ledger raises."""
        found = [*self._ended_badly(), *self._nobody(work, now)]
        untold = notices.untold(self._engine, [one.key for one in found])
        for one in found:
            if one.key in untold:
                self._say(one)

    def _say(self, notice: Notice) -> None:
        log.error("%s: %s", notice.subject, notice.body)
        try:
            self._tell(notice.subject, notice.body)
        except CloudFault as error:
            log.warning("operators are told later: %s", error)
        else:
            notices.told(self._engine, notice.key)

    def _ended_badly(self) -> Iterator[Notice]:
        since = datetime.now(UTC) - RECENT
        for number in sets.ended_since(self._engine, since):
            row = sets.set_of(self._engine, number)
            if row is not None and (wrong := _wrong_with(row)):
                yield Notice(f"set/{number}", f"OpenAddresses: set {number} {wrong}", row["detail"])
        for row in builds.failed_since(self._engine, since):
            subject = f"OpenAddresses: publication of {row['kind']} failed (build {row['id']})"
            yield Notice(f"build/{row['id']}", subject, row["detail"])
        if faults := notices.our_faults(self._engine, datetime.now(UTC) - HOUR):
            number = sum(row["runs"] for row in faults)
            lines = [f"{row['runs']} (such as {row['key']}): {row['detail']}" for row in faults[:MOST_LINES]]
            key = f"our fault/{datetime.now(UTC):%Y-%m-%d}"  # once a day: it is one fault or few, with many runs
            yield Notice(key, f"OpenAddresses: {number} runs failed by our own fault", "\n".join(lines))

    def _nobody(self, work: Work, now: float) -> Iterator[Notice]:
        """After a while in which runs waited and no worker took any; once, until there are workers again."""
        if work.known.taking or not work.waiting:
            if work.known.taking:
                notices.over(self._engine, NOBODY)
            self._nobody_since = None
            return
        self._nobody_since = now if self._nobody_since is None else self._nobody_since
        if now - self._nobody_since >= self._nobody_seconds:
            body = f"{work.waiting} runs wait, and no worker has taken runs for {now - self._nobody_since:.0f} seconds."
            yield Notice(NOBODY, "OpenAddresses: no workers while runs wait", body)


def _wrong_with(row: Mapping[str, Any]) -> str:
    """What is wrong with a set that has ended; its `detail` names members, or the hosts at which they failed."""
    if row["status"] == SetStatus.INCOMPLETE:
        return "is incomplete"
    counts = row["counts"]
    failed, members = counts.get("failed", 0), counts.get("members", 0)
    if row["status"] == SetStatus.COMPLETE and not row["only"] and failed and failed >= members * FAILED_SHARE:
        return f"failed for {failed} of {members}, and is not collected"
    return ""
