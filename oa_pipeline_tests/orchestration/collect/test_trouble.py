"""Builds that fail, are killed, or have company; readers who look meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from oa_pipeline.errors import PublishError
from oa_pipeline.ledger import builds
from oa_pipeline.orchestration.collect import Collection, NotCopied
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.publish.store import Store
from oa_pipeline_tests.publish.collections.results import Result, copied_to, keys, lines

from .building import RESULTS, build_row, current, finish, made, process, rows_in

IN_A_PROCESS = """
import sys
from oa_pipeline.orchestration.collect import collect
from oa_pipeline.orchestration.workplace import Workplace
collect(Workplace(), say=lambda said: print(said, flush=True))
"""


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


@pytest.mark.timeout(600)
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
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, timeout=280
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
