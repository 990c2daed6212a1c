"""`oa runs` as an operator meets it: real commands on a real ledger, with Dagster's own tables beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import AssetRecordsFilter

from oa_pipeline.assets.source import SOURCE
from oa_pipeline.ledger.tables import RunStatus
from oa_pipeline.orchestration.instance import instance_of
from oa_pipeline.sources.model import Licence
from oa_pipeline_tests.assets.shrinking import KEY, Town, rows, town
from oa_pipeline_tests.commands import Command
from oa_pipeline_tests.ledger.life import declare, run

pytestmark = pytest.mark.usefixtures("one_converter")


@pytest.fixture
def here(database: str, engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """A data source in an instance of Dagster's that is the command's own."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("OA_DATABASE_URL", database)
    monkeypatch.setenv("OA_HOME", str(tmp_path / "home"))
    from oa_pipeline.settings import Settings

    with instance_of(Settings.from_env()) as instance, town(database, engine, tmp_path, instance) as found:
        yield found


def test_a_held_run_is_found_shown_rejected_and_accepted(
    here: Town, database: str, tmp_path: Path, oa: Command
) -> None:
    environment = {"OA_DATABASE_URL": database, "OA_HOME": str(tmp_path / "home")}
    here.run(rows(100))
    first = here.latest["id"]
    here.run(rows(50))
    held = here.newest["id"]

    listed = oa("runs", "list", "--held", **environment)
    assert listed.returncode == 0, listed.stderr
    assert f"{held}  held" in listed.stdout
    assert "100 rows before, 50 now" in listed.stdout
    as_json = oa("runs", "list", "--key", "xx/*", "--json", **environment)
    assert [json.loads(line)["id"] for line in as_json.stdout.splitlines()] == [held, first]

    shown = oa("runs", "show", str(held), **environment)
    assert f"compared with run: {first}" in shown.stdout
    assert f"oa runs accept {held}" in shown.stdout
    assert "out.parquet" in shown.stdout
    assert json.loads(oa("runs", "show", str(held), "--json", **environment).stdout)["rows"] == 50

    rejected = oa("runs", "reject", str(held), "--by", "ann", **environment)
    assert (rejected.returncode, rejected.stdout) == (0, f"run {held} ({KEY}) was rejected; run {first} stays\n")

    accepted = oa("runs", "accept", str(held), "4711", str(first), "--by", "ann", **environment)
    assert accepted.returncode == 1, "two of them could not be"
    assert accepted.stdout == f"run {held} ({KEY}) is published in place of run {first}: 50 rows\n"
    assert "there is no run 4711" in accepted.stderr
    assert f"run {first} is not held" in accepted.stderr
    assert "Traceback" not in accepted.stderr
    assert here.latest["id"] == held

    again = oa("runs", "accept", str(held), **environment)
    assert (again.returncode, again.stdout) == (0, f"run {held} ({KEY}) was let through before, by ann\n")

    told = here.instance.fetch_materializations(AssetRecordsFilter(SOURCE, asset_partitions=[KEY]), limit=10).records
    newest = told[0].asset_materialization
    assert newest is not None
    assert len(told) == 3, "one a run, one for the decision, none for its repetition"
    assert (newest.tags or {})["dagster/data_version"] == here.latest["data_version"]
    assert newest.metadata["status"].value == f"run {held} was held and let through by ann"
    assert oa("runs", "list", "--held", **environment).stdout == ""


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["runs", "show", "4711"], 1, "there is no run 4711"),
        (["runs", "accept", "4711"], 1, "there is no run 4711"),
        (["runs", "accept"], 2, "Missing argument"),
        (["runs", "accept", "x"], 2, "'x' is not"),
        (["runs", "show", "99999999999999999999"], 2, "is not in the range"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_numbers_are_said_to_be(
    database: str, tmp_path: Path, oa: Command, arguments: list[str], status: int, said: str
) -> None:
    done = oa(*arguments, OA_DATABASE_URL=database, OA_HOME=str(tmp_path))
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_what_publishers_wrote_moves_no_cursor(database: str, engine: sa.Engine, tmp_path: Path, oa: Command) -> None:
    written = "said \x1b[2J\x1b]0;title\x07 and\nrun 9 succeeded \u202e\u009b1A"
    number = run(engine, declare(engine, KEY), RunStatus.SKIPPED, rows=None, detail=written, licence=Licence(written))
    environment = {"OA_DATABASE_URL": database, "OA_HOME": str(tmp_path)}
    for arguments in (["list"], ["show", str(number)]):
        said = oa("runs", *arguments, **environment)
        assert said.returncode == 0, said.stderr
        assert "title" in said.stdout
        assert not set("\x1b\x07\u202e\u009b") & set(said.stdout)
        assert not any(line.startswith("run 9") for line in said.stdout.splitlines())
