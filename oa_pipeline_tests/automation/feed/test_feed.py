"""What a set asks for, and when."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from dagster import (
    AssetMaterialization,
    AssetObservation,
    DagsterRunStatus,
    RunsFilter,
    build_sensor_context,
)
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.test_utils import create_run_for_test

from oa_pipeline.assets.source import PARTITIONS
from oa_pipeline.automation.feed import choose
from oa_pipeline.automation.weekly import Cursor
from oa_pipeline.definitions import build_defs
from oa_pipeline.ledger import members, sets
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline_tests.automation.publishers import key
from oa_pipeline_tests.workers.system import remote_origin

from .office import FAILED, NOW, Office

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
