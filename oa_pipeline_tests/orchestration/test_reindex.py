"""A ledger that was restored from a day-old backup learns again what lies in the store: on both stores, whole runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance

from oa_pipeline.ledger import gate, queries
from oa_pipeline.ledger.builds import begin_build
from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.ledger.reindex import go_on_after
from oa_pipeline.ledger.runs import Opening, open_run
from oa_pipeline.ledger.tables import runs
from oa_pipeline.orchestration.instance import instance_of
from oa_pipeline.orchestration.reindex import Entered, LeftOut, reindex
from oa_pipeline.settings import Settings
from oa_pipeline_tests.assets.shrinking import KEY, Town, rows, town
from oa_pipeline_tests.commands import Command
from oa_pipeline_tests.database import create, drop, rename

pytestmark = pytest.mark.usefixtures("one_converter")

SECOND = timedelta(seconds=1)  # to which times in the store are rounded
# What a run leaves in the store does not tell, or tells rounded, or no longer holds once copies are forgotten.
NOT_KEPT = {
    "token", "predecessor", "successor", "compared_with", "started_at", "beat_at", "ended_at", "seconds", "accepted_at",
    "accepted_by", "cpu_seconds",
}  # fmt: skip


@pytest.fixture(params=["folder", "s3"])
def here(request: pytest.FixtureRequest, database: str, engine: sa.Engine, tmp_path: Path) -> Iterator[Town]:
    more = {}
    if request.param == "s3":
        endpoint = request.getfixturevalue("s3_server")
        more = {"store": f"s3://{request.getfixturevalue('bucket')}/x", "s3_endpoint": endpoint}
    with DagsterInstance.ephemeral() as instance, town(database, engine, tmp_path, instance, **more) as found:
        yield found


@pytest.fixture
def there(database: str, engine: sa.Engine, tmp_path: Path) -> Iterator[Town]:
    """The same with a store in a folder alone."""
    with DagsterInstance.ephemeral() as instance, town(database, engine, tmp_path, instance) as found:
        yield found


class Backup:
    """A copy of a database, as it was when this was made."""

    def __init__(self, server: str, database: str) -> None:
        self.server, self.database = server, database
        self.name = f"{_name(database)}_backup"
        ledger_engine(database).dispose()
        create(server, self.name, template=_name(database))

    def restore(self) -> None:
        """The database is what the copy is; the copy is used up."""
        ledger_engine(self.database).dispose()
        drop(self.server, _name(self.database))
        rename(self.server, self.name, _name(self.database))


def _name(database: str) -> str:
    name = sa.make_url(database).database
    assert name is not None
    return name


def ledger(engine: sa.Engine) -> dict[int, dict[str, Any]]:
    """All runs, by number."""
    with engine.connect() as connection:
        return {row["id"]: dict(row) for row in connection.execute(sa.select(runs)).mappings()}


def kept(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in NOT_KEPT}


def test_a_day_that_the_ledger_forgot_is_entered_again(here: Town, server: str, database: str, tmp_path: Path) -> None:
    here.run(rows(100))
    first = here.latest["id"]
    backup = Backup(server, database)
    here.run(rows(105))
    grown = here.latest["id"]
    here.run()
    copy = here.newest["id"]
    here.run("no csv at all", fails=True)
    failed = here.newest["id"]
    here.run(rows(50))
    held = here.newest["id"]
    stray = tmp_path / "stray"
    stray.write_bytes(b"half a run")
    store = here.workplace.store()
    store.put(f"runs/{held + 40}/cache.csv", stray, content_type="text/csv", sha256=_sha256(stray))
    store.put("collections/12/x.zip", stray, content_type="application/zip", sha256=_sha256(stray))
    before = ledger(here.engine)
    assert {number: row["status"] for number, row in before.items()} == {
        first: "succeeded", grown: "succeeded", copy: "succeeded", failed: "failed", held: "held",
    }  # fmt: skip
    backup.restore()
    assert set(ledger(here.engine)) == {first}

    dry = reindex(here.workplace, dry_run=True)
    assert [(one.number, one.status) for one in dry.entered] == [
        (grown, "succeeded"), (failed, "failed"), (held, "succeeded"),
    ]  # fmt: skip
    assert set(ledger(here.engine)) == {first}

    report = reindex(here.workplace)
    after = ledger(here.engine)
    assert report.entered == [
        Entered(grown, KEY, "succeeded", latest=True),
        Entered(failed, KEY, "failed", before[failed]["problem"]),
        Entered(held, KEY, "held", "105 rows before, 50 now (-52.4%)"),
    ]
    assert report.left_out == [
        LeftOut(f"runs/{held + 40}/", 1, "it has no index.json: the run had not come to its end", lost=True)
    ]
    assert report.known == 1
    assert set(after) == {first, grown, failed, held}, "what only confirmed another has left nothing"
    for number in (first, grown, failed, held):
        assert kept(after[number]) == kept(before[number])
        # Its end is told without its publication, which may take long.
        assert before[number]["started_at"] - SECOND <= after[number]["ended_at"] <= before[number]["ended_at"] + SECOND
    assert after[held]["compared_with"] == grown
    assert here.latest["id"] == grown
    assert [row["id"] for row in gate.held(here.engine)] == [held]

    again = reindex(here.workplace)
    assert (again.entered, again.known) == ([], 4)

    here.run()
    newest = here.newest
    assert newest["id"] == held + 41, "numbers go on after the highest in the store"
    assert (newest["status"], newest["copy_of"]) == ("held", held), "and life goes on where it was"
    assert begin_build(here.engine, "collections", run_ids=[], now=newest["ended_at"]) == 13


def _sha256(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def forget(engine: sa.Engine, number: int) -> None:
    """The ledger no longer knows the run."""
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM oa.pointers"))
        connection.execute(sa.delete(runs).where(runs.c.id == number))


def test_what_a_person_forced_stays_published(there: Town) -> None:
    there.run(rows(100))
    first = there.latest["id"]
    there.run(rows(50), force=True)
    forced = there.latest["id"]
    forget(there.engine, forced)
    report = reindex(there.workplace)
    assert [(one.number, one.status, one.latest) for one in report.entered] == [(forced, "succeeded", True)]
    row = there.row(forced)
    assert (row["accepted_by"], row["compared_with"]) == ("force", first)


def _damage_index(folder: Path) -> None:
    (folder / "index.json").write_text('{"run": 7}')


def _of_another(folder: Path) -> None:
    held = json.loads((folder / "index.json").read_text())
    held["run"]["number"] = 4711
    (folder / "index.json").write_text(json.dumps(held))


def _cut_off(folder: Path) -> None:
    (folder / "out.parquet").write_bytes(b"")


def _of_the_unknown(folder: Path) -> None:
    text = (folder / "index.json").read_text()
    (folder / "index.json").write_text(text.replace(f'"partition": "{KEY}"', '"partition": "fr/paris/addresses/x"'))


DAMAGES = {
    "cannot be used": _damage_index,
    "is of run 4711": _of_another,
    "its parquet is missing or cut off": _cut_off,
    "oa sources sync": _of_the_unknown,
}


def test_what_is_not_whole_is_left_out_and_named(there: Town) -> None:
    there.run(rows(30))
    number = there.latest["id"]
    forget(there.engine, number)
    folder = Path(there.workplace.store().location, "runs", str(number))
    for said, damage in DAMAGES.items():
        whole = folder.rename(folder.with_name("whole"))
        shutil.copytree(whole, folder)
        damage(folder)
        shutil.move(whole, there.workplace.settings.home / "whole")
        report = reindex(there.workplace)
        (left,) = report.left_out
        assert said in left.why
        assert not left.lost
        assert (report.entered, ledger(there.engine)) == ([], {})
        shutil.rmtree(folder)
        shutil.move(there.workplace.settings.home / "whole", folder)
    assert [one.number for one in reindex(there.workplace).entered] == [number]


def test_a_dry_run_names_what_the_ledger_has_no_data_source_for(there: Town) -> None:
    there.run(rows(30))
    number = there.latest["id"]
    forget(there.engine, number)
    store = Path(there.workplace.store().location)
    _of_the_unknown(store / "runs" / str(number))
    proposal = store / "pr" / str(number + 5)
    proposal.parent.mkdir()
    shutil.copytree(store / "runs" / str(number), proposal)
    index = json.loads((proposal / "index.json").read_text())
    index["run"]["number"] = number + 5
    index["run"]["partition"] = f"7/{'a' * 40}/{KEY}"
    (proposal / "index.json").write_text(json.dumps(index))

    for dry in (True, False):
        report = reindex(there.workplace, dry_run=dry)
        assert report.entered == []
        left = {one.prefix: one for one in report.left_out}
        assert set(left) == {f"runs/{number}/", f"pr/{number + 5}/"}
        of_source, of_pull_request = left[f"runs/{number}/"], left[f"pr/{number + 5}/"]
        assert "`oa sources sync`" in of_source.why
        assert not of_source.lost, "somebody has to do something"
        assert "checked again" in of_pull_request.why
        assert of_pull_request.lost, "nobody can do anything"


def test_a_set_of_which_only_maps_are_left_keeps_its_number(there: Town, tmp_path: Path) -> None:
    there.run(rows(30))
    picture = tmp_path / "picture"
    picture.write_bytes(b"a map")
    there.workplace.store().put("sets/6/a.png", picture, content_type="image/png", sha256=_sha256(picture))

    assert reindex(there.workplace).highest["sets"] == 6

    assert begin_build(there.engine, "collections", run_ids=[], now=there.latest["ended_at"]) == 1
    with there.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT nextval('oa.sets_id_seq')")) == 7


def test_numbers_never_go_back(there: Town) -> None:
    there.run(rows(30))
    number = there.latest["id"]
    go_on_after(there.engine, {"runs": number + 9})
    go_on_after(there.engine, {"runs": 1, "builds": 0, "sets": 0})
    assert open_run(there.engine, Opening(KEY), now=there.latest["ended_at"]).number == number + 10
    assert begin_build(there.engine, "collections", run_ids=[], now=there.latest["ended_at"]) == 1


def test_the_command_says_what_it_did_and_tells_dagster(
    database: str, engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, oa: Command
) -> None:
    environment = {"OA_DATABASE_URL": database, "OA_HOME": str(tmp_path / "home")}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with instance_of(Settings.from_env()) as instance, town(database, engine, tmp_path, instance) as there:
        there.run(rows(30))
        there.run(rows(40))
        number = there.latest["id"]
        forget(engine, number)
        dry = oa("reindex", "--dry-run", **environment)
        assert (dry.returncode, dry.stdout) == (0, f"run {number}  {KEY}  succeeded\n"), dry.stderr
        assert queries.run(engine, number) is None
        done = oa("reindex", **environment)
        assert (done.returncode, done.stdout) == (0, f"run {number}  {KEY}  succeeded  is the latest\n"), done.stderr
        assert "1 runs entered; 1 were known" in done.stderr
        assert there.latest["id"] == number
        assert oa("reindex", **environment).stdout == ""
