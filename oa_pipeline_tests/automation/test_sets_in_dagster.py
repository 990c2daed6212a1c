"""Sets as they run: Dagster's daemon, the code server with its sensors, a worker; the daemon is killed midway."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import RunsFilter

from oa_pipeline.automation.sets import Asked, start_set
from oa_pipeline.automation.weekly import WEEKLY_SET
from oa_pipeline.ledger import queries, sets
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings
from oa_pipeline_tests.automation.publishers import Publishers, declare, key
from oa_pipeline_tests.servers import serve
from oa_pipeline_tests.workers.system import System, system

NAMES = "abcde"


def runs_of(running: System, number: int) -> dict[str, int]:
    """How many Dagster runs a set has had, by partition."""
    found: dict[str, int] = {}
    for run in running.instance.get_runs(RunsFilter(tags={"oa/set": str(number)}, job_name="process")):
        found[run.tags["dagster/partition"]] = found.get(run.tags["dagster/partition"], 0) + 1
    return found


def ended(running: System, number: int) -> bool:
    row = sets.set_of(running.engine, number)
    return row is not None and row["ended_at"] is not None


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_set_outlives_its_daemon_and_the_next_one_runs_nothing(database: str, tmp_path: Path) -> None:
    publishers = Publishers(pause=0.2)
    with serve(publishers) as website:
        for name in NAMES:
            declare(tmp_path / "repository", name, f"{website.url}/{name}.csv")
        (tmp_path / "dagster").mkdir()
        more = {
            "OA_SOURCES": str(tmp_path / "repository"),
            "OA_ALLOW_LOCAL_SOURCES": "1",
            "OA_FEED_SECONDS": "1",
            "OA_SYNC_SECONDS": "3600",
        }
        with system(tmp_path / "dagster", database, location="oa_pipeline.definitions", more=more) as running:
            running.code_server()
            running.worker(slots=1)
            daemon = running.daemon()
            workplace = Workplace(Settings.from_env())
            first = start_set(workplace, running.instance, Asked("a test")).number
            running.until(lambda: runs_of(running, first), "a run of the set", 400)
            daemon.kill()
            daemon.wait()
            running.daemon()
            running.until(lambda: ended(running, first), "the end of the set", 400)
            row = sets.set_of(running.engine, first)
            assert row is not None
            assert (row["status"], row["counts"]["succeeded"]) == ("complete", 5), row
            assert runs_of(running, first) == {key(n): 1 for n in NAMES}, "one run each"
            for run in running.instance.get_runs(RunsFilter(tags={"oa/set": str(first)})):
                assert (run.tags["oa/kind"], run.tags["dagster/priority"]) == ("batch", "-1")

            again = start_set(
                workplace, running.instance, Asked("a test"), now=datetime.now(UTC) + timedelta(seconds=1)
            )
            running.until(lambda: ended(running, again.number), "the end of the second set", 400)
            row = sets.set_of(running.engine, again.number)
            assert row is not None
            assert (row["counts"]["unchanged"], runs_of(running, again.number)) == (5, {})
            newest, before = queries.history(running.engine, key("a"))
            assert (newest["copy_of"], newest["set_id"], before["set_id"]) == (before["id"], again.number, first)
            running.until(lambda: len(told(running)) == 2, "both ends in Dagster")
            assert told(running) == [("complete", again.number), ("complete", first)]


def told(running: System) -> list[tuple[object, object]]:
    """Status and number of the sets whose ends Dagster was told of, the newest first."""
    found = []
    for record in running.instance.fetch_materializations(WEEKLY_SET, limit=10).records:
        assert record.asset_materialization is not None
        metadata = record.asset_materialization.metadata
        found.append((metadata["status"].value, metadata["set"].value))
    return found
