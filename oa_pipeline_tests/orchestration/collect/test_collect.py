"""Whole builds, with a real ledger, on both stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from oa_pipeline.ledger import builds, queries, sets
from oa_pipeline.ledger.partitions import mark_removed
from oa_pipeline.ledger.runs import Ending, Opening, end_run, open_run
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline.orchestration import collect as module
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.sources.model import Licence
from oa_pipeline_tests.publish.collections.results import Result, keys

from .building import NOW, RESULTS, build_row, current, finish, made, process, rows_in


def test_collections_hold_the_runs_to_date_and_nothing_else(workplace: Workplace, tmp_path: Path) -> None:
    numbers = process(workplace, tmp_path)
    finish(workplace, tmp_path, replace(RESULTS[1], rows=1), RunStatus.FAILED)
    finish(workplace, tmp_path, replace(RESULTS[2], rows=1), RunStatus.HELD)
    finish(workplace, tmp_path, Result("de/berlin", rows=5), RunStatus.SKIPPED)
    process(workplace, tmp_path, [Result("de/bremen", rows=5)])
    mark_removed(workplace.ledger(), ["de/bremen/addresses/city"], now=NOW)
    done = made(workplace, dagster_run_id="abc")
    store = workplace.store()
    files = current(workplace)
    assert set(files) == {
        "global-addresses.zip", "us_west-addresses.zip", "europe-addresses.zip", "globalsa-addresses.zip",
        "africasa-addresses.zip", "global-addresses.parquet", "us_west-addresses.parquet", "europe-addresses.parquet",
        "globalsa-addresses.parquet", "africasa-addresses.parquet",
    }  # fmt: skip
    free = {result.key: result.rows for result in RESULTS if not result.share_alike}
    assert rows_in(store, files["global-addresses.zip"], tmp_path) == free
    assert rows_in(store, files["globalsa-addresses.zip"], tmp_path) == {"za/cape/addresses/city": 4}
    fixed = [key for key in keys(store, "") if "/" not in key]
    assert fixed == sorted(f"openaddr-collected-{name}.zip" for name in
                           ("africa-sa", "europe", "global", "global-sa", "us_west"))  # fmt: skip
    assert rows_in(store, "openaddr-collected-europe.zip", tmp_path) == {
        "fr/paris/addresses/city": 9, "it/roma/addresses/city": 6,
    }  # fmt: skip
    row = build_row(workplace, done.build)
    assert (sorted(row.run_ids), row.dagster_run_id, row.status) == (sorted(numbers), "abc", "published")
    assert (row.facts["sources"], row.facts["rows"], row.facts["left_out"]) == (4, 59, [])
    assert not list((workplace.settings.home / "work").glob("*"))


def test_the_same_results_are_not_collected_again(in_a_folder: Workplace, tmp_path: Path) -> None:
    numbers = process(in_a_folder, tmp_path)
    first = made(in_a_folder)
    again = made(in_a_folder)
    assert (again.build, again.fingerprint, again.unchanged) == (first.build, first.fingerprint, True)
    # An unchanged source has a new run with the old objects: still the same.
    engine = in_a_folder.ledger()
    old = queries.run(engine, numbers[1])
    assert old is not None
    ticket = open_run(engine, Opening(RESULTS[1].key, code_version="1"), now=NOW)
    same = Ending(RunStatus.SUCCEEDED, NOW, rows=9, outputs=old["outputs"], copy_of=numbers[1],
                  licence=Licence(old["licence"], None, "", None))  # fmt: skip
    assert end_run(engine, ticket, same)
    assert made(in_a_folder).unchanged
    assert [key.split("/")[0] for key in keys(in_a_folder.store(), "collections/")] == ["1"] * 10
    forced = made(in_a_folder, force=True)
    assert (forced.unchanged, forced.fingerprint) == (False, first.fingerprint)
    finish(in_a_folder, tmp_path, replace(RESULTS[1], text="new "))
    changed = made(in_a_folder)
    assert not changed.unchanged
    assert changed.fingerprint != first.fingerprint


@pytest.mark.parametrize("what", ["zip", "fixed key"])
def test_what_is_not_there_any_more_is_made_again(in_a_folder: Workplace, tmp_path: Path, what: str) -> None:
    process(in_a_folder, tmp_path)
    first = made(in_a_folder)
    store = in_a_folder.store()
    if what == "zip":
        store.delete([current(in_a_folder)["europe-addresses.zip"]])
        assert made(in_a_folder).build > first.build
    else:
        builds.add_facts(in_a_folder.ledger(), first.build, {"at_fixed_keys": False})  # as if it had been killed before
        store.delete(["openaddr-collected-europe.zip"])
        assert made(in_a_folder).build == first.build
        assert store.exists("openaddr-collected-europe.zip")


def test_an_area_whose_last_source_left_has_no_zip_any_more(in_a_folder: Workplace, tmp_path: Path) -> None:
    more = [Result(f"fr/town{n}", rows=1) for n in range(3)]
    process(in_a_folder, tmp_path, [*RESULTS, *more])
    made(in_a_folder)
    store = in_a_folder.store()
    assert store.exists("openaddr-collected-us_west.zip")
    mark_removed(in_a_folder.ledger(), [RESULTS[0].key], now=NOW)
    made(in_a_folder)
    assert not any(name.startswith("us_west") for name in current(in_a_folder))
    assert not store.exists("openaddr-collected-us_west.zip")
    assert store.exists("openaddr-collected-europe.zip")


def test_a_broken_source_is_named_and_tried_again_the_next_time(in_a_folder: Workplace, tmp_path: Path) -> None:
    numbers = process(in_a_folder, tmp_path)
    store = in_a_folder.store()
    key = f"runs/{numbers[1]}/fr/paris.zip"
    with store.open(key) as held:
        data = held.read()
    store.delete([key])
    done = made(in_a_folder)
    assert [(left["key"], left["run"], left["form"]) for left in done.facts["left_out"]] == [
        (RESULTS[1].key, numbers[1], "zip")
    ]
    assert RESULTS[1].key not in rows_in(store, current(in_a_folder)["global-addresses.zip"], tmp_path)
    with store.writer(key, content_type="application/zip") as out:
        out.write(data)
    again = made(in_a_folder)
    assert (again.unchanged, again.facts["left_out"]) == (False, [])
    assert rows_in(store, current(in_a_folder)["global-addresses.zip"], tmp_path)[RESULTS[1].key] == 9


def test_the_repository_and_its_commit_are_named(in_a_folder: Workplace, tmp_path: Path) -> None:
    process(in_a_folder, tmp_path, RESULTS[:1])
    settings = replace(in_a_folder.settings, sources="github:openaddresses/openaddresses")
    engine = in_a_folder.ledger()
    snapshot = module._snapshot(Workplace(settings), engine, NOW)
    assert (snapshot.repository, snapshot.commit) == ("openaddresses/openaddresses", "c0ffee")
    sets.open_set(engine, sets.NewSet("r", NOW + timedelta(days=1), commit_sha="5e7", asked_by="test"), [], now=NOW)
    assert module._snapshot(in_a_folder, engine, NOW).commit == "5e7"
    assert module._snapshot(in_a_folder, engine, NOW).repository == ""
