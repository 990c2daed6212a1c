"""Runs that lose much, whole: a publisher on this machine, real conversion, real PostgreSQL, Dagster in-process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import AssetCheckSeverity, DagsterInstance

from oa_pipeline.ledger import gate
from oa_pipeline.ledger.snapshot import runs_to_date
from oa_pipeline.orchestration.carry_out import Order
from oa_pipeline_tests.assets.materialized import data_version, metadata
from oa_pipeline_tests.assets.shrinking import KEY, Town, checks, rows, town
from oa_pipeline_tests.ledger.life import counts_by_status

pytestmark = pytest.mark.usefixtures("one_converter")


@pytest.fixture
def here(database: str, engine: sa.Engine, tmp_path: Path) -> Iterator[Town]:
    with DagsterInstance.ephemeral() as instance, town(database, engine, tmp_path, instance) as found:
        yield found


def test_a_file_that_shrinks_is_held_and_the_latest_stays_what_it_was(here: Town) -> None:
    first = here.run(rows(100))
    good = here.latest
    second = here.run(rows(50))
    held = here.newest
    assert (held["status"], held["rows"], held["compared_with"]) == ("held", 50, good["id"])
    assert held["held_because"] == ["100 rows before, 50 now (-50.0%)"]
    assert here.latest["id"] == good["id"]
    assert [row["id"] for row in runs_to_date(here.engine)] == [good["id"]]
    assert {output["key"].split("/")[1] for output in held["outputs"].values()} == {str(held["id"])}
    assert all(here.workplace.store().exists(output["key"]) for output in held["outputs"].values())
    assert data_version(second) == data_version(first)
    assert data_version(first) != held["data_version"]
    seen = metadata(second)
    assert (seen["status"], seen["rows before"], seen["rows held"], seen["dagster/row_count"]) == ("held", 100, 50, 100)
    assert f"oa runs accept {held['id']}" in seen["held"]
    passed, said = checks(second)["publication_gate"]
    assert not passed
    assert "-50.0%" in said
    assert f"oa runs accept {held['id']}" in said
    (warning,) = [e for e in second.get_asset_check_evaluations() if not e.passed]
    assert warning.severity is AssetCheckSeverity.WARN


def test_what_is_lost_to_a_change_of_the_source_file_is_held_too(here: Town) -> None:
    here.run(rows(100))
    here.declare(number=None)
    here.run()
    assert here.newest["held_because"] == [
        "number was filled in 100 rows, and is in 0 now", "the source file has changed in between",
    ]  # fmt: skip


def test_a_held_download_that_has_not_changed_is_neither_converted_again_nor_published(here: Town) -> None:
    here.run(rows(100))
    good = here.latest
    here.run(rows(50))
    held, downloads = here.newest, here.publisher.downloads
    again = here.run()
    copy = here.newest
    assert (copy["status"], copy["copy_of"], copy["seconds"], copy["outputs"]) == (
        "held", held["id"], {}, held["outputs"],
    )  # fmt: skip
    assert here.publisher.downloads == downloads
    assert here.latest["id"] == good["id"]
    assert metadata(again)["status"] == f"held, as run {held['id']} was"
    assert [row["id"] for row in gate.held(here.engine)] == [copy["id"], held["id"]]


def test_a_publisher_that_says_the_same_a_day_later_is_believed(here: Town) -> None:
    here.run(rows(100))
    here.run(rows(50))
    held, downloads = here.newest, here.publisher.downloads
    here.run()
    copy = here.newest
    here.days_go_by()
    result = here.run()
    latest = here.latest
    assert latest["id"] == here.newest["id"]
    assert (latest["copy_of"], latest["rows"], latest["accepted_by"]) == (held["id"], 50, f"run {copy['id']}")
    assert here.publisher.downloads == downloads, "nothing was downloaded, nothing converted"
    assert data_version(result) == held["data_version"]
    for number in (held["id"], copy["id"]):
        row = here.row(number)
        assert (row["status"], row["accepted_by"]) == ("succeeded", f"run {latest['id']}")
    assert gate.held(here.engine) == []
    passed, said = checks(result)["publication_gate"]
    assert passed
    assert "published all the same" in said


def test_other_rows_that_lost_as_much_agree_too(here: Town) -> None:
    here.run(rows(100))
    here.run(rows(50))
    here.days_go_by()
    here.run(rows(52, street="Side St"))
    assert (here.latest["rows"], here.latest["copy_of"]) == (52, None)


def test_a_loss_that_was_mended_and_comes_again_is_held_again(here: Town) -> None:
    here.run(rows(100))
    good = here.latest
    here.run(rows(50))
    here.days_go_by()
    here.run(rows(100))
    mended = here.latest
    assert mended["copy_of"] == good["id"], "the publisher's first file is still known"
    assert gate.held(here.engine) == [], "what was held is of the past"
    here.days_go_by()
    here.run(rows(50))
    assert here.newest["status"] == "held"
    assert here.latest["id"] == mended["id"]


def test_what_was_rejected_stays_rejected_however_often_it_is_said(here: Town) -> None:
    here.run(rows(100))
    good = here.latest
    here.run(rows(50))
    rejected = here.newest["id"]
    gate.reject(here.engine, rejected, "ann", now=datetime.now(UTC))
    for text in (rows(50), rows(51), rows(50)):
        here.days_go_by()
        result = here.run(text)
        assert (here.newest["status"], here.newest["rejected_at"] is not None) == ("held", True)
        assert "was rejected" in checks(result)["publication_gate"][1]
    assert here.latest["id"] == good["id"]
    assert gate.held(here.engine) == [], "nobody is asked twice"


def test_a_person_who_forces_a_run_gets_its_result_published(here: Town) -> None:
    here.run(rows(100))
    result = here.run(rows(50), force=True)
    assert (here.latest["rows"], here.latest["accepted_by"]) == (50, "force")
    assert checks(result)["publication_gate"] == (
        True, "100 rows before, 50 now (-50.0%); published all the same: a person forced the run",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("order", "forced"),
    [
        (Order(KEY, force=True), True),
        (Order(KEY), False),
        (Order(KEY, force=True, set_id=3), False),
        (Order(KEY, force=True, job_id="x"), False),
    ],
    ids=["a person", "nobody", "a set", "a job"],
)
def test_only_a_person_forces_a_result_through(order: Order, forced: bool) -> None:
    assert order.forced_by_person is forced


def test_with_the_rules_off_a_shrunken_file_is_published(database: str, engine: sa.Engine, tmp_path: Path) -> None:
    with (
        DagsterInstance.ephemeral() as instance,
        town(database, engine, tmp_path, instance, gate_rows=1.0) as here,
    ):
        here.run(rows(100))
        here.run(rows(50))
        assert here.latest["rows"] == 50
        assert counts_by_status(engine) == {"succeeded": 2}
