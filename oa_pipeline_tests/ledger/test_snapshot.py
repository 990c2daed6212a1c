from __future__ import annotations

import pytest
import sqlalchemy as sa

from oa_pipeline.ledger.partitions import mark_removed
from oa_pipeline.ledger.runs import Opening, end_absent, open_run
from oa_pipeline.ledger.snapshot import Line, lines_of_set, lines_to_date, runs_of_set, runs_to_date, state_to_date
from oa_pipeline.ledger.tables import RunStatus, set_members, sets
from oa_pipeline.sources.model import Licence
from oa_pipeline_tests.ledger.life import NOW, declare, propose, run

A, B, C = (f"us/ca/{name}/addresses/county" for name in "abc")


@pytest.fixture(autouse=True)
def _three_data_sources(engine: sa.Engine) -> None:
    for key in (C, A, B):
        declare(engine, key)


def a_set(engine: sa.Engine, *keys: str) -> int:
    """A set with these members."""
    with engine.begin() as connection:
        put = sa.insert(sets).values(repository="o/r", started_at=NOW, deadline_at=NOW).returning(sets.c.id)
        number = connection.execute(put).scalar_one()
        members = [{"set_id": number, "key": key, "position": n, "moved_at": NOW} for n, key in enumerate(keys)]
        connection.execute(sa.insert(set_members), members)
    return int(number)


@pytest.mark.parametrize("newer", [RunStatus.FAILED, RunStatus.SKIPPED, RunStatus.LOST, RunStatus.CANCELLED])
def test_a_newer_run_that_gave_nothing_hides_no_good_one(engine: sa.Engine, newer: RunStatus) -> None:
    good = run(engine, A)
    run(engine, A, newer)
    assert [row["id"] for row in runs_to_date(engine)] == [good]
    assert {row["key"]: row["run_id"] for row in state_to_date(engine)} == {A: good, B: None, C: None}


def test_the_rows_are_in_the_order_of_their_keys_and_say_which_is_first_of_its_file(engine: sa.Engine) -> None:
    declare(engine, B, first=False)
    numbers = {key: run(engine, key) for key in (C, A, B)}
    assert [(row["key"], row["id"], row["first"]) for row in runs_to_date(engine)] == [
        (A, numbers[A], True), (B, numbers[B], False), (C, numbers[C], True),
    ]  # fmt: skip


def test_a_copy_is_the_latest_and_names_whose_it_is(engine: sa.Engine) -> None:
    original = run(engine, A)
    copy = run(engine, A, copy_of=original)
    assert [(row["id"], row["copy_of"]) for row in runs_to_date(engine)] == [(copy, original)]


def test_a_copy_took_as_long_as_what_it_copies(engine: sa.Engine) -> None:
    number = a_set(engine, A, B)
    spent = {"download": 3.5, "total": 10.5}
    original = run(engine, A, seconds=spent)
    run(engine, A, copy_of=original, set_id=number)
    run(engine, B, seconds={"total": 2.0}, set_id=number)

    expected = {A: spent, B: {"total": 2.0}}
    assert {row["key"]: row["seconds"] for row in state_to_date(engine) if row["run_id"]} == expected
    assert {row["key"]: row["seconds"] for row in runs_of_set(engine, number)} == expected


def test_one_layer_may_be_asked_for(engine: sa.Engine) -> None:
    parcels = declare(engine, "us/ca/a/parcels/county")
    run(engine, A)
    run(engine, parcels)
    assert [row["key"] for row in runs_to_date(engine, layer="parcels")] == [parcels]


def test_what_left_the_repository_or_is_only_proposed_is_left_out(engine: sa.Engine) -> None:
    proposal = propose(engine, B)
    for key in (A, C, proposal):
        run(engine, key)
    mark_removed(engine, [C], now=NOW)
    assert [row["key"] for row in runs_to_date(engine)] == [A]
    assert [row["key"] for row in state_to_date(engine)] == [A, B]


def test_without_a_good_run_the_newest_ended_one_tells_the_state(engine: sa.Engine) -> None:
    run(engine, A, RunStatus.SKIPPED)
    newest = run(engine, A, RunStatus.FAILED)
    open_run(engine, Opening(A), now=NOW)
    row = state_to_date(engine)[0]
    assert (row["run_id"], row["status"], row["problem"]) == (newest, "failed", "Could not download source data")
    assert runs_to_date(engine) == []


def test_a_set_shows_its_own_runs_beside_the_good_ones_there_are(engine: sa.Engine) -> None:
    number = a_set(engine, A, B, C)
    older = run(engine, A)
    failed = run(engine, A, RunStatus.FAILED, set_id=number)
    first = open_run(engine, Opening(B, set_id=number), now=NOW)
    again = run(engine, B, set_id=number)  # took over: the former ended as lost
    by_a_person = run(engine, B)
    held = {r["key"]: (r["run_id"], r["status"], r["good_run_id"]) for r in runs_of_set(engine, number)}
    assert held == {A: (failed, "failed", older), B: (again, "succeeded", by_a_person), C: (None, None, None)}
    assert first.number < again


def test_a_run_that_is_at_work_does_not_hide_the_one_that_ended(engine: sa.Engine) -> None:
    number = a_set(engine, A)
    lost = open_run(engine, Opening(A, set_id=number), now=NOW)
    end_absent(engine, lost.number, RunStatus.LOST, "gone", now=NOW)
    open_run(engine, Opening(A, set_id=number), now=NOW)
    assert [(row["run_id"], row["status"]) for row in runs_of_set(engine, number)] == [(lost.number, "lost")]


def test_lines_tell_the_first_of_each_file_in_the_order_of_their_paths(engine: sa.Engine) -> None:
    number = a_set(engine, A, B, C)
    parcels = declare(engine, "us/ca/a/parcels/county")
    declare(engine, B, first=False)
    spent = {"download": 3.5, "total": 10.5}
    outputs = {"csv": {"key": "runs/1/a.zip", "sha256": "ab"}, "log": {"key": "runs/1/output.txt"}}
    facts = {"licence": Licence("CC0", False, "A", True), "geometry_type": "Point", "outputs": outputs}
    original = run(engine, A, seconds=spent, **facts)
    for key in (A, B, parcels):
        run(engine, key, copy_of=original if key == A else None, set_id=number, **facts)
    open_run(engine, Opening(C, set_id=number), now=NOW)

    for found in (lines_to_date(engine, "addresses"), lines_of_set(engine, number, "addresses")):
        assert found == [
            Line(
                "us/ca/a", "Point", rows=3, cache_md5=None, attribution_required=False, attribution_name="A",
                share_alike=True, code_version="1", pruned_at=None, cache=None, sample=None, csv="runs/1/a.zip",
                csv_sha256="ab", log="runs/1/output.txt", download=3.5, total=10.5,
            )
        ]  # fmt: skip


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.LOST])
def test_a_line_of_a_set_is_of_its_newest_run_and_one_to_date_of_the_good_one(
    engine: sa.Engine, status: RunStatus
) -> None:
    number = a_set(engine, A)
    run(engine, A, rows=7)
    run(engine, A, status, set_id=number, rows=5)
    lost = open_run(engine, Opening(A, set_id=number), now=NOW)
    end_absent(engine, lost.number, RunStatus.LOST, "gone", now=NOW)

    assert [line.rows for line in lines_to_date(engine, "addresses")] == [7]
    assert [line.rows for line in lines_of_set(engine, number, "addresses")] == [None]


def test_the_order_of_lines_is_that_of_their_letters_numbers_whatever_the_databases_language(engine: sa.Engine) -> None:
    for name in ("us/ca/B", "us/ca/a-b", "us/ca/aa", "us/ca/é"):
        run(engine, declare(engine, f"{name}/addresses/county"))
    found = [line.source for line in lines_to_date(engine, "addresses")]
    assert found == sorted(found) == ["us/ca/B", "us/ca/a-b", "us/ca/aa", "us/ca/é"]
