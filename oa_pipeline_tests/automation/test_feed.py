from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import (
    AssetMaterialization,
    AssetObservation,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    RunRequest,
    RunsFilter,
    SensorResult,
    build_sensor_context,
)
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.test_utils import create_run_for_test

from oa_pipeline.assets.source import PARTITIONS
from oa_pipeline.automation.feed import choose, stop_set
from oa_pipeline.automation.weekly import Cursor, look_at_sets
from oa_pipeline.definitions import build_defs
from oa_pipeline.ledger import heartbeats, members, sets
from oa_pipeline.ledger.heartbeats import Beat
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.runs import Ending, Opening, end_run, open_run
from oa_pipeline.ledger.sets import Member, NewSet, open_set
from oa_pipeline.ledger.tables import RunStatus, SetStatus
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings
from oa_pipeline_tests.automation.publishers import Queue, key
from oa_pipeline_tests.workers.system import remote_origin

NOW = datetime(2026, 3, 6, 21, tzinfo=UTC)
FAILED = "Could not download source data"


@dataclass
class Look:
    """What one look at sets led to."""

    requests: list[RunRequest]
    events: list[Any]
    said: str

    @property
    def keys(self) -> list[str]:
        return [one.partition_key or one.job_name or "" for one in self.requests]


@dataclass
class Office:
    """A set, the sensor that feeds it, and a queue into which its requests go only where the test puts them."""

    instance: DagsterInstance
    engine: sa.Engine
    workplace: Workplace
    queue: Queue
    now: datetime = NOW
    cursor: str | None = None
    number: int = 0
    tickets: dict[str, Any] = field(default_factory=dict)

    def begin(self, hosts: dict[str, str], *, force: bool = True, hours: float = 60) -> int:
        """A set of these names, all of them due unless `force` is false."""
        declared = [Declared(key(n), f"xx/{n}", "addresses", "city", {}, {}, n) for n in hosts]
        record(self.engine, declared, now=self.now)
        self.instance.add_dynamic_partitions(PARTITIONS, [key(n) for n in hosts])
        new = NewSet("a/b", self.now + timedelta(hours=hours), force=force)
        self.number = open_set(self.engine, new, [Member(key(n), h, 60.0) for n, h in hosts.items()], now=self.now)
        return self.number

    def slots(self, count: int) -> None:
        heartbeats.beat(self.engine, Beat("worker", "host", 1, count))

    def look(self, *, seconds: float = 0, save: bool = True) -> Look:
        """One look, so many seconds later. Without `save` the sensor's process died before the cursor was stored."""
        self.now += timedelta(seconds=seconds)
        found = look_at_sets(self.instance, self.cursor, self.workplace, now=self.now)
        assert isinstance(found, SensorResult)
        if save:
            self.cursor = found.cursor
        said = found.skip_reason.skip_message if found.skip_reason else ""
        return Look(list(found.run_requests or []), list(found.asset_events), said or "")

    def go(self, *, seconds: float = 0) -> list[DagsterRun]:
        """A look whose requests Dagster's daemon puts into the queue."""
        return self.queue.submit(self.look(seconds=seconds).requests)

    def to(self, run: DagsterRun, status: DagsterRunStatus) -> None:
        from dagster import DagsterEvent, DagsterEventType

        kind = {
            DagsterRunStatus.STARTED: DagsterEventType.RUN_START,
            DagsterRunStatus.SUCCESS: DagsterEventType.RUN_SUCCESS,
            DagsterRunStatus.FAILURE: DagsterEventType.RUN_FAILURE,
            DagsterRunStatus.CANCELED: DagsterEventType.RUN_CANCELED,
        }[status]
        event = DagsterEvent(kind.value, run.job_name, message="by a test")
        self.instance.report_dagster_event(event, run_id=run.run_id)

    def ran(self, run: DagsterRun, status: RunStatus | None, dagsters: DagsterRunStatus, **ending: Any) -> int | None:
        """Carries a run out, as far as ledger and Dagster see it."""
        number = None
        if status is not None:
            opening = Opening(run.tags["dagster/partition"], run.run_id, set_id=int(run.tags["oa/set"]))
            ticket = open_run(self.engine, opening, now=self.now)
            number = ticket.number
            if status is not RunStatus.RUNNING:
                problem = FAILED if status is RunStatus.FAILED else None
                assert end_run(self.engine, ticket, Ending(status, self.now, problem=problem, **ending))
        self.to(run, dagsters)
        return number

    @property
    def row(self) -> dict[str, Any]:
        return dict(sets.set_of(self.engine, self.number) or {})

    def steps(self) -> dict[str, int]:
        return dict(sets.tally(self.engine, self.number).steps)


@pytest.fixture
def office(coordinated: DagsterInstance, engine: sa.Engine, database: str, tmp_path: Path) -> Office:
    workplace = Workplace(Settings(home=tmp_path, database_url=database))
    return Office(coordinated, engine, workplace, Queue(coordinated))


# ---- the drip ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("room", "waiting", "chosen"),
    [
        pytest.param(9, {}, "abd", id="two of a host"),
        pytest.param(2, {}, "ab", id="no more than there is room for"),
        pytest.param(9, {"big": 2}, "d", id="what waits counts"),
        pytest.param(9, {"big": 1}, "ad", id="one of a host waits"),
        pytest.param(0, {}, "", id="no room"),
    ],
)
def test_a_host_never_has_more_waiting_than_it_gets_at_a_time(room: int, waiting: dict[str, int], chosen: str) -> None:
    candidates = [{"key": n, "host": "big" if n < "d" else "small"} for n in "abcd"]
    assert choose(candidates, room=room, waiting=Counter(waiting), of_a_host=2) == list(chosen)


def test_data_sources_without_a_host_wait_for_nobody() -> None:
    assert choose([{"key": n, "host": ""} for n in "abcd"], room=4, waiting=Counter({"": 9}), of_a_host=1) == [*"abcd"]


def test_few_runs_wait_and_the_longest_are_first(office: Office) -> None:
    office.begin({n: f"host-{n}" for n in "abcdefgh"})
    assert office.look().keys == [], "without a worker nothing is asked for"
    office.slots(2)
    first = office.go()
    assert [run.tags["dagster/partition"] for run in first] == [key(n) for n in "abcd"], "two for each slot"
    assert office.go(seconds=15) == [], "while they wait"
    for run in first[:3]:
        office.to(run, DagsterRunStatus.STARTED)
    assert [run.tags["dagster/partition"] for run in office.go(seconds=15)] == [key(n) for n in "efg"]


def test_requests_carry_what_decides_their_turn(office: Office) -> None:
    number = office.begin({"a": "data.example.com"})
    office.slots(1)
    (request,) = office.look().requests
    assert (request.job_name, request.partition_key) == ("process", key("a"))
    assert request.run_key == f"set/{number}/{key('a')}/1"
    assert dict(request.tags) == {
        "oa/kind": "batch",
        "oa/set": str(number),
        "oa/host": "data.example.com",
        "dagster/priority": "-1",
    }
    assert request.run_config == {"ops": {"source": {"config": {"force": True}}}}


def test_backfills_that_wait_leave_less_room(office: Office) -> None:
    office.begin({n: f"host-{n}" for n in "abcd"})
    office.slots(1)
    create_run_for_test(
        office.instance,
        status=DagsterRunStatus.QUEUED,
        tags={"oa/kind": "batch"},
        remote_job_origin=remote_origin("process"),
    )
    assert office.look().keys == [key("a")]


def test_one_slow_host_does_not_fill_the_queue(office: Office) -> None:
    office.begin({**{f"a{n}": "slow.example" for n in range(8)}, "b": "other.example"})
    office.slots(4)
    assert sorted(office.look().keys) == [key("a0"), key("a1"), key("b")]


def test_a_data_source_that_somebody_runs_is_passed_over_until_that_has_ended(office: Office) -> None:
    office.begin({n: f"host-{n}" for n in "ab"})
    office.slots(2)
    persons = create_run_for_test(
        office.instance, status=DagsterRunStatus.STARTED, tags={"dagster/partition": key("a")}
    )
    assert [run.tags["dagster/partition"] for run in office.go()] == [key("b")]
    office.to(persons, DagsterRunStatus.SUCCESS)
    assert office.look(seconds=15).keys == [key("a")]


def test_what_left_the_repository_meanwhile_ends_as_removed(office: Office) -> None:
    office.begin({"a": "", "b": ""})
    office.slots(2)
    office.instance.delete_dynamic_partition(PARTITIONS, key("a"))
    assert office.look().keys == [key("b")]
    assert sets.tally(office.engine, office.number).outcomes == {"removed": 1}


# ---- crashes -----------------------------------------------------------------------------------------------


def test_a_crash_between_launching_and_saving_makes_no_run_twice(office: Office) -> None:
    office.begin({n: f"host-{n}" for n in "abc"})
    office.slots(1)
    lost = office.look(save=False).requests
    office.queue.submit(lost[:1])  # and then the daemon died
    again = office.look(seconds=61).requests
    assert {one.run_key for one in again} == {one.run_key for one in lost[1:]}, "the same run keys"
    office.queue.submit(again)
    office.queue.submit(lost)  # a tick that the daemon takes up again
    runs = office.instance.get_runs(RunsFilter(tags={"oa/set": str(office.number)}))
    assert sorted(run.tags["dagster/partition"] for run in runs) == [key("a"), key("b")]


def test_a_run_that_never_came_is_asked_for_again_after_a_minute_under_the_same_key(office: Office) -> None:
    office.begin({"a": ""})
    office.slots(1)
    first = office.look().requests
    assert office.look(seconds=30).requests == []
    assert [one.run_key for one in office.look(seconds=31).requests] == [first[0].run_key]
    assert office.look(seconds=1).requests == [], "and then not before another minute"
    office.queue.submit(first, DagsterRunStatus.NOT_STARTED)
    assert office.look(seconds=61).keys == [key("a")], "it was made and not put into the queue"


# ---- the ends of runs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "dagsters", "outcome"),
    [
        pytest.param(RunStatus.SUCCEEDED, DagsterRunStatus.SUCCESS, "succeeded", id="succeeded"),
        pytest.param(RunStatus.HELD, DagsterRunStatus.SUCCESS, "held", id="held"),
        pytest.param(RunStatus.FAILED, DagsterRunStatus.FAILURE, "failed", id="failed"),
        pytest.param(RunStatus.SKIPPED, DagsterRunStatus.SUCCESS, "skipped", id="skipped"),
        pytest.param(RunStatus.CANCELLED, DagsterRunStatus.CANCELED, "cancelled", id="cancelled at work"),
        pytest.param(None, DagsterRunStatus.CANCELED, "cancelled", id="cancelled in the queue"),
    ],
)
def test_a_member_ends_as_its_run_did(
    office: Office, ours: RunStatus | None, dagsters: DagsterRunStatus, outcome: str
) -> None:
    office.begin({"a": ""})
    office.slots(1)
    (run,) = office.go()
    extra = {"held_because": ("rows",)} if ours is RunStatus.HELD and "held_because" in Ending.__slots__ else {}
    number = office.ran(run, ours, dagsters, **extra)
    office.look(seconds=15)
    row = office.row
    assert (row["status"], row["counts"][outcome], row["counts"]["ended"]) == ("complete", 1, 1)
    assert row["counts"]["problems"] == ({FAILED: 1} if ours is RunStatus.FAILED else {})
    with office.engine.connect() as connection:
        held = connection.execute(sa.text("SELECT run_id, dagster_run_id FROM oa.set_members")).one()
    assert tuple(held) == (number, run.run_id)


def test_a_copy_that_its_own_run_made_counts_as_unchanged(office: Office) -> None:
    office.begin({"a": ""})
    office.slots(1)
    last = open_run(office.engine, Opening(key("a")), now=NOW)
    end_run(office.engine, last, Ending(RunStatus.SUCCEEDED, NOW))
    (run,) = office.go()
    office.ran(run, RunStatus.SUCCEEDED, DagsterRunStatus.SUCCESS, copy_of=last.number)
    office.look(seconds=15)
    assert office.row["counts"]["unchanged"] == 1


@pytest.mark.parametrize("ours", [RunStatus.LOST, None], ids=["lost at work", "it never began"])
def test_a_lost_run_is_tried_once_more(office: Office, ours: RunStatus | None) -> None:
    office.begin({"a": ""})
    office.slots(1)
    (first,) = office.go()
    office.ran(first, ours, DagsterRunStatus.FAILURE)
    (request,) = office.look(seconds=15).requests
    assert (request.run_key or "").endswith("/2")
    assert office.look(seconds=15).requests == []
    assert office.steps() == {"queued": 1}, "the first one's end is not taken for the second's, which is not there yet"
    (second,) = office.queue.submit([request])
    assert office.look(seconds=15).requests == []
    assert office.row["status"] == "open"
    office.ran(second, ours, DagsterRunStatus.FAILURE)
    office.look(seconds=15)
    assert (office.row["status"], office.row["counts"]["lost"]) == ("complete", 1)


def test_a_run_that_dagster_gave_up_is_waited_for_until_the_ledger_knows(office: Office) -> None:
    office.begin({"a": ""})
    office.slots(1)
    (run,) = office.go()
    office.ran(run, RunStatus.RUNNING, DagsterRunStatus.FAILURE)
    assert office.look(seconds=15).requests == []
    assert office.steps() == {"queued": 1}


def test_a_persons_re_execution_counts(office: Office) -> None:
    office.begin({"a": ""})
    office.slots(1)
    (first,) = office.go()
    tags = {name: value for name, value in first.tags.items() if name != "dagster/run_key"}
    again = create_run_for_test(
        office.instance, status=DagsterRunStatus.STARTED, tags=tags, parent_run_id=first.run_id,
        root_run_id=first.run_id,
    )  # fmt: skip
    office.to(first, DagsterRunStatus.CANCELED)
    office.look(seconds=15)
    assert office.row["status"] == "open"
    office.ran(again, RunStatus.SUCCEEDED, DagsterRunStatus.SUCCESS)
    office.look(seconds=15)
    assert office.row["counts"]["succeeded"] == 1


# ---- probing -----------------------------------------------------------------------------------------------


def test_publishers_are_asked_by_one_run_at_a_time_and_by_the_next_when_it_died(office: Office) -> None:
    number = office.begin({n: "" for n in "abc"}, force=False)
    office.slots(1)
    (request,) = office.look().requests
    assert (request.job_name, request.run_key) == ("probe", f"set/{number}/probe/0")
    assert request.tags == {"oa/kind": "batch", "oa/set": str(number), "dagster/priority": "-1"}
    (probe,) = office.queue.submit([request])
    assert office.look(seconds=15).requests == [], "one waits"
    office.to(probe, DagsterRunStatus.STARTED)
    members.claim(office.engine, number, probe.run_id, 2, now=NOW)
    assert office.look(seconds=15).requests == [], "one is at work"
    office.to(probe, DagsterRunStatus.FAILURE)
    (second,) = office.look(seconds=15).requests
    assert second.run_key == f"set/{number}/probe/1"
    assert office.steps() == {"waiting": 3}


def test_nobody_is_asked_while_enough_is_due(office: Office) -> None:
    number = office.begin({f"n{n:02}": "" for n in range(60)}, force=False)
    office.slots(1)
    keys = members.claim(office.engine, number, "probe", 55, now=NOW)
    members.due(office.engine, number, keys, "probe", now=NOW)
    assert set(one.job_name for one in office.look().requests) == {"process"}


def test_when_probing_always_dies_everything_is_run_unasked(office: Office) -> None:
    office.begin({"a": "", "b": ""}, force=False)
    office.slots(1)
    for _ in range(12):
        for run in office.go(seconds=15):
            assert run.job_name == "probe"
            office.to(run, DagsterRunStatus.FAILURE)
    assert office.look(seconds=15).requests == []
    assert office.look(seconds=15).keys == [key("a"), key("b")]


# ---- the end of a set --------------------------------------------------------------------------------------


def test_at_its_deadline_a_set_is_incomplete_names_who_is_missing_and_leaves_the_queue(office: Office) -> None:
    office.begin({n: f"host-{n}" for n in "abcd"}, hours=1)
    office.slots(1)
    first, second = office.go()
    office.to(first, DagsterRunStatus.STARTED)
    look = office.look(seconds=3600)
    assert look.requests == []
    row = office.row
    assert row["status"] == "incomplete"
    assert f"4 of 4 had not ended by the deadline: {key('a')}, {key('b')}" in row["detail"]
    statuses = [office.instance.get_run_by_id(run.run_id).status for run in (first, second)]  # type: ignore[union-attr]
    assert statuses == [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELED], "what is at work goes on"
    (event,) = look.events
    assert isinstance(event, AssetMaterialization)
    assert event.metadata["status"].value == "incomplete"


def test_of_many_that_are_missing_fifty_are_named(office: Office) -> None:
    office.begin({f"n{n:02}": "" for n in range(53)}, hours=1)
    office.look(seconds=3600)
    assert f"{key('n49')} and 3 more" in office.row["detail"]
    assert key("n50") not in office.row["detail"]


def test_a_run_that_comes_after_the_end_is_taken_out_of_the_queue(office: Office) -> None:
    office.begin({n: "" for n in "ab"})
    office.slots(1)
    requests = office.look().requests
    stop_set(office.instance, office.engine, office.number, SetStatus.CANCELLED, why="told to", now=office.now)
    late = office.queue.submit(requests)
    look = office.look(seconds=15)
    assert {office.instance.get_run_by_id(run.run_id).status for run in late} == {DagsterRunStatus.CANCELED}  # type: ignore[union-attr]
    assert office.row["detail"].startswith("told to\n2 of 2 had not ended when it was cancelled")
    assert [type(event) for event in look.events] == [AssetMaterialization]


def test_progress_is_observed_once_a_minute_and_the_end_is_told_once(office: Office) -> None:
    office.begin({n: "" for n in "abcd"})
    office.slots(2)
    told = []
    for step in range(5):
        look = office.look(seconds=30)
        office.queue.submit(look.requests)
        told += [(step, type(event)) for event in look.events]
    assert told == [(0, AssetObservation), (2, AssetObservation), (4, AssetObservation)]
    for run in office.queue.submitted:
        office.ran(run, RunStatus.SUCCEEDED, DagsterRunStatus.SUCCESS)
    look = office.look(seconds=5, save=False)
    assert [type(event) for event in look.events] == [AssetMaterialization]
    look = office.look(seconds=5)
    (event,) = look.events
    assert isinstance(event, AssetMaterialization), "the cursor was not saved, so it is told again"
    assert (event.metadata["succeeded"].value, event.metadata["ended, percent"].value) == (4, 100.0)
    assert office.look(seconds=90).events == []


def test_time_left_is_estimated_from_what_runs_took_and_the_slots(office: Office) -> None:
    office.begin({n: "" for n in "abcd"})
    office.slots(2)
    (event,) = office.look().events
    assert event.metadata["minutes left, estimated"].value == 2.0
    assert event.metadata["queued or at work"].value == 4


def test_a_host_that_mostly_fails_is_told_as_a_question(office: Office) -> None:
    office.begin({**{f"a{n}": "bad.example" for n in range(5)}, **{f"b{n}": "good.example" for n in range(9)}})
    office.slots(9)
    for _ in range(9):
        for run in office.go(seconds=15):
            bad = run.tags["oa/host"] == "bad.example" and not run.tags["dagster/partition"].startswith("xx/a4")
            status = RunStatus.FAILED if bad else RunStatus.SUCCEEDED
            office.ran(run, status, DagsterRunStatus.FAILURE if bad else DagsterRunStatus.SUCCESS)
    assert office.row["status"] == "complete"
    assert office.row["detail"] == f"bad.example: 4 of 5 failed ({FAILED}): publisher or us?"


def test_the_sensor_asks_for_runs_of_both_jobs(office: Office) -> None:
    office.now = datetime.now(UTC)
    office.begin({"a": "h", "b": "h"}, force=False)
    office.slots(1)
    keys = members.claim(office.engine, office.number, "gone", 1, now=NOW)
    members.due(office.engine, office.number, keys, "gone", now=NOW)
    repository = build_defs(workplace=office.workplace).get_repository_def()
    sensor = repository.get_sensor_def("feed")
    resources = {"workplace": office.workplace}
    with (
        build_sensor_context(office.instance, repository_def=repository, resources=resources) as context,
        partition_loading_context(dynamic_partitions_store=office.instance),
    ):
        tick = sensor.evaluate_tick(context)
    by_job = {one.job_name: one.tags for one in tick.run_requests or []}
    assert set(by_job) == {"process", "probe"}
    assert by_job["process"]["dagster/partition"] == key("a")
    assert Cursor.read(tick.cursor).observed > 0


@pytest.mark.parametrize("text", [None, "", "nonsense", "[]", '{"told": null}'])
def test_a_cursor_that_is_none_is_the_beginning(text: str | None) -> None:
    assert Cursor.read(text) == Cursor()
    assert Cursor.read(str(Cursor(3, 4.5))) == Cursor(3, 4.5)


def test_without_any_set_there_is_nothing_to_do(office: Office) -> None:
    look = office.look()
    assert (look.requests, look.events, look.said) == ([], [], "no set is open")
