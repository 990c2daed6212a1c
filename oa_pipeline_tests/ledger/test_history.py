from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from oa_pipeline.ledger.history import key_named, latest_run, source_history
from oa_pipeline.ledger.partitions import mark_removed, record_renames
from oa_pipeline.ledger.reuse import mark_merged
from oa_pipeline.ledger.runs import Opening, open_run
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline_tests.ledger.life import MINUTE, NOW, declare, job, propose, run

SOURCE = "us/ca/alameda"
KEY = f"{SOURCE}/addresses/county"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _one_data_source(engine: sa.Engine) -> None:
    declare(engine, KEY)


def numbers(engine: sa.Engine, what: str = KEY, **page: int) -> list[int]:
    return [row["id"] for row in source_history(engine, what, **page)]


def test_ended_runs_come_newest_first_however_they_ended(engine: sa.Engine) -> None:
    made = [run(engine, KEY, status) for status in RunStatus if status is not RunStatus.RUNNING]
    open_run(engine, Opening(KEY), now=NOW)
    assert numbers(engine) == made[::-1]


def test_copies_are_one_row_with_their_original_that_stands_where_the_last_of_them_does(engine: sa.Engine) -> None:
    original = run(engine, KEY)
    run(engine, KEY, copy_of=original, at=NOW + DAY)
    failed = run(engine, KEY, RunStatus.FAILED, at=NOW + 2 * DAY)
    last = run(engine, KEY, copy_of=original, at=NOW + 3 * DAY)
    first, second = source_history(engine, KEY)
    assert (first["id"], first["newest"], first["confirmed"]) == (original, last, 2)
    assert (first["ended_at"], first["confirmed_at"]) == (NOW + MINUTE, NOW + 3 * DAY + MINUTE)
    assert (second["id"], second["confirmed"], second["confirmed_at"]) == (failed, 0, None)


def test_pages_follow_one_another_without_a_gap_or_a_repetition(engine: sa.Engine) -> None:
    originals = [run(engine, KEY) for _ in range(4)]
    run(engine, KEY, copy_of=originals[0])  # the oldest is now the newest
    pages, before = [], {}
    while page := source_history(engine, KEY, limit=2, **before):
        pages.append([row["id"] for row in page])
        before = {"before": page[-1]["newest"]}
    assert pages == [[originals[0], originals[3]], [originals[2], originals[1]]]


def test_runs_of_a_pull_request_are_history_only_once_it_was_merged(engine: sa.Engine) -> None:
    own = run(engine, KEY)
    proposal = propose(engine, KEY)
    older = propose(engine, KEY, head="b" * 40)
    proposed = run(engine, proposal, job_id=job(engine))
    run(engine, older, job_id=job(engine, head="b" * 40))
    assert numbers(engine) == [own]
    mark_merged(engine, 7, "")
    assert numbers(engine) == [own]
    mark_merged(engine, 7, "a" * 40)
    assert numbers(engine) == [proposed, own]
    assert numbers(engine, SOURCE) == [proposed, own]


def test_a_merged_result_and_the_copy_of_it_that_was_published_are_one(engine: sa.Engine) -> None:
    proposed = run(engine, propose(engine, KEY), job_id=job(engine, merged=True))
    published = run(engine, KEY, copy_of=proposed)
    (row,) = source_history(engine, KEY)
    assert (row["id"], row["newest"]) == (proposed, published)


def test_history_goes_on_through_renames(engine: sa.Engine) -> None:
    old, new = (declare(engine, f"us/ca/{name}/addresses/county") for name in ("old", "new"))
    before = run(engine, old)
    record_renames(engine, {old: new}, commit_sha="c", now=NOW)
    after = run(engine, new)
    assert numbers(engine, new) == numbers(engine, "us/ca/new") == [after, before]
    assert numbers(engine, old) == [before]


def test_a_source_file_shows_all_its_data_sources(engine: sa.Engine) -> None:
    parcels = declare(engine, f"{SOURCE}/parcels/county")
    both = [run(engine, KEY), run(engine, parcels)]
    for path in (SOURCE, f"sources/{SOURCE}.json"):
        assert numbers(engine, path) == both[::-1]
    assert numbers(engine, "us/ca/unheard-of") == []


@pytest.mark.parametrize("what", [KEY, SOURCE, f"sources/{SOURCE}.json"])
def test_the_latest_run_is_the_good_one_that_nothing_newer_replaced(engine: sa.Engine, what: str) -> None:
    assert latest_run(engine, what) is None
    failed = run(engine, KEY, RunStatus.FAILED)
    assert latest_run(engine, what)["id"] == failed  # type: ignore[index]
    good = run(engine, KEY)
    for status in (RunStatus.SKIPPED, RunStatus.FAILED, RunStatus.LOST, RunStatus.HELD):
        run(engine, KEY, status)
        assert latest_run(engine, what)["id"] == good  # type: ignore[index]


def test_a_sources_old_name_means_the_first_addresses_of_its_file(engine: sa.Engine) -> None:
    declare(engine, f"{SOURCE}/addresses/another", first=False)
    declare(engine, f"{SOURCE}/buildings/city")
    gone = declare(engine, f"{SOURCE}/addresses/a-former-name")
    mark_removed(engine, [gone], now=NOW)
    assert key_named(engine, SOURCE) == KEY
    declare(engine, "us/ca/only-parcels/parcels/county")
    assert key_named(engine, "us/ca/only-parcels") is None
    assert key_named(engine, "nowhere") is None
    assert latest_run(engine, "nowhere") is None


def test_the_name_of_a_renamed_source_leads_to_what_it_is_today(engine: sa.Engine) -> None:
    second, third = (declare(engine, f"us/ca/{name}/addresses/county") for name in ("second", "third"))
    good = run(engine, KEY)
    for old, new in ((KEY, second), (second, third)):
        record_renames(engine, {old: new}, commit_sha="c", now=NOW)
        mark_removed(engine, [old], now=NOW)
    assert key_named(engine, SOURCE) == third
    assert latest_run(engine, SOURCE)["id"] == good  # type: ignore[index]  # not run since: what it had before
    newer = run(engine, third)
    assert latest_run(engine, SOURCE)["id"] == newer  # type: ignore[index]


def test_a_source_that_left_the_repository_keeps_its_name(engine: sa.Engine) -> None:
    good = run(engine, KEY)
    mark_removed(engine, [KEY], now=NOW)
    assert key_named(engine, SOURCE) == KEY
    assert latest_run(engine, SOURCE)["id"] == good  # type: ignore[index]


def test_a_proposal_has_no_public_name(engine: sa.Engine) -> None:
    proposal = propose(engine, "us/ca/fresh/addresses/county")
    run(engine, proposal, job_id=job(engine))
    for what in (proposal, "us/ca/fresh"):
        assert key_named(engine, what) is None
        assert latest_run(engine, what) is None
