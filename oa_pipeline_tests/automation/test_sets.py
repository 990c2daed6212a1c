from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, DefaultScheduleStatus, build_schedule_context

from oa_pipeline.assets.source import PARTITIONS
from oa_pipeline.automation.sets import Asked, NothingMatches, in_order, matching, start_set
from oa_pipeline.automation.weekly import begin_set
from oa_pipeline.definitions import build_defs
from oa_pipeline.errors import SourceError
from oa_pipeline.ledger import members, sets
from oa_pipeline.ledger.estimates import Estimate
from oa_pipeline.ledger.sets import SetRuns
from oa_pipeline.ledger.tables import SetStatus
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings
from oa_pipeline_tests.automation.publishers import declare, key
from oa_pipeline_tests.mapless import MAPLESS

NOW = datetime(2026, 3, 6, 21, tzinfo=UTC)
PERSON = Asked("somebody")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in "abc":
        declare(tmp_path / "repository", name, f"https://{name}.example.com/x.csv")
    declare(tmp_path / "repository", "d", "https://a.example.com/d.csv", skip=True)
    return tmp_path / "repository"


@pytest.fixture
def workplace(database: str, repository: Path, tmp_path: Path) -> Workplace:
    return Workplace(Settings(home=tmp_path / "home", database_url=database, sources=str(repository), **MAPLESS))


@pytest.fixture
def in_a_folder(tmp_path: Path) -> Iterator[DagsterInstance]:
    """One that other processes could open: a context of a schedule asks for such."""
    with DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def test_a_set_holds_all_data_sources_of_the_repository_as_it_is_now(
    workplace: Workplace, instance: DagsterInstance, engine: sa.Engine, repository: Path
) -> None:
    (repository / "sources/xx/broken.json").write_text("{")
    begun = start_set(workplace, instance, PERSON, now=NOW)
    assert (begun.members, begun.unreadable) == (4, 1)
    assert sets.not_ended(engine, begun.number) == [key(n) for n in "abcd"], "what is to be skipped is a member too"
    assert sorted(instance.get_dynamic_partitions(PARTITIONS)) == [key(n) for n in "abcd"]
    row = sets.open_one(engine)
    assert row is not None
    assert (row["repository"], row["asked_by"]) == (str(repository), "somebody")
    assert row["deadline_at"] == NOW + timedelta(hours=60)
    with pytest.raises(SetRuns, match=f"oa set cancel {begun.number}"):
        start_set(workplace, instance, PERSON, now=NOW + timedelta(hours=1))


def test_a_glob_picks_members_and_one_that_matches_nothing_is_told_what_keys_look_like(
    workplace: Workplace, instance: DagsterInstance, engine: sa.Engine
) -> None:
    with pytest.raises(NothingMatches, match="xx/b/addresses/city"):
        start_set(workplace, instance, Asked("somebody", only="xx/b/adresses/*"), now=NOW)
    assert sets.newest(engine) is None, "nothing was opened"
    begun = start_set(workplace, instance, Asked("somebody", only="xx/[bc]/*"), now=NOW)
    assert sets.not_ended(engine, begun.number) == [key("b"), key("c")]
    assert (sets.set_of(engine, begun.number) or {})["only"] == "xx/[bc]/*"


def test_an_empty_pattern_means_all_and_an_empty_repository_is_an_error() -> None:
    assert matching(["a", "b"], "") == ["a", "b"]
    with pytest.raises(NothingMatches, match="no data sources"):
        matching([], "a*")


def test_what_never_ran_goes_first_then_the_longest_and_the_dead_last() -> None:
    known = {"a": Estimate(10), "b": Estimate(500), "c": Estimate(None), "d": Estimate(9000, dead=True)}
    ordered = in_order(dict.fromkeys("dcbae", "host"), known)
    assert [(one.key, one.expected_seconds) for one in ordered] == [
        ("c", None),
        ("e", None),
        ("b", 500),
        ("a", 10),
        ("d", 9000),
    ]


def test_one_tick_of_the_schedule_opens_one_set_and_starts_no_run(
    workplace: Workplace, in_a_folder: DagsterInstance, engine: sa.Engine
) -> None:
    instance = in_a_folder
    weekly = build_defs(workplace=workplace).get_repository_def().get_schedule_def("weekly_set")
    assert (weekly.cron_schedule, weekly.execution_timezone) == ("0 21 * * 5", "UTC")
    said = set()
    for _ in range(2):
        with build_schedule_context(
            instance, scheduled_execution_time=NOW, resources={"workplace": workplace}
        ) as context:
            tick = weekly.evaluate_tick(context)
        assert not tick.run_requests
        said.add(tick.skip_message)
    (message,) = said
    assert message is not None
    assert "has 4 data sources" in message
    assert len(sets.ended_after(engine, 0)) == 0
    row = sets.newest(engine)
    assert row is not None
    assert row["asked_by"] == f"schedule {NOW.isoformat()}"
    sets.end_set(engine, row["id"], SetStatus.COMPLETE, counts={}, now=NOW)
    assert f"set {row['id']} has 4" in (begin_set(instance, workplace, NOW).skip_message or ""), "a late second tick"
    later = begin_set(instance, workplace, NOW + timedelta(days=7)).skip_message or ""
    assert f"set {row['id']} " not in later


def test_a_tick_that_finds_a_set_at_work_says_which(workplace: Workplace, instance: DagsterInstance) -> None:
    begun = start_set(workplace, instance, PERSON, now=NOW)
    said = begin_set(instance, workplace, NOW + timedelta(days=7)).skip_message or ""
    assert f"no set was opened: set {begun.number} has not ended" in said


def test_a_repository_that_cannot_be_read_fails_the_tick(
    workplace: Workplace, instance: DagsterInstance, repository: Path, engine: sa.Engine
) -> None:
    repository.rename(repository.with_name("away"))
    with pytest.raises(SourceError, match="no source repository"):
        begin_set(instance, workplace, NOW)
    assert sets.newest(engine) is None


@pytest.mark.parametrize(
    ("sources", "status"),
    [pytest.param("/repository", "RUNNING", id="a repository"), pytest.param("", "STOPPED", id="the samples")],
)
def test_the_schedule_runs_by_itself_only_with_a_repository_of_ones_own(sources: str, status: str) -> None:
    made = build_defs(workplace=Workplace(Settings(sources=sources, set_schedule="5 4 * * 1")))
    weekly = made.get_repository_def().get_schedule_def("weekly_set")
    assert (weekly.default_status, weekly.cron_schedule) == (DefaultScheduleStatus[status], "5 4 * * 1")


def test_forced_members_are_due_at_once(workplace: Workplace, instance: DagsterInstance, engine: sa.Engine) -> None:
    begun = start_set(workplace, instance, Asked("somebody", force=True), now=NOW)
    assert len(members.next_due(engine, begun.number, of_a_host=9, limit=9)) == 4
