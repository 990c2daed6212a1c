"""Whole builds, with a real ledger, on both stores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import sqlalchemy as sa

from oa_pipeline.errors import PublishError
from oa_pipeline.ledger import builds, queries, sets
from oa_pipeline.ledger.partitions import Declared, mark_removed, record
from oa_pipeline.ledger.runs import Ending, Opening, end_run, open_run
from oa_pipeline.ledger.tables import RunStatus, SetStatus
from oa_pipeline.ledger.tables import builds as builds_table
from oa_pipeline.orchestration import collect as module
from oa_pipeline.orchestration.collect import Collection, Doubtful, NotCopied, collect, doubt
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.publish.store import Store
from oa_pipeline.settings import Settings
from oa_pipeline.sources.model import Licence
from oa_pipeline_tests.publish.collections.results import Result, copied_to, keys, lines, publish

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
RESULTS = [
    Result("us/ca/alameda", "county", rows=40, at=(-122, 37)),
    Result("fr/paris", rows=9),
    Result("it/roma", rows=6),
    Result("za/cape", rows=4, at=(18, -33), share_alike=True),
]
IN_A_PROCESS = """
import sys
from oa_pipeline.orchestration.collect import collect
from oa_pipeline.orchestration.workplace import Workplace
collect(Workplace(), say=lambda said: print(said, flush=True))
"""


@pytest.fixture(params=["folder", "s3"])
def workplace(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> Workplace:
    settings = Settings(home=tmp_path / "home", database_url=database, store=str(tmp_path / "store"))
    if request.param == "s3":
        endpoint = request.getfixturevalue("s3_server")
        bucket = request.getfixturevalue("bucket")
        settings = replace(settings, store=f"s3://{bucket}/x", s3_endpoint=endpoint)
    return Workplace(settings)


@pytest.fixture
def in_a_folder(tmp_path: Path, database: str) -> Workplace:
    return Workplace(Settings(home=tmp_path / "home", database_url=database, store=str(tmp_path / "store")))


def finish(workplace: Workplace, folder: Path, result: Result, status: RunStatus = RunStatus.SUCCEEDED) -> int:
    """A run of that data source, which ends so with its real objects in the store."""
    engine = workplace.ledger()
    declared = Declared(
        result.key, result.source, str(result.layer), result.name, {}, {}, "d", "b", "c0ffee", result.first
    )
    record(engine, [declared], now=NOW)
    ticket = open_run(engine, Opening(result.key, code_version="1"), now=NOW)
    row = publish(workplace.store(), folder, result, ticket.number)
    good = status in (RunStatus.SUCCEEDED, RunStatus.HELD)
    ending = Ending(
        status,
        NOW,
        problem=None if good else "Could not download source data",
        rows=result.rows,
        outputs=row["outputs"] if good else {},
        data_version=f"v{ticket.number}",
        licence=Licence(row["licence"], None, "", result.share_alike),
        held_because=("fewer rows",) if status is RunStatus.HELD else (),
    )
    assert end_run(engine, ticket, ending)
    return ticket.number


def process(workplace: Workplace, folder: Path, results: Sequence[Result] = RESULTS) -> list[int]:
    return [finish(workplace, folder, result) for result in results]


def made(workplace: Workplace, **how: Any) -> Collection:
    return collect(workplace, say=lambda _: None, **how)


def rows_in(store: Store, key: str, folder: Path) -> dict[str, int]:
    with ZipFile(copied_to(store, key, folder)) as archive:
        assert archive.testzip() is None
        members = json.loads(archive.read("manifest.json"))["members"]
        return {member["key"]: sum(1 for _ in lines(archive.read(member["csv"]))) for member in members}


def current(workplace: Workplace) -> dict[str, str]:
    rows = builds.current_zips(workplace.ledger())
    return {f"{row['area']}{row['licence']}-{row['layer']}.{row['form']}": row["key"] for row in rows}


def build_row(workplace: Workplace, number: int) -> Any:
    with workplace.ledger().connect() as connection:
        return connection.execute(sa.select(builds_table).where(builds_table.c.id == number)).one()


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


def test_a_build_whose_zips_do_not_come_to_their_fixed_keys_is_current_and_says_so(
    in_a_folder: Workplace, tmp_path: Path
) -> None:
    process(in_a_folder, tmp_path)
    in_the_way = Path(in_a_folder.settings.store) / "openaddr-collected-europe.zip"
    in_the_way.mkdir(parents=True)
    with pytest.raises(NotCopied, match=r"^build 1 is current, but .* fixed keys: .*europe"):
        made(in_a_folder)
    assert current(in_a_folder)["europe-addresses.zip"] == "collections/1/openaddr-collected-europe.zip"
    in_the_way.rmdir()
    assert made(in_a_folder).unchanged
    assert in_the_way.is_file()


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


def test_a_failed_build_leaves_everything_as_it_was(workplace: Workplace, tmp_path: Path) -> None:
    process(workplace, tmp_path)
    made(workplace)
    store = workplace.store()
    before, fixed = current(workplace), copied_to(store, "openaddr-collected-europe.zip", tmp_path).read_bytes()
    numbers = process(workplace, tmp_path, [replace(result, text="new ") for result in RESULTS])
    store.delete([f"runs/{number}/{result.source}.zip" for number, result in zip(numbers, RESULTS, strict=True)])
    with pytest.raises(PublishError, match="4 of 4 results cannot be collected"):
        made(workplace)
    newest = builds.newest(workplace.ledger(), "collections")
    assert newest is not None
    assert (newest["status"], newest["detail"][:30]) == ("failed", "4 of 4 results cannot be colle")
    assert current(workplace) == before
    assert copied_to(store, "openaddr-collected-europe.zip", tmp_path).read_bytes() == fixed
    assert {key.split("/")[0] for key in keys(store, "collections/")} == {"1"}


class Interposed:
    """A store, with something that happens when an object is about to be written."""

    def __init__(self, store: Store, happens: Any) -> None:
        self._store, self._happens = store, happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def writer(self, key: str, *, content_type: str) -> Any:
        self._happens(key)
        return self._store.writer(key, content_type=content_type)


def test_a_source_that_finishes_meanwhile_is_in_the_next_build(
    in_a_folder: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = process(in_a_folder, tmp_path)
    store = in_a_folder.store()
    late: list[int] = []

    def happens(key: str) -> None:
        if not late:
            late.append(0)
            late[0] = finish(in_a_folder, tmp_path, replace(RESULTS[1], rows=99, text="late "))
            process(in_a_folder, tmp_path, [Result("de/berlin", rows=5)])

    interposed = Workplace(in_a_folder.settings)
    monkeypatch.setattr(Workplace, "store", lambda _: Interposed(store, happens))
    done = made(interposed)
    monkeypatch.undo()
    assert late[0] > max(numbers)
    assert sorted(build_row(in_a_folder, done.build).run_ids) == sorted(numbers)
    for name in ("global", "europe"):
        with ZipFile(copied_to(store, current(in_a_folder)[f"{name}-addresses.zip"], tmp_path)) as archive:
            members = {m["key"]: m for m in json.loads(archive.read("manifest.json"))["members"]}
            assert members[RESULTS[1].key]["run"] == numbers[1]
            assert "de/berlin/addresses/city" not in members
            for member in members.values():
                assert sum(1 for _ in lines(archive.read(member["csv"]))) == member["rows"]
    made(in_a_folder)
    assert rows_in(store, current(in_a_folder)["europe-addresses.zip"], tmp_path)[RESULTS[1].key] == 99


def test_of_two_builds_at_once_the_later_publishes(
    in_a_folder: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(in_a_folder, tmp_path)
    store = in_a_folder.store()
    second: list[Collection] = []

    def happens(key: str) -> None:
        if not second and key.startswith("collections/1/"):
            monkeypatch.undo()
            second.append(made(in_a_folder))

    monkeypatch.setattr(Workplace, "store", lambda _: Interposed(store, happens))
    with pytest.raises(PublishError, match="newer build publishes"):
        made(Workplace(in_a_folder.settings))
    assert {key.split("/")[1] for key in current(in_a_folder).values()} == {str(second[0].build)}
    assert {key.split("/")[0] for key in keys(store, "collections/")} == {str(second[0].build)}


def test_a_build_that_is_killed_leaves_everything_as_it_was(workplace: Workplace, tmp_path: Path) -> None:
    """Killed where it hurts most: with all zips half written."""
    process(workplace, tmp_path)
    made(workplace)
    before = current(workplace)
    store = workplace.store()
    listed = keys(store, "")
    finish(workplace, tmp_path, replace(RESULTS[0], rows=30_000, text="new "))
    settings = workplace.settings
    code = IN_A_PROCESS.replace(
        "collect(Work",
        "from oa_pipeline.publish.collections import zips\n"
        "from oa_pipeline.publish.s3.bucket import Sizes\n"
        "Sizes.part_number = lambda self, number: 100_000\n"  # so that parts have gone up by then
        "import os, signal\n"
        "real = zips._copy\n"
        "def copy(store, directory, archives):\n"
        "    real(store, directory, archives)\n"
        "    if directory.source.source == 'us/ca/alameda':\n"
        "        print('killed', flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "zips._copy = copy\n"
        "collect(Work",
    )
    environment = {
        "OA_HOME": str(settings.home), "OA_DATABASE_URL": settings.database_url, "OA_STORE": settings.store,
        "OA_S3_ENDPOINT": settings.s3_endpoint,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == -9, done.stderr
    assert "killed" in done.stdout
    assert current(workplace) == before
    assert [key for key in keys(store, "") if not key.startswith("runs/")] == [
        key for key in listed if not key.startswith("runs/")
    ]
    engine = workplace.ledger()
    dead = builds.newest(engine, "collections")
    assert dead is not None
    assert dead["status"] == "building"
    after = made(workplace)
    assert build_row(workplace, dead["id"]).status == "failed"
    assert after.build > dead["id"]
    # Every hundredth row has no place.
    assert rows_in(store, current(workplace)["us_west-addresses.zip"], tmp_path) == {RESULTS[0].key: 29_700}
    assert store.sweep(datetime.now(UTC) + timedelta(hours=1)) >= 1


def set_of(workplace: Workplace, *, failed: int, members: int, only: str = "") -> int:
    engine = workplace.ledger()
    new = sets.NewSet("r", NOW + timedelta(days=1), commit_sha="c0ffee", only=only, asked_by="test")
    number = sets.open_set(engine, new, [], now=NOW)
    counts = {"members": members, "ended": members, "failed": failed}
    assert sets.end_set(engine, number, SetStatus.COMPLETE, counts=counts, now=NOW)
    return number


def test_nothing_is_collected_after_a_set_of_which_too_much_failed(in_a_folder: Workplace, tmp_path: Path) -> None:
    process(in_a_folder, tmp_path)
    made(in_a_folder)
    before = current(in_a_folder)
    process(in_a_folder, tmp_path, [replace(RESULTS[1], text="new ")])
    engine = in_a_folder.ledger()
    set_of(in_a_folder, failed=39, members=100)
    assert doubt(engine) is None
    set_of(in_a_folder, failed=40, members=100)
    set_of(in_a_folder, failed=0, members=1, only="fr/*")
    with pytest.raises(Doubtful, match=r"40 of the 100 data sources of set 2 failed.*publishers or us"):
        made(in_a_folder)
    assert current(in_a_folder) == before
    assert isinstance(doubt(engine), Doubtful)
    assert not made(in_a_folder, force=True).unchanged


def test_nothing_is_collected_where_much_has_gone(in_a_folder: Workplace, tmp_path: Path) -> None:
    with pytest.raises(Doubtful, match="no data source has a result"):
        made(in_a_folder)
    process(in_a_folder, tmp_path)
    made(in_a_folder)
    before = current(in_a_folder)
    mark_removed(in_a_folder.ledger(), [RESULTS[0].key], now=NOW)
    with pytest.raises(Doubtful, match="3 data sources are left of the 4"):
        made(in_a_folder)
    assert current(in_a_folder) == before
    assert made(in_a_folder, force=True).facts["sources"] == 3


def test_readers_never_see_half_a_build(in_a_folder: Workplace, tmp_path: Path) -> None:
    process(in_a_folder, tmp_path)
    made(in_a_folder)
    seen: set[frozenset[str]] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            rows = builds.current_zips(in_a_folder.ledger())
            seen.add(frozenset(str(row["build_id"]) for row in rows))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for n in range(3):
            finish(in_a_folder, tmp_path, replace(RESULTS[2], text=f"{n} "))
            made(in_a_folder)
    finally:
        stop.set()
        thread.join()
    assert {len(found) for found in seen} == {1}


@pytest.fixture(autouse=True)
def _no_leftovers(tmp_path: Path) -> Iterator[None]:
    yield
    assert not list(tmp_path.glob("home/work/*"))


def test_the_repository_and_its_commit_are_named(in_a_folder: Workplace, tmp_path: Path) -> None:
    process(in_a_folder, tmp_path, RESULTS[:1])
    settings = replace(in_a_folder.settings, sources="github:openaddresses/openaddresses")
    engine = in_a_folder.ledger()
    snapshot = module._snapshot(Workplace(settings), engine, NOW)
    assert (snapshot.repository, snapshot.commit) == ("openaddresses/openaddresses", "c0ffee")
    sets.open_set(engine, sets.NewSet("r", NOW + timedelta(days=1), commit_sha="5e7", asked_by="test"), [], now=NOW)
    assert module._snapshot(in_a_folder, engine, NOW).commit == "5e7"
    assert module._snapshot(in_a_folder, engine, NOW).repository == ""
