"""Probing against a real server, with results that real runs made; two sets in a row."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus, Failure, RunRequest, SensorResult

from oa_pipeline.assets.source import SOURCE
from oa_pipeline.automation import probing
from oa_pipeline.automation.probing import Probing
from oa_pipeline.automation.sets import Asked, start_set
from oa_pipeline.automation.weekly import look_at_sets
from oa_pipeline.definitions import build_defs
from oa_pipeline.ledger import heartbeats, members, queries, sets
from oa_pipeline.ledger.heartbeats import Beat
from oa_pipeline.ledger.tables import SetStatus
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings
from oa_pipeline_tests.automation.publishers import Publishers, declare, key
from oa_pipeline_tests.mapless import MAPLESS
from oa_pipeline_tests.servers import Server, serve

pytestmark = pytest.mark.usefixtures("one_converter")

NAMES = "abcdef"


@pytest.fixture
def publishers() -> Publishers:
    return Publishers()


@pytest.fixture
def website(publishers: Publishers, database: str) -> Iterator[Server]:
    with serve(publishers) as made:
        yield made


@pytest.fixture
def workplace(database: str, website: Server, tmp_path: Path) -> Workplace:
    for name in NAMES:
        declare(tmp_path / "repository", name, f"{website.url}/{name}.csv")
    return Workplace(
        Settings(
            home=tmp_path / "home",
            database_url=database,
            sources=str(tmp_path / "repository"),
            allow_local_sources=True,
            **MAPLESS,
        )
    )


class Weeks:
    """Sets that are carried out in this process, each a week after the one before."""

    def __init__(self, workplace: Workplace, instance: DagsterInstance) -> None:
        self.workplace, self.instance, self.engine = workplace, instance, workplace.ledger()
        self.definitions = build_defs(workplace=workplace)
        self.now = datetime.now(UTC)
        self.cursor: str | None = None
        self.runs = 0
        heartbeats.beat(self.engine, Beat("worker", "host", 1, 4))

    def begin(self, **how: Any) -> int:
        self.now += timedelta(days=7)
        return start_set(self.workplace, self.instance, Asked("somebody", **how), now=self.now).number

    def look(self) -> list[RunRequest]:
        heartbeats.beat(self.engine, Beat("worker", "host", 1, 4))
        self.now += timedelta(seconds=15)
        found = look_at_sets(self.instance, self.cursor, self.workplace, now=self.now)
        assert isinstance(found, SensorResult)
        self.cursor = found.cursor
        return list(found.run_requests or [])

    def carry_out(self, request: RunRequest) -> None:
        self.runs += 1
        job = self.definitions.resolve_job_def(request.job_name or "")
        job.execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key,
            tags={**request.tags, "dagster/run_key": request.run_key or ""},
            run_config=request.run_config,
            raise_on_error=False,
        )

    def whole(self, **how: Any) -> dict[str, Any]:
        """A set from its beginning to its end: its counts."""
        number = self.begin(**how)
        for _ in range(20):
            for request in self.look():
                self.carry_out(request)
            row = sets.set_of(self.engine, number)
            assert row is not None
            if row["status"] != SetStatus.OPEN:
                assert row["status"] == "complete", row
                return dict(row["counts"])
        raise AssertionError("the set did not end")

    def probe(self, number: int, who: str = "probe", **how: Any) -> probing.Probed:
        return Probing(self.workplace, self.instance, number, who, say=lambda _: None, **how).block()

    def versions(self) -> dict[str, list[str | None]]:
        """The data versions with which Dagster saw each data source, newest first."""
        found: dict[str, list[str | None]] = {}
        records = self.instance.fetch_materializations(SOURCE, limit=1000).records
        for record in records:
            tags = record.asset_materialization.tags if record.asset_materialization else None
            found.setdefault(record.partition_key or "", []).append((tags or {}).get("dagster/data_version"))
        return found


@pytest.fixture
def weeks(workplace: Workplace, coordinated: DagsterInstance) -> Weeks:
    return Weeks(workplace, coordinated)


def test_the_second_of_two_sets_in_a_row_re_uses_what_has_not_changed(
    weeks: Weeks, publishers: Publishers, website: Server
) -> None:
    publishers.unwell.add("/f.csv")
    declare(Path(weeks.workplace.settings.sources), "s", f"{website.url}/s.csv", skip=True)
    first = weeks.whole()
    assert (first["members"], first["succeeded"], first["failed"], first["skipped"]) == (7, 5, 1, 1)
    assert first["problems"] == {"Could not download source data": 1, "Source says to skip": 1}
    given, runs = dict(publishers.given), weeks.runs
    assert given == {f"/{n}.csv": 1 for n in "abcde"}

    publishers.files["/e.csv"] = "x,y,n,s\n1,2,3,Other St\n1.5,2.5,4,Other St\n"
    second = weeks.whole()
    assert {name: second.get(name) for name in ("members", "unchanged", "succeeded", "failed", "skipped")} == {
        "members": 7,
        "unchanged": 4,
        "succeeded": 1,
        "failed": 1,
        "skipped": 1,
    }
    assert {path for path, count in publishers.given.items() if count > given.get(path, 0)} == {"/e.csv"}
    assert weeks.runs - runs == 4, "one run asked, and three had something to do"
    for name in "abcd":
        newest, before = queries.history(weeks.engine, key(name))
        assert (newest["copy_of"], newest["outputs"]) == (before["id"], before["outputs"])
        assert queries.latest_good_run(weeks.engine, key(name)) == newest
    versions = weeks.versions()
    assert all(len(versions[key(n)]) == 2 and len(set(versions[key(n)])) == 1 for n in "abcd"), "the same, twice"
    assert len(set(versions[key("e")])) == 2

    third = weeks.whole()
    assert (third["unchanged"], third.get("succeeded", 0)) == (5, 0)
    assert queries.history(weeks.engine, key("a"))[0]["copy_of"] == queries.history(weeks.engine, key("a"))[-1]["id"]

    forced = weeks.whole(force=True, only="xx/[ab]/*")
    assert (forced["members"], forced["succeeded"]) == (2, 2)


def test_a_result_that_lacks_a_map_is_left_to_a_run_which_draws_it_once(
    workplace: Workplace, coordinated: DagsterInstance, publishers: Publishers
) -> None:
    only = "xx/a/*"
    assert Weeks(workplace, coordinated).whole(only=only)["succeeded"] == 1
    weeks = Weeks(Workplace(replace(workplace.settings, previews=True)), coordinated)
    assert weeks.whole(only=only)["unchanged"] == 1
    drawn, made = queries.history(weeks.engine, key("a"))
    assert (drawn["copy_of"], drawn["outputs"].keys() - made["outputs"].keys()) == (made["id"], {"preview"})
    assert publishers.given["/a.csv"] == 1, "nobody downloaded it for that"
    done = weeks.probe(weeks.begin(only=only))
    assert (done.asked, done.unchanged, done.due) == (1, 1, 0)
    assert queries.history(weeks.engine, key("a"))[0]["outputs"] == drawn["outputs"]


@pytest.mark.parametrize("case", ["changed", "gone", "no etag", "objects gone", "declared anew", "never ran"])
def test_what_cannot_be_proved_unchanged_is_due(
    weeks: Weeks, publishers: Publishers, website: Server, case: str
) -> None:
    if case == "no etag":
        publishers.without_etag.add("/a.csv")
    if case != "never ran":
        assert weeks.whole(only="xx/a/*")["succeeded"] == 1
    if case == "changed":
        publishers.files["/a.csv"] = "x,y,n\n1,2,3\n"
    elif case == "gone":
        publishers.unwell.add("/a.csv")
    elif case == "objects gone":
        last = queries.latest_good_run(weeks.engine, key("a"))
        assert last is not None
        weeks.workplace.store().delete_prefix(last["prefix"])
    elif case == "declared anew":
        declare(Path(weeks.workplace.settings.sources), "a", f"{website.url}/a.csv?2")
    done = weeks.probe(weeks.begin(only="xx/a/*"))
    assert (done.taken, done.unchanged, done.due) == (1, 0, 1)


def test_a_probe_that_is_interrupted_leaves_its_members_to_be_probed_again(
    weeks: Weeks, monkeypatch: pytest.MonkeyPatch
) -> None:
    weeks.whole()
    number = weeks.begin()
    record = probing.record_copy
    calls = []

    def interrupted(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return record(*arguments, **more)

    monkeypatch.setattr(probing, "record_copy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        weeks.probe(number)
    assert dict(sets.tally(weeks.engine, number).steps) == {"waiting": 4, "ended": 2}
    done = weeks.probe(number, "another")
    assert (done.taken, done.unchanged) == (4, 4)
    assert sets.tally(weeks.engine, number).outcomes == {"unchanged": 6}


def test_a_host_is_asked_no_more_at_once_than_it_bears(weeks: Weeks, publishers: Publishers) -> None:
    weeks.whole()
    publishers.pause, publishers.most_at_once, publishers.meeting = 0.05, 0, threading.Barrier(2)
    assert weeks.probe(weeks.begin()).unchanged == 6
    assert publishers.most_at_once == 2


def test_of_a_host_that_does_not_answer_the_others_are_not_asked(
    weeks: Weeks, publishers: Publishers, website: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    weeks.whole()
    monkeypatch.setattr(probing, "SLOW", 0.1)
    publishers.pause, publishers.meeting = 0.3, threading.Barrier(2)
    publishers.files |= {f"/{n}.csv": "changed" for n in NAMES}
    before = len(website.log)
    assert weeks.probe(weeks.begin()).due == 6
    assert len(website.log) - before == 2, "the two that were asked at the same time"


def test_one_that_cannot_be_asked_about_holds_up_no_other(weeks: Weeks, monkeypatch: pytest.MonkeyPatch) -> None:
    weeks.whole()
    asked, said = probing.reusable, []

    def broken(last: Any, data_source: Any, store: Any) -> bool:
        if data_source.key == key("c"):
            raise RuntimeError("a fault of ours")
        return asked(last, data_source, store)

    monkeypatch.setattr(probing, "reusable", broken)
    block = Probing(weeks.workplace, weeks.instance, weeks.begin(), "probe", say=said.append).block()
    assert (block.unchanged, block.due) == (5, 1)
    assert said == [f"{key('c')} could not be asked about: RuntimeError: a fault of ours"]


def test_a_late_probe_ends_nobody_any_more(weeks: Weeks, engine: sa.Engine) -> None:
    weeks.whole()
    number = weeks.begin()
    late = Probing(weeks.workplace, weeks.instance, number, "late", say=lambda _: None)
    keys = members.claim(engine, number, "late", 500, now=weeks.now)
    candidates = late._candidates(keys)
    members.release(engine, number, ["late"], now=weeks.now)
    weeks.probe(number, "another")
    assert not any(late._record(one) for one in candidates.values())
    assert all(len(queries.history(engine, k)) == 2 for k in keys), "one copy each"


def test_the_job_without_a_set_says_who_starts_it(weeks: Weeks) -> None:
    job = weeks.definitions.resolve_job_def("probe")
    result = job.execute_in_process(instance=weeks.instance, raise_on_error=False)
    assert not result.success
    with pytest.raises(Failure, match="the sensor `feed`"):
        job.execute_in_process(instance=weeks.instance)
    assert weeks.instance.get_runs()[0].status is DagsterRunStatus.FAILURE
