"""How the members of a set end, and the set itself."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from dagster import (
    AssetMaterialization,
    DagsterRunStatus,
)
from dagster._core.test_utils import create_run_for_test

from oa_pipeline.automation.feed import stop_set
from oa_pipeline.ledger.runs import Ending, Opening, end_run, open_run
from oa_pipeline.ledger.tables import RunStatus, SetStatus
from oa_pipeline_tests.automation.publishers import key

from .office import FAILED, NOW, Office

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
