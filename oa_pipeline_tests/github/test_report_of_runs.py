"""From real runs of good, broken and invalid sources to the comment that GitHub holds."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from oa_pipeline.convert.sandbox import Converter
from oa_pipeline.errors import OAError
from oa_pipeline.github.api import GitHub
from oa_pipeline.github.changes import plan_of
from oa_pipeline.github.commits import Commit
from oa_pipeline.github.jobs import open_job, refresh
from oa_pipeline.github.outgoing import pay
from oa_pipeline.github.report import report_of
from oa_pipeline.ledger import jobs, partitions
from oa_pipeline.ledger.engine import in_transaction
from oa_pipeline.ledger.jobs import NewJob, NewMember
from oa_pipeline.ledger.partitions import Declared
from oa_pipeline.ledger.runs import Opening, end_run, open_run
from oa_pipeline.ledger.tables import JobStatus
from oa_pipeline.orchestration.endings import of_result
from oa_pipeline.process import process
from oa_pipeline.publish.results import publish_run
from oa_pipeline.publish.store import Store, open_store
from oa_pipeline.settings import Settings
from oa_pipeline.sources.model import DataSource
from oa_pipeline.sources.parse import parse_source

from .fake import TOKEN, FakeGitHub, Pull
from .rendered import LIVE, OURS, page

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
CONFORM = {"format": "csv", "lon": "x", "lat": "y", "number": "num", "street": "str"}
PUBLISHER = "id,x,y,num,str,@everyone\n" + "".join(f"{n},7.{n},47.{n},{n}0,Main St,#{n}\n" for n in range(1, 8))


@pytest.fixture(scope="module")
def converter() -> Iterator[Converter]:
    with Converter() as warm:
        yield warm


class Bench:
    """Everything from source files to comments, but for Dagster."""

    def __init__(self, folder: Path, github: FakeGitHub, api: GitHub, engine: sa.Engine, converter: Converter) -> None:
        self.folder, self.github, self.api, self.engine, self.converter = folder, github, api, engine, converter
        self.store: Store = open_store(str(folder / "store"), url="https://data.example/v2")
        self.settings = Settings(
            public_url="https://results.example", github_api=github.url, github_token=TOKEN, allow_local_sources=True
        )
        (folder / "data.csv").write_text(PUBLISHER)

    def source(self, **more: Any) -> str:
        one = {"name": "city", "protocol": "http", "data": (self.folder / "data.csv").as_uri(), "conform": CONFORM}
        held = {"schema": 2, "coverage": {"country": "us", "US Census": {"geoid": "06001"}}}
        return json.dumps({**held, "layers": {"addresses": [{**one, **more}]}}, indent=1)

    def run(self, one: DataSource, key: str, job_id: str | None = None) -> int:
        ticket = open_run(self.engine, Opening(key, job_id=job_id), now=START)
        folder = self.folder / f"run{ticket.number}"
        result = process(one, folder, settings=self.settings, converter=self.converter)
        stored = publish_run(self.store, ticket.prefix, one.source, result, folder)
        assert end_run(self.engine, ticket, of_result(one, result, stored, ticket, START))
        return ticket.number

    def publish(self, path: str, text: str) -> None:
        """What the default branch has, with its result."""
        self.github.push({path: text})
        one = parse_source(text.encode(), path).data_sources[0]
        partitions.record(self.engine, [declared(one, one.key)], now=START)
        self.run(one, one.key)

    def check(self, pull: Pull, status: JobStatus = JobStatus.PENDING) -> str:
        """A job for all that the pull request changes, and its runs unless it waits."""
        base = self.api.merge_base(pull.base, pull.head)
        changed = self.api.changed_files(pull.number)
        plan = plan_of(changed, Commit(self.api, pull.head), Commit(self.api, base), allow_local=True)
        job = NewJob(
            id=str(uuid.uuid4()),
            status=status,
            repository=self.github.repository,
            event="pull_request",
            head_sha=pull.head,
            pull_request=pull.number,
            files=[each.as_json() for each in plan.files],
            deadline_at=START + timedelta(hours=1),
        )
        members = [
            NewMember(one.key, declared(one, f"{pull.number}/{pull.head}/{one.key}"), pull.number)
            for one in plan.data_sources
        ]
        in_transaction(self.engine, lambda c: open_job(c, self.settings, job, members, now=START))
        for one in plan.data_sources if status is JobStatus.PENDING else ():
            number = self.run(one, f"{pull.number}/{pull.head}/{one.key}", job.id)
            in_transaction(self.engine, partial(self._end, job.id, one.key, number))
        refresh(self.engine, self.settings, job.id, now=START)
        return job.id

    @staticmethod
    def _end(job_id: str, key: str, number: int, connection: sa.Connection) -> None:
        assert jobs.end_member(connection, job_id, key, run_id=number, now=START)

    def comment(self, pull: Pull) -> str:
        """What is told, read from GitHub."""
        report = partial(report_of, self.engine, self.store, self.settings)
        assert pay(self.engine, self.api, report, now=START + timedelta(seconds=1)).until is None
        (held,) = self.github.comments[pull.number]
        return str(held["body"])


def declared(one: DataSource, key: str) -> Declared:
    assert one.declared is not None
    coverage = dict(one.coverage.declared)
    return Declared(key, one.source, str(one.layer), one.name, dict(one.declared), coverage, one.digest)


@pytest.fixture
def bench(tmp_path: Path, github: FakeGitHub, api: GitHub, engine: sa.Engine, converter: Converter) -> Bench:
    return Bench(tmp_path, github, api, engine, converter)


def test_a_good_a_broken_and_an_invalid_source_are_told_apart_in_one_comment(bench: Bench) -> None:
    good, broken, invalid = (f"sources/us/ca/{name}.json" for name in ("good", "broken", "invalid"))
    bench.publish(good, bench.source())
    bench.publish(broken, bench.source())
    with (bench.folder / "data.csv").open("a") as data:
        data.write("8,7.8,47.8,80,,\n9,seven,47.9,90,Side St,\n")
    pull = bench.github.open_pull(
        {
            good: bench.source(conform={**CONFORM, "city": "id"}, license={"text": "CC0"}),
            broken: bench.source(conform={**CONFORM, "format": "geojson"}),
            invalid: bench.source(conform={**CONFORM, "format": "shp", "number": 1.5}),
            "README.md": "words",
        }
    )

    bench.check(pull)
    body = bench.comment(pull)

    shown = page(body)
    assert "### ❌ 1 of 2 data sources is fine, 1 file needs a change" in body
    assert ["us/ca/good/addresses/city", "✅ fine", "8", "+1 (+14.3%)"] in shown.cells
    assert ["us/ca/broken/addresses/city", "❌ failed", "–", "–"] in shown.cells
    assert ["street", "7", "87.5%", "100.0%"] in shown.cells
    assert ["city", "8", "100.0%", "0.0%"] in shown.cells
    assert "Dropped: 1 row (" in body
    # five rows before and after, with what the publisher has and nobody reads
    assert ["str", *["Main St"] * 5] in shown.cells
    assert ["street", *["Main St"] * 5] in shown.cells
    assert ["place", *[f"7.{n}, 47.{n}" for n in range(1, 6)]] in shown.cells
    assert "`postcode`" not in body  # which nothing gives
    assert "Nothing in the conform reads `@everyone`." in body
    # what is wrong, where, and the cure
    assert f"/blob/{pull.head}/{invalid}#L" in body
    assert "**Problem:** Could not conform source data." in body
    assert "**Cure:** " in body
    assert "`README.md`: ignored" in body
    # and nothing that is more than text
    assert set(shown.tags) <= OURS
    assert not LIVE.search("".join(shown.text))
    ours = (
        "https://results.example/jobs/",
        "https://data.example/v2/pr/",
        f"{bench.github.url}/{bench.github.repository}/blob/",
    )
    assert [each for each in shown.links if not each.startswith(ours)] == []


def test_who_proposes_what_loses_most_rows_is_told_that_it_would_be_held(bench: Bench) -> None:
    path, lines = "sources/us/ca/a.json", PUBLISHER.splitlines(keepends=True)
    (bench.folder / "data.csv").write_text(lines[0] + "".join(lines[1:] * 30))
    bench.publish(path, bench.source())
    (bench.folder / "data.csv").write_text("".join(lines[:3]))
    pull = bench.github.open_pull({path: bench.source(license={"text": "CC0"})})

    job = jobs.job(bench.engine, bench.check(pull))
    body = bench.comment(pull)

    assert job is not None
    assert job["status"] == JobStatus.SUCCESS  # a person may well mean it
    assert ["us/ca/a/addresses/city", "✅ fine, would be held", "2", "-208 (-99.0%)"] in page(body).cells
    assert "### Worth a look" in body
    assert "after a merge it would be held" in body
    assert "210 rows before, 2 now" in body
    assert "of the extent is gone" in body


def test_the_same_comment_tells_when_all_is_mended(bench: Bench) -> None:
    path = "sources/us/ca/a.json"
    pull = bench.github.open_pull({path: bench.source(conform={**CONFORM, "format": "geojson"})})
    bench.check(pull)
    assert bench.comment(pull).splitlines()[1] == "### ❌ 0 of 1 data source is fine"

    bench.github.push_to(pull, {path: bench.source()})
    bench.check(pull)
    body = bench.comment(pull)

    assert body.splitlines()[1] == "### ✅ 1 of 1 data source is fine"
    assert "The default branch has no result to compare with." in body
    assert "No licence is stated." in body


def test_a_pull_request_without_data_sources_gets_no_comment(bench: Bench) -> None:
    pull = bench.github.open_pull({"README.md": "words"})
    bench.check(pull)
    pay(bench.engine, bench.api, str, now=START + timedelta(seconds=1))

    assert pull.number not in bench.github.comments
    assert [each["description"] for each in bench.github.statuses[pull.head]] == ["Nothing to check"]


def test_a_report_does_not_go_on_telling_of_data_sources_that_are_no_longer_changed(bench: Bench) -> None:
    path = "sources/us/ca/a.json"
    pull = bench.github.open_pull({path: bench.source()})
    bench.check(pull)
    bench.comment(pull)
    bench.github.push_to(pull, {"README.md": "words"}, force=True)
    bench.check(pull)

    assert bench.comment(pull).splitlines()[1] == "### ✅ Nothing to check"


def test_who_waits_is_told_for_what(bench: Bench) -> None:
    pull = bench.github.open_pull({"sources/us/ca/a.json": bench.source()})
    bench.check(pull, JobStatus.WAITING)

    assert "`approve, please`" in bench.comment(pull)


@pytest.mark.parametrize(
    ("kind", "rows"), [("sample", "as the publisher has them"), ("geojson", "as they would be published")]
)
def test_an_object_that_is_gone_or_spoilt_is_said_and_takes_nothing_else_away(
    bench: Bench, kind: str, rows: str
) -> None:
    pull = bench.github.open_pull({"sources/us/ca/a.json": bench.source()})
    job_id = bench.check(pull)
    (member,) = jobs.members(bench.engine, job_id)
    key = member["run_outputs"][kind]["key"]
    bench.store.delete([key])

    gone = report_of(bench.engine, bench.store, bench.settings, job_id)
    (bench.folder / "store" / key).write_bytes(b"\x1f\x8b spoilt")
    spoilt = report_of(bench.engine, bench.store, bench.settings, job_id)

    assert f"{rows}** cannot be shown: its file is not kept any more." in gone
    assert f"{rows}** cannot be shown: the file that has them cannot be read." in spoilt
    assert gone.count("cannot be shown") == spoilt.count("cannot be shown") == 1


def test_a_first_row_that_is_huge_is_not_loaded(bench: Bench) -> None:
    text = PUBLISHER.replace("Main St", "x" * 3_000_000, 1)
    (bench.folder / "data.csv").write_text(text)
    pull = bench.github.open_pull({"sources/us/ca/a.json": bench.source()})
    job_id = bench.check(pull)

    body = report_of(bench.engine, bench.store, bench.settings, job_id)

    assert len(body) < 65_536
    assert "`us/ca/a/addresses/city`" in body


def test_of_an_unknown_job_there_is_no_report(bench: Bench) -> None:
    with pytest.raises(OAError, match="no job"):
        report_of(bench.engine, bench.store, bench.settings, "nobody")
