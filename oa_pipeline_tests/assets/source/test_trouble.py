"""Sources at fault, publishers who are unwell, and runs that are stopped."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import (
    DagsterInstance,
)

from oa_pipeline.assets import source as module
from oa_pipeline.automation.lost import end_lost_runs
from oa_pipeline.automation.partitions import sync
from oa_pipeline.ledger import queries
from oa_pipeline.ledger.runs import Opening, open_run
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline_tests.assets.materialized import data_version

from .told import BROKEN, HARBOUR, add, checks, failure, latest

IN_A_PROCESS = """
import sys
from dagster import DagsterInstance, materialize
from oa_pipeline.assets.source import PARTITIONS, source
from oa_pipeline.orchestration.workplace import Workplace
with DagsterInstance.ephemeral() as instance:
    instance.add_dynamic_partitions(PARTITIONS, [sys.argv[1]])
    materialize([source], partition_key=sys.argv[1], instance=instance, resources={"workplace": Workplace()})
"""


def test_a_source_at_fault_fails_with_problem_and_cure_and_keeps_the_last_result(
    run: Any, workplace: Workplace, engine: sa.Engine
) -> None:
    data = workplace.settings.home.parent / "x.csv"
    data.write_text("n,s,x,y\n1,A,2,3\n")
    key = add(workplace, "own", data.as_uri())
    run(key)
    good = latest(engine, key)
    data.unlink()
    result = run(key)
    assert not result.success
    row = latest(engine, key)
    assert (row["status"], row["problem"]) == ("failed", "Could not download source data")
    assert str(row["problem"]) in failure(result)
    assert queries.latest_good_run(engine, key)["id"] == good["id"]  # type: ignore[index]
    assert workplace.store().exists(f"runs/{row['id']}/output.txt")


def test_the_broken_sample_says_what_to_do(run: Any, engine: sa.Engine) -> None:
    result = run(BROKEN)
    assert not result.success
    row = latest(engine, BROKEN)
    assert row["status"] == "failed"
    assert row["cure"]
    assert row["cure"] in failure(result)


def test_a_failed_acceptance_test_is_a_failed_check(run: Any, workplace: Workplace, engine: sa.Engine) -> None:
    path = Path(workplace.settings.sources) / "sources/xx/harbour.json"
    path.write_text(path.read_text().replace('"street": "Anchor Lane",\n', '"street": "Anker Lane",\n'))
    result = run(HARBOUR)
    assert not result.success
    assert latest(engine, HARBOUR)["problem"] == "An acceptance test failed"
    assert checks(result) == {"acceptance_tests": False}


def test_addresses_without_number_and_street_fail_their_check(run: Any, workplace: Workplace) -> None:
    data = workplace.settings.home.parent / "x.csv"
    data.write_text("other,x,y\n1,2,3\n")
    assert not checks(run(add(workplace, "own", data.as_uri())))["number_and_street"]


def test_rows_outside_of_the_declared_coverage_fail_their_check(run: Any, workplace: Workplace) -> None:
    data = workplace.settings.home.parent / "x.csv"
    data.write_text("n,s,x,y\n1,a,9.52,47.14\n2,a,9.53,47.15\n3,a,2.35,48.85\n")
    key = add(workplace, "away", data.as_uri())
    path = Path(workplace.settings.sources) / "sources/xx/away.json"
    path.write_text(path.read_text().replace('"country": "xx"', '"ISO 3166": {"alpha2": "LI"}'))
    result = run(key)
    assert not checks(result)["declared_coverage"]
    (said,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "declared_coverage"]
    assert said.description.startswith("rows outside of the declared coverage, Liechtenstein (LI): 1; see whether")
    assert said.metadata["rows outside"].value == 1


def test_a_source_that_says_to_skip_is_green_and_has_no_result(
    run: Any, workplace: Workplace, engine: sa.Engine
) -> None:
    key = add(workplace, "own", "https://example.com/x.csv", skip=True)
    result = run(key)
    assert result.success
    assert data_version(result) == "skipped"
    assert latest(engine, key)["status"] == "skipped"
    assert queries.latest_good_run(engine, key) is None


def test_what_may_work_later_is_tried_twice_more(
    run: Any, workplace: Workplace, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, unwell: str
) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.0)
    key = add(workplace, "own", f"{unwell}/x.csv")
    result = run(key)
    assert not result.success
    assert [row["attempt"] for row in queries.history(engine, key)] == [2, 1, 0]
    assert {row["status"] for row in queries.history(engine, key)} == {"failed"}


def test_our_own_failure_is_recorded_as_ours_and_raises(run: Any, workplace: Workplace, engine: sa.Engine) -> None:
    blocked = workplace.settings.home / "store"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("a file where the folder should be")
    result = run(HARBOUR)
    assert not result.success
    row = latest(engine, HARBOUR)
    assert (row["status"], row["problem"]) == ("failed", "The pipeline failed, not the source")
    assert "OA_STORE" in row["cure"]


def test_the_deadline_ends_a_run_as_a_failure_that_is_not_retried(
    run: Any, workplace: Workplace, engine: sa.Engine, silent: str
) -> None:
    late = replace(workplace, given=replace(workplace.settings, deadline_seconds=1))
    key = add(workplace, "own", f"{silent}/x.csv")
    result = run(key, at=late)
    assert not result.success
    (row,) = queries.history(engine, key)
    assert (row["status"], row["problem"]) == ("failed", "Could not download source data")
    assert "still at its download" in row["detail"]


def test_a_run_that_is_overtaken_stops_and_publishes_nothing(
    run: Any, workplace: Workplace, engine: sa.Engine, silent: str, listening: socket.socket
) -> None:
    key = add(workplace, "own", f"{silent}/x.csv")
    quick = replace(workplace, beat_seconds=0.2)

    def overtake() -> None:
        select.select([listening], [], [], 240)  # until it is at its download
        open_run(engine, Opening(key), now=datetime.now(UTC))

    other = threading.Thread(target=overtake)
    other.start()
    result = run(key, at=quick)
    other.join()
    assert "took over" in failure(result)
    newer, older = queries.history(engine, key)
    assert (older["status"], older["successor"], newer["status"]) == ("lost", newer["id"], "running")
    assert list(workplace.store().list()) == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["told to stop", "killed"])
def test_a_run_that_is_stopped_leaves_a_true_ledger_and_no_process(
    run: Any, workplace: Workplace, engine: sa.Engine, instance: DagsterInstance, silent: str, how: signal.Signals,
    listening: socket.socket,
) -> None:  # fmt: skip
    key = add(workplace, "own", f"{silent}/x.csv")
    sync(workplace, instance)
    settings = workplace.settings
    environment = {
        **os.environ, "OA_HOME": str(settings.home), "OA_DATABASE_URL": settings.database_url,
        "OA_SOURCES": settings.sources, "OA_ALLOW_LOCAL_SOURCES": "1",
    }  # fmt: skip
    child = subprocess.Popen([sys.executable, "-c", IN_A_PROCESS, key], env=environment, stderr=subprocess.DEVNULL)
    try:
        assert select.select([listening], [], [], 240)[0], "it never came to its download"
        child.send_signal(how)
        child.wait(120)
    finally:
        child.kill()
        child.wait()
    (row,) = queries.history(engine, key)
    if how is signal.SIGTERM:
        assert (row["status"], row["detail"]) == ("cancelled", "the run was told to stop")
        return
    assert row["status"] == "running"
    # The sensor ends it, as Dagster no longer has the run.
    assert end_lost_runs(instance, engine) == [row["id"]]
    assert latest(engine, key)["status"] == "lost"
