"""A run of Dagster's that is resumed after its process died: what it had done counts, and so does its time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance

from oa_pipeline.automation.partitions import sync
from oa_pipeline.ledger import ends, queries
from oa_pipeline.ledger.clock import LedgerClock
from oa_pipeline.ledger.runs import Ending, Opening, end_run, open_run
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline.orchestration.carry_out import Carried, Order, carry_out
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings
from oa_pipeline_tests.mapless import MAPLESS
from oa_pipeline_tests.workers.publisher import Publisher, publisher


@pytest.fixture
def published(tmp_path: Path):  # type: ignore[no-untyped-def]
    with publisher(tmp_path / "repository") as made:
        yield made


@pytest.fixture
def workplace(tmp_path: Path, database: str) -> Workplace:
    settings = Settings(
        home=tmp_path / "home",
        database_url=database,
        sources=str(tmp_path / "repository"),
        allow_local_sources=True,
        **MAPLESS,
    )
    return Workplace(settings)


def known(workplace: Workplace) -> None:
    with DagsterInstance.ephemeral() as instance:
        sync(workplace, instance)


def go(workplace: Workplace, key: str, run_id: str) -> tuple[Carried, list[str]]:
    said: list[str] = []
    return carry_out(workplace, Order(key, run_id), say=said.append), said


def test_what_was_recorded_is_told_and_not_done_again(
    workplace: Workplace, published: Publisher, engine: sa.Engine
) -> None:
    key = published.add("town")
    known(workplace)
    before, _ = go(workplace, key, "earlier")
    published.files["town"] += b"99,Kirkgate,-3.5,55.5\n"
    first, _ = go(workplace, key, "r")
    asked = len(published.asked)
    again, said = go(workplace, key, "r")
    assert len(published.asked) == asked
    assert said == [f"run {first.ticket.number} had ended before its process went away"]
    assert again.ticket == first.ticket
    assert replace(again.ending, warnings=tuple(again.ending.warnings)) == first.ending
    assert again.last is not None
    assert again.last["id"] == before.ticket.number, "what it is compared with is the run before it"
    assert [row["status"] for row in queries.history(engine, key)] == ["succeeded", "succeeded"]


@pytest.mark.parametrize(
    ("fault", "again"),
    [("the file says to skip it", False), ("columns that are not there", False), ("it is gone", True)],
)
def test_only_a_failure_that_may_pass_is_tried_again(
    workplace: Workplace, published: Publisher, fault: str, again: bool, engine: sa.Engine
) -> None:
    bodies = {"columns that are not there": b"a,b\n1,2\n"}
    key = published.add("town", bodies.get(fault, b"x"), skip=fault == "the file says to skip it")
    if fault == "it is gone":
        del published.files["town"]
    known(workplace)
    first, _ = go(workplace, key, "r")
    second, _ = go(workplace, key, "r")
    assert second.ending.status is first.ending.status
    assert second.ending.problem == first.ending.problem
    assert len(ends.tries(engine, "r")) == (2 if again else 1)


def test_a_lost_try_is_done_again_and_its_time_counts(
    workplace: Workplace, published: Publisher, engine: sa.Engine
) -> None:
    key = published.add("town")
    known(workplace)
    hours = timedelta(hours=9)
    lost = open_run(engine, Opening(key, "r"), now=LedgerClock(engine)() - hours + timedelta(minutes=20))
    assert end_run(engine, lost, Ending(RunStatus.LOST, LedgerClock(engine)()))
    done, _ = go(workplace, key, "r")
    assert (done.ending.status, done.ticket.predecessor) == (RunStatus.SUCCEEDED, lost.number)

    late = open_run(engine, Opening(key, "late"), now=LedgerClock(engine)() - hours - timedelta(minutes=1))
    assert end_run(engine, late, Ending(RunStatus.LOST, LedgerClock(engine)()))
    published.files["town"] += b"99,Kirkgate,-3.5,55.5\n"
    published.hold("town")
    done, _ = go(workplace, key, "late")
    assert done.ending.status is RunStatus.FAILED
    assert "after 9 hours" in done.ending.detail
    assert "OA_DEADLINE_SECONDS" in done.ending.cure


def test_a_run_that_a_pull_request_proposes_has_its_own_deadline(
    workplace: Workplace, published: Publisher, engine: sa.Engine
) -> None:
    key = published.add("town")
    known(workplace)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE oa.partitions SET pull_request = 7, proposes = key"))
    published.hold("town")
    short = Workplace(replace(workplace.settings, pull_request_deadline_seconds=1))
    done, _ = go(short, key, "r")
    assert done.ending.status is RunStatus.FAILED
    assert "OA_PULL_REQUEST_DEADLINE_SECONDS" in done.ending.cure
    assert queries.latest_good_run(engine, key) is None


@pytest.mark.parametrize(("asked", "status"), [(True, RunStatus.CANCELLED), (False, RunStatus.LOST)])
def test_who_was_told_to_stop_is_cancelled_only_where_somebody_asked_for_that(
    workplace: Workplace, published: Publisher, engine: sa.Engine, asked: bool, status: RunStatus
) -> None:
    key = published.add("town")
    known(workplace)

    def stop(_text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(workplace, Order(key, "r"), say=stop, echo=stop, cancelled=lambda: asked)
    (row,) = ends.tries(engine, "r")
    assert row["status"] == status
