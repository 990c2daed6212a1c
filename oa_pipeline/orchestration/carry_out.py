"""One run from its opening in the ledger to its end there, without Dagster.

Ask the publisher whether anything changed; if so download, convert and publish; record how it ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..crash import point
from ..errors import PublishError
from ..ledger import ends, partitions, queries
from ..ledger.clock import LedgerClock
from ..ledger.gate import held_against
from ..ledger.runs import Ending, Opening, Ticket, beat, end_run, open_run
from ..ledger.tables import RunStatus
from ..publish.saved import whose
from . import endings, gate, merged, redrawn
from .deadline import deadline_of
from .recorded import ended_before, ending_of, ticket_of
from .unchanged import publisher_says_unchanged, reusable
from .version import code_version
from .watch import PastDeadline, Superseded, Watch, watched
from .workplace import Workplace

if TYPE_CHECKING:
    from ..process import Result, Wanted
    from ..process.index import RunFacts
    from ..publish.store import Store, StoredObject
    from ..sources.model import DataSource

Say = Callable[[str], None]
FETCHING = "download"
PATIENCE, HASTE = 600.0, 10.0  # seconds for which the end of a run is tried to be written


@dataclass(frozen=True, slots=True)
class Carried:
    """How a run went. `last` is the good run before it, `result` what was made, None where nothing had to be."""

    ticket: Ticket
    data_source: DataSource
    ending: Ending
    last: queries.Row | None
    result: Result | None = None
    unchanged: bool = False
    transient: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for. `force`: convert again though nothing changed. `final`: no other try will follow."""

    key: str
    dagster_run_id: str = ""
    attempt: int = 0
    force: bool = False
    final: bool = True
    set_id: int | None = None
    job_id: str | None = None

    @property
    def forced_by_person(self) -> bool:
        """Whether a person wants this very result: what a set or a job forces is judged like all others."""
        return self.force and self.set_id is None and self.job_id is None


def carry_out(
    workplace: Workplace,
    order: Order,
    *,
    say: Say,
    echo: Say | None = None,
    cancelled: Callable[[], bool] = lambda: True,
    now: Callable[[], datetime] | None = None,
) -> Carried:
    """Does the run and records its end. What is the source's fault is told by `Carried.ending`.

    `say` gets the few lines that matter to whoever looks at the run, `echo` every line of its log as it is written.
    `cancelled` tells of a run that was told to stop whether somebody asked for that.
    A run of Dagster's that is resumed after it had come to its end here is not done again: its end is given.
    Raises Superseded if a newer run took over; whatever else stops it (an interrupt, a fault of ours) is recorded and
    raised again.
    """
    engine = workplace.ledger()
    moment = now or LedgerClock(engine)
    tries = ends.tries(engine, order.dagster_run_id) if order.dagster_run_id else ()
    if (done := ended_before(tries)) is not None:
        say(f"run {done['id']} had ended before its process went away")
        run = _Run(workplace, order, ticket_of(done), say, echo, moment)
        before = ends.good_run_before(engine, order.key, done["id"])
        return replace(run.nothing, ending=ending_of(done), last=before, unchanged=done["copy_of"] is not None)
    opening = Opening(
        order.key, order.dagster_run_id, order.attempt, code_version(), set_id=order.set_id, job_id=order.job_id
    )
    ticket = open_run(engine, opening, now=moment())
    point("run.opened")
    deadline = deadline_of(workplace.settings, pull_request=ticket.pull_request is not None)
    try:
        run = _Run(workplace, order, ticket, say, echo, moment)
        try:
            with watched(
                lambda: beat(engine, ticket, now=now and now()),
                every=workplace.beat_seconds,
                deadline=deadline.seconds - (max(0.0, tries[0]["age"]) if tries else 0.0),
            ) as watch:
                carried = run.work(watch)
        except PastDeadline:
            carried = replace(run.nothing, ending=endings.past_deadline(run.stage, deadline, moment()))
    except Superseded:
        raise
    except BaseException as error:
        # Whoever was told to stop does not wait ten minutes for a ledger that is down.
        patience = PATIENCE if isinstance(error, Exception) else HASTE
        stopped = not isinstance(error, Exception) and cancelled()
        ending = endings.broken_off(error, moment(), cancelled=stopped)
        end_run(engine, ticket, ending, outage_seconds=patience)
        raise
    point("ledger.before-end")
    if not end_run(engine, ticket, carried.ending, outage_seconds=PATIENCE):
        raise Superseded
    point("ledger.after-end")
    return carried


class _Run:
    """The steps of one run, which share what they know."""

    def __init__(
        self,
        workplace: Workplace,
        order: Order,
        ticket: Ticket,
        say: Say,
        echo: Say | None,
        moment: Callable[[], datetime],
    ) -> None:
        from ..sources.parse import parse_declared

        self.workplace, self.order, self.ticket, self.moment = workplace, order, ticket, moment
        self.say, self.echo = say, echo
        self.stage = FETCHING
        engine = workplace.ledger()
        declared = partitions.declared(engine, order.key)
        assert declared is not None  # no run is opened for what the ledger does not know
        parsed = parse_declared(
            declared.declared, declared.coverage, declared.source, declared.layer, first=declared.first
        )
        self.data_source = replace(parsed, digest=declared.digest)
        self.blob_sha, self.commit_sha = declared.blob_sha, declared.commit_sha
        # Of a proposal: what is published of the data source that it would change.
        self.last = queries.latest_good_run(engine, partitions.proposed_key(engine, order.key))
        self.held = held_against(engine, order.key, self.last["id"]) if self.last is not None else []
        self.store: Store = workplace.store()
        self.nothing = Carried(ticket, self.data_source, Ending(RunStatus.LOST, moment()), self.last)

    def work(self, watch: Watch) -> Carried:
        if (adopted := self._adopted()) is not None:
            return adopted
        known = self._known()
        for one in known:
            if self._publisher_says_unchanged(one):
                self.say("the publisher says that nothing has changed")
                return self._again(one, None, watch)
        with self.workplace.folder(self.order.key, self.ticket.number) as folder:
            folder.keep = not self.order.final
            result = self._process(folder.path, watch, known)
            watch.check()
            if result.same_download and result.fetched is not None:
                self.say("the download has the bytes it had before")
                sha256 = result.fetched.sha256
                carried = self._again(next(one for one in known if one["cache_sha256"] == sha256), result, watch)
            else:
                carried = self._publish(folder.path, result)
            folder.keep = carried.transient and not self.order.final
        return carried

    def _known(self) -> list[queries.Row]:
        """The results that may stand for the same download: the newest that was held, and the last good one."""
        if self.order.force or self.ticket.pull_request is not None:
            return []
        found = [*self.held[:1], *([self.last] if self.last is not None else [])]
        return [one for one in found if reusable(one, self.data_source, self.store)]

    def _adopted(self) -> Carried | None:
        """The result that a merged pull request already has of this very declaration, published as this run's own.

        Sets and people ask the publisher instead, and so does whoever has a result of this declaration.
        """
        order, last = self.order, self.last
        if self.ticket.pull_request is not None or order.force or order.set_id is not None:
            return None
        if last is not None and last["digest"] == self.data_source.digest:
            return None
        found = merged.proposed(self.workplace.ledger(), self.data_source, self.blob_sha, now=self.moment())
        if found is None:
            return None
        self.stage = "publish"
        try:
            outputs = merged.adopt(self.store, found, self.ticket.prefix, self._facts(), whose=self._whose())
        except PublishError as error:
            self.say(f"the result of run {found['id']} cannot be taken over: {error}")
            return None
        self.say(f"published as run {found['id']} made it for pull request {found['pull_request']}")
        ending = replace(
            endings.same_as(found, None, self.moment()), outputs=outputs, prefix=self.ticket.prefix, copy_of=None
        )
        return replace(self.nothing, ending=self._judged(ending))

    def _publisher_says_unchanged(self, last: queries.Row) -> bool:
        from ..process.steps import budget_of, guard_of

        settings = self.workplace.settings
        return publisher_says_unchanged(
            self.data_source, last, budget=budget_of(settings), guard=guard_of(settings), hosts=self.workplace.hosts
        )

    def _process(self, folder: Path, watch: Watch, known: Sequence[queries.Row]) -> Result:
        from ..process import Wanted, process

        settings = self.workplace.settings
        return process(
            self.data_source,
            folder,
            settings=settings,
            converter=self.workplace.converter(),
            known_sha256=[one["cache_sha256"] for one in known if one["cache_sha256"]],
            hosts=self.workplace.hosts,
            run=self._facts(),
            maps=Wanted(preview=settings.previews, tiles=settings.slippy_maps),
            on_progress=self._at(watch),
            echo=self.echo,
        )

    def _at(self, watch: Watch) -> Callable[[str, int, int | None], None]:
        def on_progress(stage: str, _done: int, _total: int | None) -> None:
            self.stage = stage
            watch.check()

        return on_progress

    def _whose(self) -> str:
        one = self.data_source
        return whose(one.source, str(one.layer), one.name, self.ticket.pull_request)

    def _facts(self) -> RunFacts:
        from ..process.index import RunFacts

        order = self.order
        return RunFacts(
            number=self.ticket.number,
            partition=order.key,
            code_version=code_version(),
            blob_sha=self.blob_sha,
            commit_sha=self.commit_sha,
            dagster_run_id=order.dagster_run_id,
            attempt=order.attempt,
            set_id=order.set_id,
            job_id=order.job_id,
            forced=order.forced_by_person,
        )

    def _again(self, one: queries.Row, result: Result | None, watch: Watch) -> Carried:
        ending = endings.same_as(one, result.fetched if result else None, self.moment())
        wanted = redrawn.lacking(one, self.workplace.settings)
        if wanted and self.order.job_id is None:
            ending = self._with_maps(ending, one, wanted, watch)
        return replace(self.nothing, ending=self._judged(ending), unchanged=True)

    def _with_maps(self, ending: Ending, one: queries.Row, wanted: Wanted, watch: Watch) -> Ending:
        """For sets and people, who ask rarely enough that what never goes well may be tried each time."""
        self.say(f"a map that run {one['id']} lacks is drawn of its rows")
        with self.workplace.folder(self.order.key, self.ticket.number) as folder:
            ending = redrawn.with_maps(
                ending,
                one,
                wanted,
                data_source=self.data_source,
                number=self.ticket.number,
                whose=self._whose(),
                workplace=self.workplace,
                folder=folder.path,
                on_progress=self._at(watch),
            )
        return replace(ending, ended_at=self.moment())

    def _judged(self, ending: Ending) -> Ending:
        """The end as the gate lets it be: a result that lost too much does not replace the last good one."""
        if ending.status is not RunStatus.SUCCEEDED or self.ticket.pull_request is not None:
            return ending
        decision = gate.decide(
            gate.facts_of_ending(ending, self.data_source.digest, code_version()),
            ending.ended_at,
            self.last,
            self.held,
            gate.limits_of(self.workplace.settings),
            forced=self.order.forced_by_person,
        )
        if decision.held:
            self.say(f"held, and not published: {'; '.join(decision.because)}")
        return gate.applied(decision, ending)

    def _publish(self, folder: Path, result: Result) -> Carried:
        from ..publish.results import publish_run

        self.stage = "publish"
        began = time.monotonic()
        stored: dict[str, StoredObject] = publish_run(
            self.store, self.ticket.prefix, self.data_source.source, result, folder, whose=self._whose()
        )
        ending = endings.of_result(self.data_source, result, stored, self.ticket, self.moment())
        spent = {**ending.seconds, "publish": round(time.monotonic() - began, 3)}
        sampled = endings.sampled(result.outcome.counters, self.workplace.settings.convert_rows)
        ending = self._judged(replace(ending, seconds=spent, sampled=sampled))
        return replace(self.nothing, ending=ending, result=result, transient=result.transient)
