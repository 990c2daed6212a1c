"""Every question that pages and sensors put to the ledger, as it would be put to the one of `many_runs`.

A test and a benchmark go through this table. A function of the ledger that is in it by neither name is a mistake: it
belongs into QUESTIONS, or with its reason into NOT_ASKED.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from oa_pipeline import ledger
from oa_pipeline.ledger import (
    assignments,
    backlog,
    builds,
    changes,
    clock,
    copies,
    coverage,
    deliveries,
    dotmap,
    ends,
    estimates,
    gate,
    heartbeats,
    history,
    jobs,
    listing,
    machines,
    members,
    notices,
    outbox,
    partitions,
    queries,
    results,
    reuse,
    runs,
    sets,
    snapshot,
    soundness,
    standing,
    statistics,
    version,
)
from oa_pipeline.ledger.assignments import Assignment
from oa_pipeline.ledger.copies import Basis
from oa_pipeline.ledger.engine import in_transaction
from oa_pipeline.ledger.heartbeats import Beat
from oa_pipeline.ledger.listing import Which
from oa_pipeline.ledger.runs import Ending, Opening, Ticket
from oa_pipeline.ledger.tables import DeliveryStatus, JobStatus, Outcome, RunStatus, Stage
from oa_pipeline_tests.ledger import many_runs as data
from oa_pipeline_tests.ledger.many_runs import KEY, NOW, RUNS, SET

FEW, SOME, WHOLE = 400, 6_000, 60_000  # blocks and rows: a page's or a sensor's look, a whole set's keys, all its runs
KEYS = [f"us/ca/c{5 * n + 2}/addresses/county" for n in range(50) if n % 2]
NUMBERS = list(range(RUNS - 50, RUNS))
MINUTE = timedelta(minutes=1)
TICKET = Ticket(RUNS - 5, f"us/ca/c{data.BY_HAND - 5}/addresses/county", RUNS - 5)
WANTED = reuse.Wanted(data.BLOB, "addresses", "county", "1.0")


@dataclass(frozen=True)
class Question:
    """How a function is asked, what it may touch, and whether it answers a person or a sensor that waits for it."""

    ask: Callable[[sa.Engine], object]
    most: int = FEW
    waited_for: bool = True


def q(ask: Callable[[sa.Engine], object], most: int = FEW, *, waited_for: bool = True) -> Question:
    return Question(ask, most, waited_for)


def within(ask: Callable[[sa.Connection], object]) -> Question:
    """Of what is asked as a part of somebody's transaction."""
    return Question(lambda e: in_transaction(e, ask))


QUESTIONS: Mapping[str, Question] = {
    "queries.run": q(lambda e: queries.run(e, data.RUN)),
    "queries.named": q(lambda e: queries.named(e, data.RUN)),
    "queries.latest_good_run": q(lambda e: queries.latest_good_run(e, KEY)),
    "queries.latest_good_runs": q(lambda e: queries.latest_good_runs(e, KEYS), SOME),
    "queries.latest_runs": q(lambda e: queries.latest_runs(e, KEYS), SOME),
    "queries.history": q(lambda e: queries.history(e, KEY)),
    "queries.running": q(lambda e: queries.running(e)),
    "queries.running, silent": q(lambda e: queries.running(e, silent_since=NOW - MINUTE)),
    "queries.late": q(lambda e: queries.late(e, 100)),
    "snapshot.runs_to_date": q(lambda e: snapshot.runs_to_date(e), WHOLE, waited_for=False),
    "snapshot.runs_to_date, a layer": q(lambda e: snapshot.runs_to_date(e, layer="parcels"), WHOLE, waited_for=False),
    "snapshot.state_to_date": q(lambda e: snapshot.state_to_date(e), WHOLE, waited_for=False),
    "snapshot.lines_to_date": q(lambda e: snapshot.lines_to_date(e, "addresses"), WHOLE),
    "snapshot.lines_of_set": q(lambda e: snapshot.lines_of_set(e, SET - 1, "addresses"), WHOLE),
    "snapshot.runs_of_set": q(lambda e: snapshot.runs_of_set(e, SET - 1), WHOLE, waited_for=False),
    "standing.standing": q(lambda e: standing.standing(e), WHOLE, waited_for=False),
    "standing.reasons": q(lambda e: standing.reasons(e, NUMBERS)),
    "changes.changes": q(lambda e: changes.changes(e), WHOLE),
    "changes.changes, of a set": q(lambda e: changes.changes(e, before=RUNS - 20_000, kind="recovered"), WHOLE),
    "changes.changes, that are rare": q(lambda e: changes.changes(e, kind="held", layer="parcels", area="us"), WHOLE),
    # A connection that is new, as any may be, first reads what the function is made of: three times its answer.
    "version.data_version": q(lambda e: version.data_version(e), 4 * FEW),
    "history.source_history": q(lambda e: history.source_history(e, KEY)),
    "history.source_history, by path": q(lambda e: history.source_history(e, data.SOURCE)),
    "history.source_history, a later page": q(lambda e: history.source_history(e, KEY, before=data.RUN, limit=10)),
    "history.latest_run": q(lambda e: history.latest_run(e, KEY)),
    "history.latest_run, by path": q(lambda e: history.latest_run(e, data.SOURCE)),
    "history.key_named": q(lambda e: history.key_named(e, data.SOURCE)),
    "reuse.result_for_job": q(lambda e: reuse.result_for_job(e, WANTED, now=NOW)),
    "reuse.result_of_merge": q(lambda e: reuse.result_of_merge(e, KEY, WANTED, now=NOW)),
    "reuse.mark_merged": q(lambda e: reuse.mark_merged(e, data.PULL_REQUEST, "f" * 40)),
    "runs.open_run": q(lambda e: runs.open_run(e, Opening(KEY), now=NOW)),
    "runs.beat": q(lambda e: runs.beat(e, TICKET, now=NOW)),
    "runs.end_run": q(lambda e: runs.end_run(e, TICKET, Ending(RunStatus.SUCCEEDED, NOW))),
    "runs.end_absent": q(lambda e: runs.end_absent(e, RUNS - 6, RunStatus.LOST, "", now=NOW)),
    "ends.tries": q(lambda e: ends.tries(e, f"dagster-{data.RUN}")),
    "clock.set_right": q(lambda e: clock.set_right(e)),
    "ends.good_run_before": q(lambda e: ends.good_run_before(e, KEY, data.RUN)),
    "ends.end_given_up": q(lambda e: ends.end_given_up(e, MINUTE * 5)),
    "ends.end_nobodys": q(lambda e: ends.end_nobodys(e, MINUTE * 5)),
    "listing.list_runs": q(lambda e: listing.list_runs(e)),
    "listing.list_runs, failed": q(lambda e: listing.list_runs(e, Which.FAILED), SOME),
    "listing.list_runs, running": q(lambda e: listing.list_runs(e, Which.RUNNING)),
    "listing.list_runs, late": q(lambda e: listing.list_runs(e, Which.LATE)),
    "listing.list_runs, of a set": q(lambda e: listing.list_runs(e, Which.FAILED, set_id=3), SOME),
    "listing.list_runs, by key": q(lambda e: listing.list_runs(e, pattern="us/ca/c2/*"), WHOLE),
    "partitions.known": q(lambda e: partitions.known(e), WHOLE),
    "partitions.declared": q(lambda e: partitions.declared(e, KEY)),
    "partitions.declared_ones": q(lambda e: partitions.declared_ones(e, KEYS), SOME),
    "partitions.proposed_key": q(lambda e: partitions.proposed_key(e, data.PROPOSAL)),
    "partitions.former_keys": q(lambda e: partitions.former_keys(e, KEY)),
    "partitions.mark_removed": q(lambda e: partitions.mark_removed(e, ["us/ca/c4862/addresses/county"], now=NOW)),
    "assignments.offer": q(lambda e: assignments.offer(e, Assignment("new"))),
    "assignments.take": q(lambda e: assignments.take(e, data.WORKER, 4)),
    "assignments.held": q(lambda e: assignments.held(e, data.WORKER)),
    "assignments.end": q(lambda e: assignments.end(e, data.WORKER, Assignment("new"), Stage.DONE, "")),
    "assignments.give_back": q(lambda e: assignments.give_back(e, data.WORKER, Assignment("new"))),
    "assignments.withdraw": q(lambda e: assignments.withdraw(e, "new")),
    "assignments.standing": q(lambda e: assignments.standing(e, f"dagster-{RUNS - 3}")),
    "assignments.abandoned": q(lambda e: assignments.abandoned(e, MINUTE)),
    "assignments.waiting": q(lambda e: assignments.waiting(e)),
    "assignments.deliveries": q(lambda e: assignments.deliveries(e, [Assignment(f"dagster-{n}") for n in NUMBERS])),
    "backlog.backlog": q(lambda e: backlog.backlog(e, MINUTE), SOME),
    "machines.owners": q(lambda e: machines.owners(e, MINUTE)),
    "machines.has_instance": q(lambda e: machines.has_instance(e, Assignment("new"), "", "i-1")),
    "machines.named": q(lambda e: machines.named(e)),
    "machines.heard": q(lambda e: machines.heard(e, MINUTE)),
    "soundness.webhook": q(lambda e: soundness.webhook(e)),
    "notices.untold": q(lambda e: notices.untold(e, ["set/1"])),
    "notices.our_faults": q(lambda e: notices.our_faults(e, NOW - MINUTE * 60), SOME),
    "builds.failed_since": q(lambda e: builds.failed_since(e, NOW - MINUTE * 60)),
    "notices.over": q(lambda e: notices.over(e, "set/1")),
    "heartbeats.beat": q(lambda e: heartbeats.beat(e, Beat(data.WORKER, "host", 1, 4))),
    "heartbeats.leave": q(lambda e: heartbeats.leave(e, "nobody")),
    "heartbeats.bury": q(lambda e: heartbeats.bury(e, MINUTE * 90)),
    "heartbeats.live_slots": q(lambda e: heartbeats.live_slots(e, MINUTE)),
    "heartbeats.workers": q(lambda e: heartbeats.workers(e)),
    "sets.open_one": q(lambda e: sets.open_one(e)),
    "sets.newest": q(lambda e: sets.newest(e)),
    "sets.latest_complete": q(lambda e: sets.latest_complete(e)),
    "sets.listed": q(lambda e: sets.listed(e)),
    "sets.listed, a later page": q(lambda e: sets.listed(e, before=30)),
    "sets.set_of": q(lambda e: sets.set_of(e, SET)),
    "sets.ended_after": q(lambda e: sets.ended_after(e, 1)),
    "sets.ended_since": q(lambda e: sets.ended_since(e, data.ago(days=30))),
    "sets.tally": q(lambda e: sets.tally(e, SET), WHOLE),
    "sets.hosts": q(lambda e: sets.hosts(e, SET), WHOLE),
    "sets.not_ended": q(lambda e: sets.not_ended(e, SET), SOME),
    "members.claim": q(lambda e: members.claim(e, SET, "probe", 500, now=NOW), WHOLE),
    "members.probed_by": q(lambda e: members.probed_by(e, SET), SOME),
    "members.due": q(lambda e: members.due(e, SET, KEYS, "probe", now=NOW), SOME),
    "members.release": q(lambda e: members.release(e, SET, ["probe"], now=NOW), WHOLE),
    "members.next_due": q(lambda e: members.next_due(e, SET, of_a_host=2, limit=8), SOME),
    "members.queue": q(lambda e: members.queue(e, SET, KEYS, now=NOW), SOME),
    "members.queued": q(lambda e: members.queued(e, SET), SOME),
    "members.asked_again": q(lambda e: members.asked_again(e, SET, KEYS, now=NOW), SOME),
    "members.another_try": q(lambda e: members.another_try(e, SET, KEYS, "", now=NOW), SOME),
    "members.end": q(lambda e: members.end(e, SET, [members.Ended(KEY, Outcome.LOST)], now=NOW)),
    "members.runs_of": q(lambda e: members.runs_of(e, [f"dagster-{n}" for n in NUMBERS]), SOME),
    "members.listed": q(lambda e: members.listed(e, SET, after=KEY), SOME),
    "members.listed, of a problem": q(
        lambda e: members.listed(e, SET - 1, outcome="failed", problem="Found no features in source data"), WHOLE
    ),
    "members.listed, backwards": q(lambda e: members.listed(e, SET, outcome="failed", before=KEY), SOME),
    "members.rows_by_layer": q(lambda e: members.rows_by_layer(e, SET - 1), WHOLE),
    "members.probe_none": q(lambda e: members.probe_none(e, SET, now=NOW), WHOLE, waited_for=False),
    "copies.record_copy": q(
        lambda e: copies.record_copy(
            e, Opening(KEY, set_id=SET), Basis(1, "d"), Ending(RunStatus.SUCCEEDED, NOW, copy_of=7), now=NOW
        )
    ),
    "estimates.estimates": q(lambda e: estimates.estimates(e, KEYS, deadline=MINUTE * 540), WHOLE, waited_for=False),
    "gate.held": q(lambda e: gate.held(e), WHOLE),
    "gate.held_against": q(lambda e: gate.held_against(e, KEY, data.RUN)),
    "builds.last_published": q(lambda e: builds.last_published(e, "collections")),
    "builds.newest": q(lambda e: builds.newest(e, "tiles")),
    "builds.current_zips": q(lambda e: builds.current_zips(e), SOME),
    "builds.current_tiles": q(lambda e: builds.current_tiles(e), SOME, waited_for=False),
    "builds.tile": q(lambda e: builds.tile(e, -120, -25)),
    "builds.artifact": q(lambda e: builds.artifact(e, "artifact-1")),
    "dotmap.areas": q(lambda e: dotmap.areas(e), waited_for=False),
    "coverage.declared": q(lambda e: coverage.declared(e), WHOLE, waited_for=False),
    "coverage.areas": q(lambda e: coverage.areas(e, "country")),
    "coverage.area": q(lambda e: coverage.area(e, "state", "S7")),
    "coverage.sources_of": q(lambda e: coverage.sources_of(e, "US", "S7"), SOME),
    "coverage.sources_of, a country": q(lambda e: coverage.sources_of(e, "US"), SOME),
    "coverage.matched": q(lambda e: coverage.matched(e), SOME),
    "coverage.sets_without": q(lambda e: coverage.sets_without(e, "render-world.png", since=data.ago(days=90))),
    "results.identities": q(lambda e: results.identities(e, NUMBERS)),
    "statistics.complete_sets": q(lambda e: statistics.complete_sets(e)),
    "statistics.results_of_set": q(lambda e: statistics.results_of_set(e, SET - 1), WHOLE, waited_for=False),
    "statistics.changes_between": q(lambda e: statistics.changes_between(e, SET - 2, SET - 1), WHOLE, waited_for=False),
    "statistics.index_numbers": q(lambda e: statistics.index_numbers(e), WHOLE, waited_for=False),
    "statistics.problems_to_date": q(lambda e: statistics.problems_to_date(e), WHOLE, waited_for=False),
    "statistics.newest_event": q(lambda e: statistics.newest_event(e), WHOLE),
    "deliveries.waiting": q(lambda e: deliveries.waiting(e, now=NOW)),
    "deliveries.counts": q(lambda e: deliveries.counts(e, since=data.ago(days=1))),
    "deliveries.put_off": q(lambda e: deliveries.put_off(e, "guid-19990", detail="", seconds=1, now=NOW)),
    "deliveries.put_off_all": q(lambda e: deliveries.put_off_all(e, until=NOW), SOME),
    "deliveries.settle": within(lambda c: deliveries.settle(c, "guid-19991", DeliveryStatus.HANDLED, now=NOW)),
    "jobs.job": q(lambda e: jobs.job(e, data.JOB)),
    "jobs.locked": within(lambda c: jobs.locked(c, data.JOB)),
    "jobs.listed": q(lambda e: jobs.listed(e)),
    "jobs.listed, a later page": q(lambda e: jobs.listed(e, before=1500)),
    "jobs.in_turns": q(lambda e: jobs.in_turns(e)),
    "jobs.overdue": q(lambda e: jobs.overdue(e, now=NOW)),
    "jobs.members_of": q(lambda e: jobs.members_of(e, [f"job-{n:05d}" for n in range(2981, 3001)])),
    "jobs.of_pull_request": q(lambda e: jobs.of_pull_request(e, data.PULL_REQUEST)),
    "jobs.newest_of": q(lambda e: jobs.newest_of(e, f"{data.JOBS:040x}", data.PULL_REQUEST)),
    "jobs.tallies": q(lambda e: jobs.tallies(e, [f"job-{n:05d}" for n in range(2975, 3001)]), SOME),
    "jobs.members": q(lambda e: jobs.members(e, data.JOB)),
    "jobs.waiting_members": q(lambda e: jobs.waiting_members(e, data.JOB)),
    "jobs.unfinished": q(lambda e: jobs.unfinished(e)),
    "jobs.queued": q(lambda e: jobs.queued(e, data.JOB, [KEY], now=NOW)),
    "jobs.change": within(lambda c: jobs.change(c, data.JOB, comment_id=7)),
    "jobs.end_member": within(lambda c: jobs.end_member(c, data.JOB, KEY, run_id=data.RUN, now=NOW)),
    "jobs.set_status": within(lambda c: jobs.set_status(c, data.JOB, JobStatus.FAILING, detail="", now=NOW)),
    "outbox.due": q(lambda e: outbox.due(e, now=NOW)),
    "outbox.of_job": q(lambda e: outbox.of_job(e, data.JOB)),
    "outbox.owed": q(lambda e: outbox.owed(e)),
    "outbox.paid": q(lambda e: outbox.paid(e, 8990, now=NOW)),
    "outbox.later": q(lambda e: outbox.later(e, 8991, at=NOW, detail="")),
    "outbox.forgive": q(lambda e: outbox.forgive(e, 8992, now=NOW, detail="")),
    "outbox.forgive_job": within(lambda c: outbox.forgive_job(c, data.JOB, now=NOW, detail="")),
    "outbox.put_off_all": q(lambda e: outbox.put_off_all(e, until=NOW), SOME),
    "outbox.owe": within(
        lambda c: outbox.owe(c, job_id=data.JOB, kind="status", target="x", payload={"state": "failure"}, now=NOW)
    ),
}

NOT_ASKED: Mapping[str, str] = {
    "engine.in_transaction": "asks nothing itself",
    "masking.mask_writes": "asks nothing",
    "clock.database_time": "asks no table",
    "reading.rows": "asks nothing itself",
    "reading.row": "asks nothing itself",
    "reading.records": "asks nothing itself",
    "bell.ring": "asks nothing",
    "upgrade.configuration": "asks nothing",
    "upgrade.schema_version": "of one row",
    "runs.let_through": "of few runs, by their numbers",
    "runs.point_at": "a part of runs.end_run, which is asked",
    "jobs.insert": "writes what it is given",
    "partitions.record": "writes what it is given, by key",
    "partitions.record_renames": "writes what it is given, by key",
    "assignments.forget_ended": "housekeeping; an index on the end of attempts leads it",
    "soundness.server": "oa doctor: of the server, of no table of ours",
    "soundness.ledger_version": "oa doctor: one row",
    "soundness.dagster_version": "oa doctor: one row, of Dagster's",
    "notices.told": "writes one row, by its key",
    "notices.forget": "housekeeping, once a day, of a few rows",
    "deliveries.receive": "writes one row, by its id",
    "sets.open_set": "once a week",
    "sets.end_set": "once a week",
    "gate.accept": "a person decides about one run, by its number",
    "gate.reject": "a person decides about one run, by its number",
    "reindex.unknown_runs": "after a restored backup; by numbers",
    "reindex.unknown_sources": "after a restored backup; by keys",
    "reindex.go_on_after": "after a restored backup",
    "reindex.enter": "after a restored backup; writes one row",
    "reindex.is_latest": "after a restored backup; looks through the pointers",
    "coverage.publish": "writes what it is given, once a night",
    "builds.begin_build": "once a night; few builds have ever been",
    "builds.publish_zips": "writes what it is given, once a night",
    "builds.publish_tiles": "writes what it is given, once a night",
    "builds.publish_artifacts": "writes what it is given, once a night",
    "builds.end_as_published": "a part of what publishes",
    "builds.put": "writes what it is given",
    "dotmap.keep_area": "writes one row, in a build",
    "dotmap.publish_dotmap": "writes what it is given, once a night",
    "builds.fail_build": "one row, by its number",
    "builds.add_facts": "one row, by its number",
    "forgetting.forget": "housekeeping, at night",
    "forgetting.forget_proposals": "housekeeping, at night",
    "forgetting.old_rows": "housekeeping, at night",
    "forgetting.quiet_proposals": "housekeeping, at night",
    "retention.all_builds": "housekeeping, at night",
    "retention.doomed": "housekeeping, at night: looks at all that is stored, by design",
    "retention.gone": "housekeeping, at night",
    "retention.mark": "housekeeping, at night",
    "retention.marked": "housekeeping, at night",
    "retention.named_by_builds": "housekeeping, at night",
    "retention.placed": "housekeeping, at night",
    "statistics.best_of_sources": "of a few names that the statistics lack, once a night",
}


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function of the ledger that takes an engine or a connection first, by `module.name`."""
    for found in pkgutil.iter_modules(ledger.__path__):
        if found.ispkg:
            continue
        module = importlib.import_module(f"{ledger.__name__}.{found.name}")
        for name, thing in inspect.getmembers(module, inspect.isfunction):
            if thing.__module__ == module.__name__ and not name.startswith("_") and _speaks(thing):
                yield f"{found.name}.{name}", thing


def _speaks(function: Callable[..., Any]) -> bool:
    first = next(iter(inspect.signature(function).parameters.values()), None)
    return first is not None and any(kind in str(first.annotation) for kind in ("Engine", "Connection"))


def of(name: str) -> str:
    """The function that a question is put to: a name may go on after a comma."""
    return name.partition(",")[0]
