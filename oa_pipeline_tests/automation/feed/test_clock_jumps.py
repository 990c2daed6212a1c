"""The clock is set while a set is fed: nothing runs twice, nothing waits until the clock has caught up."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from dagster import AssetObservation, DagsterRunStatus, RunRequest, SkipReason

from oa_pipeline.automation.collecting import look
from oa_pipeline.ledger import builds
from oa_pipeline.ledger.tables import RunStatus

from .office import NOW, Office

HOUR = timedelta(hours=1)
JUMPS = pytest.mark.parametrize("jump", [2 * HOUR, -2 * HOUR], ids=["two hours forward", "two hours back"])


@JUMPS
def test_a_set_ends_complete_and_each_member_has_run_once(jump: timedelta, office: Office) -> None:
    office.begin(dict.fromkeys("abc", ""))
    office.slots(1)
    runs = office.go()
    office.now += jump
    runs += office.go(seconds=15)
    for run in runs:
        office.ran(run, RunStatus.SUCCEEDED, DagsterRunStatus.SUCCESS)
    office.now -= jump
    for run in office.go(seconds=15):
        runs.append(run)
        office.ran(run, RunStatus.SUCCEEDED, DagsterRunStatus.SUCCESS)
    office.look(seconds=15)
    assert (office.row["status"], office.row["counts"]["succeeded"]) == ("complete", 3)
    assert set(Counter(run.tags["dagster/partition"] for run in runs).values()) == {1}


@JUMPS
def test_a_request_that_came_to_nothing_is_made_again_under_its_key(jump: timedelta, office: Office) -> None:
    office.begin({"a": ""})
    office.slots(1)
    (lost,) = office.look().requests
    office.now += jump
    (again,) = office.look(seconds=1).requests
    assert again.run_key == lost.run_key
    assert office.look(seconds=15).requests == []


@pytest.mark.parametrize(
    ("hours", "jump", "over"),
    [
        (57.0, 2 * HOUR, False),
        (57.0, -2 * HOUR, False),
        (60.5, timedelta(0), True),
        (62.5, -2 * HOUR, True),
    ],
    ids=["forward, before", "back, before", "when it is time", "back, two hours after"],
)
def test_a_set_s_deadline_is_off_by_the_jump_and_no_more(
    hours: float, jump: timedelta, over: bool, office: Office
) -> None:
    office.begin({"a": ""})
    office.now = NOW + timedelta(hours=hours) + jump
    office.look()
    assert (office.row["status"] == "incomplete") is over


@pytest.mark.parametrize(
    "begin",
    [datetime(2026, 3, 27, 21, tzinfo=UTC), datetime(2026, 10, 23, 21, tzinfo=UTC)],
    ids=["to summer time", "to winter time"],
)
def test_a_set_s_deadline_is_as_far_off_where_clocks_change(begin: datetime, office: Office) -> None:
    office.now = begin
    office.begin({"a": ""})
    assert office.row["deadline_at"] - office.row["started_at"] == 60 * HOUR
    office.look(seconds=60 * 3600 - 1)
    assert office.row["status"] == "open"
    office.look(seconds=1)
    assert office.row["status"] == "incomplete"


@JUMPS
def test_how_far_it_is_is_told_on(jump: timedelta, office: Office) -> None:
    office.begin({"a": ""})
    assert [type(one) for one in office.look().events] == [AssetObservation]
    office.now += jump
    assert [type(one) for one in office.look(seconds=1).events] == [AssetObservation]
    assert office.look(seconds=1).events == []


@pytest.mark.parametrize(
    ("began", "asked"),
    [(-HOUR, True), (HOUR, False), (3 * HOUR, True)],
    ids=["before the set ended", "after", "before the clock was set back"],
)
def test_collections_are_made_of_a_set_whatever_clock_a_build_began_by(
    began: timedelta, asked: bool, office: Office
) -> None:
    office.begin({"a": ""})
    office.slots(1)
    (run,) = office.go()
    office.ran(run, RunStatus.SUCCEEDED, DagsterRunStatus.SUCCESS)
    office.look()
    assert office.row["status"] == "complete"
    builds.begin_build(office.engine, "collections", run_ids=[], now=office.row["ended_at"] + began)
    found = look(office.instance, office.workplace, now=office.row["ended_at"] + 2 * HOUR)
    assert isinstance(found, RunRequest if asked else SkipReason)
    if isinstance(found, RunRequest):
        assert found.run_key == f"set/{office.number}"
