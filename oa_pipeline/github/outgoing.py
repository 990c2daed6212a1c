"""Pays what GitHub is owed: in order, once, and after an outage what is true then."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..ledger import jobs, outbox
from ..ledger.engine import in_transaction
from .checks import QUEUED, annotations_of, external_id, facts_of
from .jobs import CHECK, REPORT, STATUS
from .records import GitHubError
from .statuses import CONTEXT

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from ..ledger.queries import Row
    from .api import GitHub

Report = Callable[[str], str]  # from a job's id to the text of its report
MARKER = "<!-- oa_pipeline:report:{} -->"
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 900.0
MOST_STATUSES = "maximum number of statuses"  # of one commit, in GitHub's words
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Paid:
    """How it went."""

    paid: int = 0
    forgiven: int = 0
    until: datetime | None = None  # GitHub is left alone until then

    def __str__(self) -> str:
        """One line for the tick."""
        said = [f"{self.paid} told"] if self.paid else []
        said += [f"{self.forgiven} not to be told"] if self.forgiven else []
        said += [f"GitHub is left alone until {self.until:%H:%M:%S} UTC"] if self.until else []
        return ", ".join(said) or "nothing is owed"


def pay(engine: Engine, github: GitHub, report: Report, *, now: datetime, most: int = 20) -> Paid:
    """Tells GitHub what it is owed, the oldest first, until it asks for a pause or does not answer."""
    paid = forgiven = 0
    for debt in outbox.due(engine, now=now, limit=most):
        try:
            _PAY[debt["kind"]](engine, github, report, debt)
        except GitHubError as error:
            if not error.transient:
                log.warning("GitHub will not be told %s of %s: %s", debt["kind"], debt["target"], error)
                outbox.forgive(engine, debt["id"], now=now, detail=_why(error))
                forgiven += 1
                continue
            until = now + timedelta(seconds=error.retry_after or _pause(debt["tries"]))
            outbox.later(engine, debt["id"], at=until, detail=str(error))
            outbox.put_off_all(engine, until=until)
            return Paid(paid, forgiven, until)
        outbox.paid(engine, debt["id"], now=now)
        paid += 1
    return Paid(paid, forgiven)


def _pause(tries: int) -> float:
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(tries, 20))


def _why(error: GitHubError) -> str:
    if MOST_STATUSES in error.message:
        return "GitHub takes no more statuses for this commit"
    return str(error)


def _status(_engine: Engine, github: GitHub, _report: Report, debt: Row) -> None:
    said = debt["payload"]
    github.set_status(
        debt["target"],
        state=said["state"],
        description=said["description"],
        target_url=said["target_url"],
        context=said["context"],
    )


def _comment(engine: Engine, github: GitHub, report: Report, debt: Row) -> None:
    """The one comment of a pull request, edited in place; found by its marker where its number was never kept."""
    number = int(debt["target"])
    marker = MARKER.format(number)
    text = f"{marker}\n{report(debt['job_id'])}"
    known = next((job["comment_id"] for job in jobs.of_pull_request(engine, number) if job["comment_id"]), None)
    if known is None:
        ours = github.login()
        mine = (c for c in github.comments(number) if c.body.startswith(marker) and ours in {"", c.author})
        known = next((comment.number for comment in mine), None)
    if known is not None:
        try:
            github.edit_comment(known, text)
        except GitHubError as error:
            if error.status != 404:  # else somebody deleted it
                raise
            known = None
    if known is None:
        known = github.comment(number, text)
    kept = known
    in_transaction(engine, lambda c: jobs.change(c, debt["job_id"], comment_id=kept))


def _check(engine: Engine, github: GitHub, report: Report, debt: Row) -> None:
    """The check run of a job: begun once, and each remark made once, however often this is tried."""
    job = jobs.job(engine, debt["job_id"])
    assert job is not None
    sha, known = debt["target"], job["check_id"]
    if known is None:
        name = external_id(job)
        known = github.find_check(sha, CONTEXT, name) or github.create_check(
            sha, CONTEXT, {**QUEUED, "external_id": name, "details_url": debt["payload"]["details_url"]}
        )
        begun = known
        in_transaction(engine, lambda c: jobs.change(c, job["id"], check_id=begun))
    remarks = annotations_of(job)
    made = github.annotations_of(known) if remarks else 0
    github.update_check(known, facts_of(debt["payload"], report(job["id"])), remarks[made:])


_PAY: dict[str, Callable[[Engine, GitHub, Report, Row], None]] = {STATUS: _status, REPORT: _comment, CHECK: _check}
