from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from oa_pipeline.errors import Problem
from oa_pipeline.ledger.reuse import OF_THE_FILE, Wanted, mark_merged, result_for_job, result_of_merge
from oa_pipeline.ledger.runs import Opening, open_run
from oa_pipeline.ledger.tables import RunStatus, jobs, runs
from oa_pipeline_tests.ledger.life import NOW, declare, job, propose, run

KEY = "us/ca/alameda/addresses/county"
WANTED = Wanted("b1", "addresses", "county", "1")
DAYS = timedelta(days=1)
HEAD = "a" * 40


@pytest.fixture(autouse=True)
def _one_data_source(engine: sa.Engine) -> None:
    declare(engine, KEY)


def found(engine: sa.Engine, wanted: Wanted = WANTED, *, days: int = 0) -> int | None:
    """The number of the run that a job would show, so many days after it ended."""
    row = result_for_job(engine, wanted, now=NOW + days * DAYS)
    return None if row is None else row["id"]


def change(engine: sa.Engine, number: int, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(sa.update(runs).where(runs.c.id == number).values(**values))


def test_a_good_result_of_the_same_bytes_and_code_stands_for_ten_days(engine: sa.Engine) -> None:
    number = run(engine, KEY)
    assert found(engine, days=10) == number
    assert found(engine, days=11) is None


@pytest.mark.parametrize("other", [{"blob_sha": "b2"}, {"layer": "parcels"}, {"name": "city"}, {"code_version": "2"}])
def test_other_bytes_another_data_source_or_other_code_is_another_result(
    engine: sa.Engine, other: dict[str, str]
) -> None:
    run(engine, KEY)
    assert found(engine, replace(WANTED, **other)) is None


def test_a_file_of_unknown_bytes_is_never_the_same(engine: sa.Engine) -> None:
    run(engine, declare(engine, "x/addresses/county", blob_sha=""))
    wanted = replace(WANTED, blob_sha="")
    assert found(engine, wanted) is None
    assert result_of_merge(engine, KEY, wanted, now=NOW) is None


@pytest.mark.parametrize("problem", [p for p in Problem if p is not Problem.SKIPPED])
def test_a_failure_stands_only_where_the_file_alone_decides_it(engine: sa.Engine, problem: Problem) -> None:
    number = run(engine, KEY, RunStatus.FAILED, problem=str(problem))
    assert found(engine) == (number if problem in OF_THE_FILE else None)


@pytest.mark.parametrize("status", [RunStatus.LOST, RunStatus.CANCELLED, RunStatus.HELD])
def test_what_gave_no_result_of_its_own_stands_for_nothing(engine: sa.Engine, status: RunStatus) -> None:
    run(engine, KEY, status)
    assert found(engine) is None


def test_a_run_at_work_stands_for_nothing(engine: sa.Engine) -> None:
    open_run(engine, Opening(KEY, code_version="1"), now=NOW)
    assert found(engine) is None


def test_a_file_that_says_to_skip_is_not_asked_again(engine: sa.Engine) -> None:
    number = run(engine, KEY, RunStatus.SKIPPED)
    assert found(engine) == number


@pytest.mark.parametrize(
    "values", [pytest.param({"pruned_at": NOW}, id="pruned"), pytest.param({"sampled": True}, id="sampled")]
)
def test_what_is_not_whole_any_more_or_never_was_stands_for_nothing(engine: sa.Engine, values: dict[str, Any]) -> None:
    change(engine, run(engine, KEY), **values)
    assert found(engine) is None


def test_a_sampled_run_is_recorded_as_one(engine: sa.Engine) -> None:
    run(engine, KEY, sampled=True)
    assert found(engine) is None


def test_copies_make_a_result_no_younger(engine: sa.Engine) -> None:
    original = run(engine, KEY)
    run(engine, KEY, copy_of=original, at=NOW + 8 * DAYS)
    assert found(engine, days=9) == original
    assert found(engine, days=12) is None


def test_the_newest_that_serves_is_taken_and_a_bad_day_of_the_publisher_hides_none(engine: sa.Engine) -> None:
    run(engine, KEY)
    newest = run(engine, propose(engine, KEY), job_id=job(engine))
    run(engine, KEY, RunStatus.FAILED)
    assert found(engine) == newest


def merged(engine: sa.Engine, key: str = KEY, wanted: Wanted = WANTED) -> int | None:
    row = result_of_merge(engine, key, wanted, now=NOW)
    return None if row is None else row["id"]


def test_a_pull_requests_result_is_published_only_after_its_merge(engine: sa.Engine) -> None:
    number = run(engine, propose(engine, KEY), job_id=job(engine))
    assert merged(engine) is None
    assert mark_merged(engine, 7, HEAD) == 1
    assert merged(engine) == number


def test_only_the_merged_head_counts(engine: sa.Engine) -> None:
    older, newer = "b" * 40, HEAD
    run(engine, propose(engine, KEY, head=older), job_id=job(engine, head=older))
    number = run(engine, propose(engine, KEY, head=newer), job_id=job(engine, head=newer))
    mark_merged(engine, 7, newer)
    assert merged(engine) == number
    mark_merged(engine, 7, older)
    assert merged(engine) != number


def test_the_same_bytes_under_another_key_are_not_published(engine: sa.Engine) -> None:
    run(engine, propose(engine, KEY), job_id=job(engine, merged=True))
    assert merged(engine, "us/ca/elsewhere/addresses/county") is None


@pytest.mark.parametrize("status", [RunStatus.FAILED, RunStatus.SKIPPED, RunStatus.HELD])
def test_only_a_success_is_published_after_a_merge(engine: sa.Engine, status: RunStatus) -> None:
    run(engine, propose(engine, KEY), status, job_id=job(engine, merged=True), problem=str(Problem.TEST_FAILED))
    assert merged(engine) is None


def test_a_sample_is_never_published_after_a_merge(engine: sa.Engine) -> None:
    run(engine, propose(engine, KEY), job_id=job(engine, merged=True), sampled=True)
    assert merged(engine) is None


def test_a_run_of_the_default_branch_is_no_merge(engine: sa.Engine) -> None:
    run(engine, KEY)
    assert merged(engine) is None


def test_marking_twice_changes_nothing_and_a_closed_pull_request_is_not_merged(engine: sa.Engine) -> None:
    job(engine)
    job(engine, head="b" * 40)
    job(engine, pull_request=8)
    assert mark_merged(engine, 7, HEAD) == 2
    assert mark_merged(engine, 7, HEAD) == 0
    with engine.connect() as connection:
        held = connection.execute(sa.select(jobs.c.id, jobs.c.merged)).all()
    assert {row.id: row.merged for row in held} == {"job-7-aaa": True, "job-7-bbb": False, "job-8-aaa": None}
    assert mark_merged(engine, 8, "") == 1
