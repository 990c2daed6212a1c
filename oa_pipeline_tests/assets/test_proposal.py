"""What pull requests propose: whole runs through Dagster, apart from what is published, and what a merge does."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, ExecuteInProcessResult, materialize

from oa_pipeline.assets.proposal import proposal
from oa_pipeline.assets.source import source
from oa_pipeline.automation.partitions import sync
from oa_pipeline.ledger import builds, gate, history, jobs, queries, snapshot, statistics
from oa_pipeline.ledger.engine import in_transaction
from oa_pipeline.ledger.jobs import NewJob, NewMember
from oa_pipeline.ledger.partitions import declared
from oa_pipeline.ledger.reuse import Wanted, mark_merged, result_for_job
from oa_pipeline.ledger.tables import JobStatus
from oa_pipeline.orchestration.proposals import for_proposals, forget_github, limited
from oa_pipeline.orchestration.reindex import reindex
from oa_pipeline.orchestration.tags import PROPOSALS
from oa_pipeline.orchestration.upkeep import prune
from oa_pipeline.orchestration.version import code_version
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.publish.s3 import S3Store
from oa_pipeline.settings import Settings
from oa_pipeline_tests.assets.shrinking import KEY, Town, rows, town

pytestmark = pytest.mark.usefixtures("one_converter")

PULL, HEAD, BLOB = 101, "a" * 40, "b" * 40
NOW = datetime.now(UTC) - timedelta(minutes=1)


@dataclass
class Proposals:
    """The town, and a pull request that changes its source file."""

    town: Town

    def run(self, text: str | None = None, **settings: Any) -> dict[str, Any]:
        """The run of what the pull request proposes; the publisher has `text` then."""
        if text is not None:
            self.town.publisher.text = text
        self._declare()
        partition = f"{PULL}/{HEAD}/{KEY}"
        job = NewJob(
            str(uuid.uuid4()),
            JobStatus.PENDING,
            "a/b",
            "pull_request",
            HEAD,
            NOW + timedelta(days=1),
            pull_request=PULL,
        )
        known = declared(self.town.engine, KEY)
        assert known is not None
        member = NewMember(KEY, replace(known, key=partition, blob_sha=BLOB), PULL)
        in_transaction(self.town.engine, lambda c: jobs.insert(c, job, [member], now=NOW))
        self.town.instance.add_dynamic_partitions(PROPOSALS, [partition])
        held = replace(self.town.workplace.settings, dev=True, **settings)
        materialize(
            [proposal], partition_key=partition, instance=self.town.instance, tags={"oa/job": job.id},
            resources={"workplace": Workplace(held)}, raise_on_error=False,
        )  # fmt: skip
        return dict(queries.latest_runs(self.town.engine, [partition])[partition])

    def _declare(self) -> None:
        sync(self.town.workplace, self.town.instance)
        self._blob()

    def _blob(self) -> None:
        """Git's name of the file, which a folder of sources does not give."""
        with self.town.engine.begin() as connection:
            connection.execute(sa.text("UPDATE oa.partitions SET blob_sha = :b"), {"b": BLOB})

    def merged_run(self, head: str = HEAD) -> dict[str, Any]:
        """The run of the default branch after the merge of that head."""
        mark_merged(self.town.engine, PULL, head)
        self._blob()
        self.town.instance.add_dynamic_partitions("sources", [KEY])
        done: ExecuteInProcessResult = materialize(
            [source], partition_key=KEY, instance=self.town.instance, resources={"workplace": self.town.workplace}
        )
        assert done.success
        return self.town.newest


@pytest.fixture(params=["folder", "s3"])
def here(request: pytest.FixtureRequest, database: str, engine: sa.Engine, tmp_path: Path) -> Iterator[Proposals]:
    more = {}
    if request.param == "s3":
        endpoint = request.getfixturevalue("s3_server")
        more = {"store": f"s3://{request.getfixturevalue('bucket')}/x", "s3_endpoint": endpoint}
    with DagsterInstance.ephemeral() as instance, town(database, engine, tmp_path, instance, **more) as found:
        yield Proposals(found)


@pytest.fixture
def there(database: str, engine: sa.Engine, tmp_path: Path) -> Iterator[Proposals]:
    with DagsterInstance.ephemeral() as instance, town(database, engine, tmp_path, instance) as found:
        yield Proposals(found)


def keys(town: Town) -> set[str]:
    return {found.key for found in town.workplace.store().list()}


def published(town: Town) -> dict[str, Any]:
    """All that is made of, or shown for, what is published."""
    engine = town.engine
    return {
        "pointer": queries.latest_good_run(engine, KEY),
        "runs to date": snapshot.runs_to_date(engine),
        "state to date": snapshot.state_to_date(engine),
        "history": history.source_history(engine, KEY),
        "latest": history.latest_run(engine, KEY),
        "held": gate.held(engine),
        "tiles": builds.current_tiles(engine),
        "numbers": statistics.index_numbers(engine),
        "problems": statistics.problems_to_date(engine),
    }


# apart from what is published


def test_a_proposal_changes_nothing_that_is_published_and_no_gate_judges_it(here: Proposals) -> None:
    here.town.run(rows(100))
    before, objects = published(here.town), keys(here.town)

    run = here.run(rows(10))  # the gate would hold that

    assert (run["status"], run["rows"], run["pull_request"]) == ("succeeded", 10, PULL)
    assert run["prefix"] == f"pr/{run['id']}/"
    new = keys(here.town) - objects
    assert new == {output["key"] for output in run["outputs"].values()}
    assert all(key.startswith(f"pr/{run['id']}/") for key in new)
    assert published(here.town) == before


def test_a_failed_proposal_is_no_problem_of_what_is_published(there: Proposals) -> None:
    there.town.run(rows(10))
    before = published(there.town)
    assert there.run("no csv at all")["status"] == "failed"
    assert published(there.town) == before


def test_a_proposal_of_something_new_has_nothing_published_after_it(there: Proposals) -> None:
    assert there.run(rows(10))["status"] == "succeeded"
    assert published(there.town)["pointer"] is None
    assert snapshot.runs_to_date(there.town.engine) == []


# limits


def test_local_files_and_private_addresses_are_not_for_proposals(there: Proposals) -> None:
    assert limited(Settings(allow_local_sources=True)).allow_local_sources is False
    run = there.run(rows(3), allow_local_sources=False)
    assert (run["status"], run["problem"]) == ("failed", "Source address is not allowed")


def test_budgets_are_the_smaller_of_both() -> None:
    held = limited(Settings(download_mib=5, pull_request_seconds=7, convert_seconds=6, pull_request_rows=0))
    assert (held.download_mib, held.download_seconds, held.convert_seconds, held.convert_cpu_seconds) == (5, 7, 6, 7)
    assert held.convert_rows == 0
    assert limited(Settings(convert_rows=10)).convert_rows == 10
    assert limited(Settings()).convert_rows == 5_000_000


def test_too_large_a_download_is_refused(there: Proposals) -> None:
    run = there.run(rows(60_000), pull_request_download_mib=1)
    assert run["status"] == "failed"
    assert run["problem"] == "Could not download source data"


def test_a_sample_is_marked_and_neither_shown_again_nor_published(there: Proposals) -> None:
    run = there.run(rows(100), pull_request_rows=20)
    assert (run["rows"], run["sampled"]) == (20, True)
    wanted = Wanted(BLOB, "addresses", "city", code_version())
    assert result_for_job(there.town.engine, wanted, now=datetime.now(UTC)) is None

    merged = there.merged_run()

    assert (merged["rows"], merged["sampled"]) == (100, False)


def test_a_sample_is_still_one_after_the_ledger_was_made_anew(there: Proposals) -> None:
    run = there.run(rows(100), pull_request_rows=20)
    forget(there.town.engine, run["id"])
    held = replace(there.town.workplace.settings, pull_request_rows=20)
    reindex(Workplace(held))
    assert there.town.row(run["id"])["sampled"]


# after the merge


def forget(engine: sa.Engine, number: int) -> None:
    """The ledger knows nothing of the run."""
    with engine.begin() as connection:
        for table, column in {"pointers": "run_id", "job_members": "run_id", "runs": "id"}.items():
            connection.execute(sa.text(f"DELETE FROM oa.{table} WHERE {column} = :n"), {"n": number})


def test_a_merged_result_is_published_as_it_is_and_the_publisher_is_not_asked(here: Proposals) -> None:
    run = here.run(rows(30))
    asked = here.town.publisher.downloads

    merged = here.merged_run()

    assert here.town.publisher.downloads == asked
    assert (merged["status"], merged["rows"], merged["copy_of"]) == ("succeeded", 30, None)
    assert merged["pull_request"] is None
    assert here.town.latest["id"] == merged["id"]
    store = here.town.workplace.store()
    for kind, output in merged["outputs"].items():
        assert output["key"].startswith(f"runs/{merged['id']}/")
        proposed = run["outputs"][kind]
        assert store.size(output["key"]) == output["size"]
        if kind != "index":
            assert output["sha256"] == proposed["sha256"]
            assert store.read(output["key"], 0, output["size"]) == store.read(proposed["key"], 0, proposed["size"])
    for name in ("content_hash", "data_version", "counters", "bounds", "licence", "cache_sha256", "validators"):
        assert merged[name] == run[name], name

    if isinstance(store, S3Store):
        saved = [store.bucket.head(one["outputs"]["parquet"]["key"])["ContentDisposition"] for one in (run, merged)]
        assert saved == [f"attachment; filename={of}{KEY.replace('/', '-')}.parquet" for of in (f"pr-{PULL}-", "")]

    # what lies in the store tells the same
    here.town.days_go_by(0)
    forget(here.town.engine, merged["id"])
    report = reindex(here.town.workplace)
    assert [(one.number, one.key, one.latest) for one in report.entered] == [(merged["id"], KEY, True)]
    entered = here.town.row(merged["id"])
    for name in ("outputs", "prefix", "rows", "digest", "blob_sha", "content_hash", "data_version", "cache_sha256"):
        assert entered[name] == merged[name], name


def test_of_a_result_that_was_touched_nothing_is_published(here: Proposals) -> None:
    run = here.run(rows(30))
    key = run["outputs"]["geojson"]["key"]
    store = here.town.workplace.store()
    if isinstance(store, S3Store):
        store.bucket.client.put_object(**store.bucket.at(key), Body=b"something else")
    else:
        Path(store.location, key).chmod(0o644)
        Path(store.location, key).write_bytes(b"something else")
    asked = here.town.publisher.downloads

    merged = here.merged_run()

    assert here.town.publisher.downloads == asked + 1
    assert (merged["status"], merged["rows"]) == ("succeeded", 30)
    held = here.town.workplace.store()
    output = merged["outputs"]["geojson"]
    assert held.size(output["key"]) == output["size"]


@pytest.mark.parametrize("why", ["not merged", "another head was merged", "its objects are gone"])
def test_other_results_are_made_anew(there: Proposals, why: str) -> None:
    run = there.run(rows(30))
    asked = there.town.publisher.downloads
    if why == "its objects are gone":
        there.town.workplace.store().delete_prefix(run["prefix"])
        there.merged_run()
    else:
        mark_merged(there.town.engine, PULL, "" if why == "not merged" else "c" * 40)
        there.town.run()
    assert there.town.publisher.downloads == asked + 1
    assert there.town.newest["status"] == "succeeded"


def test_a_result_of_an_earlier_head_that_the_merged_one_was_shown_is_published(there: Proposals) -> None:
    run = there.run(rows(30))
    newer = NewJob(
        str(uuid.uuid4()),
        JobStatus.PENDING,
        "a/b",
        "pull_request",
        "c" * 40,
        NOW + timedelta(days=1),
        pull_request=PULL,
    )
    known = declared(there.town.engine, run["key"])
    assert known is not None
    again = NewMember(KEY, replace(known, key=f"{PULL}/{'c' * 40}/{KEY}"), PULL)
    in_transaction(there.town.engine, lambda c: jobs.insert(c, newer, [again], now=NOW))
    in_transaction(
        there.town.engine, lambda c: jobs.end_member(c, newer.id, KEY, run_id=run["id"], reused=True, now=NOW)
    )
    asked = there.town.publisher.downloads

    there.merged_run("c" * 40)

    assert there.town.publisher.downloads == asked


# upkeep


def test_partitions_of_quiet_pull_requests_leave_dagster_and_those_of_others_stay(there: Proposals) -> None:
    there.run(rows(10))
    (partition,) = there.town.instance.get_dynamic_partitions(PROPOSALS)
    with there.town.engine.begin() as connection:
        connection.execute(sa.text("UPDATE oa.jobs SET status = 'success', ended_at = now()"))
    prune(there.town.workplace, there.town.instance)
    assert there.town.instance.has_dynamic_partition(PROPOSALS, partition)

    there.town.days_go_by(31 * 24)
    with there.town.engine.begin() as connection:
        connection.execute(sa.text("UPDATE oa.partitions SET changed_at = changed_at - interval '31 days'"))
    prune(there.town.workplace, there.town.instance)

    assert not there.town.instance.has_dynamic_partition(PROPOSALS, partition)
    assert there.town.instance.has_dynamic_partition("sources", KEY)


# secrets


def test_the_process_of_a_proposal_forgets_the_way_to_github(there: Proposals, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OA_GITHUB_TOKEN", "OA_GITHUB_SECRETS", "OA_GITHUB_APP_KEY"):
        monkeypatch.setenv(name, "sentinel")
    there.run(rows(3))
    assert not [name for name in os.environ if name.startswith("OA_GITHUB")]


def test_its_settings_know_no_secret_of_githubs() -> None:
    held = for_proposals(Workplace(Settings(github_token="sentinel", github_secrets=("sentinel",)))).settings
    assert "sentinel" not in (held.github_token, *held.github_secrets)
    environment = {"OA_GITHUB_TOKEN": "x", "OA_STORE": "y", "PATH": "z"}
    forget_github(environment)
    assert environment == {"OA_STORE": "y", "PATH": "z"}
