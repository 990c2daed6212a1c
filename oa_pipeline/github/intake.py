"""Deliveries become jobs. Each is looked at once, in a transaction with all that comes of it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..errors import SettingsError
from ..ledger import deliveries
from ..ledger import jobs as ledger
from ..ledger.engine import in_transaction
from ..ledger.jobs import NewJob, NewMember
from ..ledger.partitions import Declared
from ..ledger.reuse import mark_merged
from ..ledger.tables import DeliveryStatus, JobStatus
from ..orchestration.proposals import limited
from . import jobs
from .changes import Plan, plan_of
from .commits import Commit
from .events import NEWCOMERS, Asked, CheckPull, CheckPush, ClosePull, Event, NoEvent, Nothing, event_of
from .records import Changed, GitHubError, Pull

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from ..settings import Settings
    from ..sources.model import DataSource
    from .api import GitHub

MOST_A_LOOK = 20  # deliveries; the others are looked at the next time
MOST_TRIES = 12
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 900.0
NEWCOMERS_MOST = 10  # data sources of a first-time author's pull request that nobody has to approve
GITHUBS_MOST = 3000  # files that it lists of a pull request
BRANCH = 0  # in place of a pull request's number: a push to a branch that has none
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Handled:
    """What came of some deliveries. `keys`: partitions of the default branch that Dagster should know."""

    jobs: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    ignored: int = 0
    put_off: int = 0

    def __str__(self) -> str:
        """One line for the tick."""
        counts = {"jobs": len(self.jobs), "ignored": self.ignored, "put off": self.put_off}
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "no deliveries"


@dataclass(slots=True)
class Intake:
    """The work of one look at the deliveries."""

    engine: Engine
    settings: Settings
    connect: Callable[[], GitHub]  # called when there is something to ask
    now: datetime
    opened: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    ignored: int = 0
    put_off: int = 0

    @property
    def github(self) -> GitHub:
        """The way to GitHub."""
        return self.connect()

    def take(self) -> Handled:
        """Looks at what has come, a delivery of each sender in turn."""
        for delivery in deliveries.waiting(self.engine, now=self.now, limit=MOST_A_LOOK):
            try:
                self._one(delivery["guid"], delivery["event"], bytes(delivery["body"]))
            except GitHubError as error:
                self._later(delivery, error)
                if error.retry_after:
                    deliveries.put_off_all(self.engine, until=self.now + timedelta(seconds=error.retry_after))
                    break
            except SettingsError:
                raise  # concerns them all
            except Exception as error:  # one that cannot be looked at holds up no other
                log.exception("delivery %s could not be looked at", delivery["guid"])
                self._later(delivery, GitHubError(f"{type(error).__name__}: {error}", transient=True))
        return Handled(tuple(self.opened), tuple(self.keys), self.ignored, self.put_off)

    def reconcile(self) -> Handled:
        """Opens jobs for the heads of open pull requests that have none: a webhook may have been lost."""
        for pull in self.github.open_pulls():
            if ledger.newest_of(self.engine, pull.head_sha, pull.number) is None:
                in_transaction(self.engine, self._opening(pull, "reconciled"))
        return Handled(tuple(self.opened), tuple(self.keys))

    def _one(self, guid: str, name: str, body: bytes) -> None:
        try:
            event = event_of(name, body)
        except NoEvent as error:
            self._settle(guid, DeliveryStatus.REJECTED, str(error))
            return
        if isinstance(event, Nothing):
            self._settle(guid, DeliveryStatus.IGNORED, event.why)
            return
        # GitHub is asked before the transaction begins, so that none is open while we wait for it.
        work = self._work(event)

        def whole(connection: Connection) -> None:
            job_id, said = work(connection)
            status = DeliveryStatus.HANDLED if job_id else DeliveryStatus.IGNORED
            deliveries.settle(connection, guid, status, now=self.now, detail=said, job_id=job_id)
            self.ignored += job_id is None

        in_transaction(self.engine, whole)

    def _settle(self, guid: str, status: DeliveryStatus, detail: str) -> None:
        in_transaction(self.engine, lambda c: deliveries.settle(c, guid, status, now=self.now, detail=detail))
        self.ignored += 1

    def _work(self, event: Event) -> Any:
        if isinstance(event, CheckPull):
            return self._check_pull(event.pull.number, event.pull.head_sha, "pull_request")
        if isinstance(event, CheckPush):
            return self._check_push(event)
        if isinstance(event, Asked):
            return self._asked(event)
        assert isinstance(event, ClosePull)
        mark_merged(self.engine, event.number, event.head_sha if event.merged else "")
        return lambda connection: self._closed(connection, event)

    # pull requests

    def _check_pull(self, number: int, head_sha: str, event: str, *, rerun: bool = False) -> Any:
        pull = self.github.pull(number)  # the payload may be old, and what it says of forks has changed
        if pull.state != "open":
            return lambda _: (None, "the pull request is closed")
        if head_sha and pull.head_sha != head_sha:
            return lambda _: (None, f"{head_sha[:9]} is no longer the head of the pull request")
        return self._opening(pull, event, rerun=rerun)

    def _opening(self, pull: Pull, event: str, *, rerun: bool = False) -> Any:
        known = ledger.newest_of(self.engine, pull.head_sha, pull.number)
        if known is not None and not rerun and known["status"] != JobStatus.CANCELLED:

            def again(connection: Connection) -> tuple[str, str]:
                jobs.reassert(connection, self.settings, known["id"], now=self.now)
                return known["id"], "this head has its job already"

            return again
        plan, base = self._plan(pull)
        job = self._job(event, plan, head_sha=pull.head_sha, base_sha=base, pull=pull, rerun=rerun)
        members = [_proposal(one, plan, pull.number, pull.head_sha) for one in plan.data_sources]
        return lambda connection: self._open(connection, job, members)

    def _plan(self, pull: Pull) -> tuple[Plan, str]:
        base = self.github.merge_base(pull.base_ref, pull.head_sha)
        changed = list(self.github.changed_files(pull.number))
        too_many = f"more than {GITHUBS_MOST:,} files; GitHub lists no more" if len(changed) >= GITHUBS_MOST else ""
        return self._read(changed, pull.head_sha, base, too_many), base

    def _read(self, changed: Sequence[Changed], head: str, base: str, too_many: str = "") -> Plan:
        return plan_of(
            changed,
            Commit(self.github, head),
            Commit(self.github, base) if base else None,
            too_many=too_many,
            allow_local=limited(self.settings).allow_local_sources,
        )

    def _job(
        self,
        event: str,
        plan: Plan,
        *,
        head_sha: str,
        base_sha: str,
        pull: Pull | None = None,
        ref: str = "",
        author: str = "",
        rerun: bool = False,
    ) -> NewJob:
        stranger = pull is not None and pull.association in NEWCOMERS and len(plan.data_sources) > NEWCOMERS_MOST
        status, detail = JobStatus.PENDING, f"Too many files: {plan.too_many}" if plan.too_many else ""
        if stranger:
            count = len(plan.data_sources)
            status, detail = JobStatus.WAITING, f"Waits for approval: {count} data sources by a first-time contributor"
        elif not plan.data_sources and not plan.invalid:
            status, detail = JobStatus.NOTHING, detail or _nothing(plan)
        return NewJob(
            id=str(uuid.uuid4()),
            status=status,
            repository=self.settings.repository,
            event=event,
            head_sha=head_sha,
            base_sha=base_sha,
            pull_request=pull.number if pull else None,
            ref=ref,
            head_at=pull.updated_at if pull else None,
            author=pull.author if pull else author,
            trusted=not stranger,
            rerun=rerun,
            detail=detail,
            files=[file.as_json() for file in plan.files],
            deadline_at=self.now + jobs.LONGEST,
        )

    def _open(self, connection: Connection, job: NewJob, members: Sequence[NewMember]) -> tuple[str, str]:
        jobs.open_job(connection, self.settings, job, members, now=self.now)
        self.opened.append(job.id)
        self.keys += [member.key for member in members if member.pull_request is None]
        return job.id, f"{len(members)} data sources"

    def _closed(self, connection: Connection, event: ClosePull) -> tuple[str | None, str]:
        if event.merged:
            return None, "the pull request was merged"  # its jobs go on: their results may be published
        said = "the pull request was closed"
        cancelled = jobs.cancel_open(connection, event.number, now=self.now, detail=said)
        return (cancelled[0] if cancelled else None), said

    def _asked(self, event: Asked) -> Any:
        if event.wish == "rerun":
            return self._check_pull(event.number, "", "issue_comment", rerun=True)

        def approve(connection: Connection) -> tuple[str | None, str]:
            job_id = jobs.approve(connection, self.settings, event.number, by=event.by, now=self.now)
            return job_id, f"approved by {event.by}" if job_id else "there is nothing to approve"

        return approve

    # pushes

    def _check_push(self, event: CheckPush) -> Any:
        if ledger.newest_of(self.engine, event.after) is not None:
            return lambda _: (None, "this commit has its job already")
        if event.default:
            base, number = event.before, None
        else:
            if any(pull.head_sha == event.after for pull in self.github.open_pulls()):
                return lambda _: (None, "a pull request has this commit, and its own event")
            base, number = self.github.merge_base(self.github.default_branch(), event.after), BRANCH
        if base:
            found = self.github.compare(base, event.after)
            base = found.merge_base
            changed: Iterable[Changed] = found.files
            too_many = f"more than {len(found.files)} files" if found.truncated else ""
        else:
            changed, too_many = (), "a new default branch"
        plan = self._read(list(changed), event.after, base, too_many)
        job = self._job("push", plan, head_sha=event.after, base_sha=base, ref=event.branch, author=event.pusher)
        members = [
            _proposal(one, plan, number, event.after) if number is not None else _published(one, plan, event.after)
            for one in plan.data_sources
        ]
        return lambda connection: self._open(connection, job, members)

    def _later(self, delivery: Any, error: GitHubError) -> None:
        tries = int(delivery["tries"])
        if not error.transient or tries + 1 >= MOST_TRIES:
            log.error("delivery %s is given up: %s", delivery["guid"], error)
            self._settle(delivery["guid"], DeliveryStatus.FAILED, str(error))
            return
        wait = max(error.retry_after or 0.0, min(LONGEST_PAUSE, FIRST_PAUSE * 2**tries))
        deliveries.put_off(self.engine, delivery["guid"], detail=str(error), seconds=wait, now=self.now)
        self.put_off += 1


def _nothing(plan: Plan) -> str:
    """Why there is nothing to check, where files were changed at all."""
    said = {str(file.outcome) for file in plan.files} - {"ignored"}
    words = {"unchanged": "what changed means the same", "removed": "sources were removed only"}
    return "; ".join(words[each] for each in sorted(said) if each in words)


def _proposal(one: DataSource, plan: Plan, number: int, head_sha: str) -> NewMember:
    return NewMember(one.key, _declared(one, plan, head_sha, key=f"{number}/{head_sha}/{one.key}"), number)


def _published(one: DataSource, plan: Plan, head_sha: str) -> NewMember:
    return NewMember(one.key, _declared(one, plan, head_sha), None)


def _declared(one: DataSource, plan: Plan, head_sha: str, *, key: str = "") -> Declared:
    return Declared.of(one, blob_sha=plan.blob_shas.get(one.source, ""), commit_sha=head_sha, key=key)
