from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from oa_pipeline.assets.source import PARTITIONS
from oa_pipeline.automation.partitions import MOST_REMOVALS, NotRead, apply, fingerprint, in_use, plan, sync
from oa_pipeline.automation.sensors import look
from oa_pipeline.ledger import partitions as ledger
from oa_pipeline.orchestration.storage import PooledPostgresStorage
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings
from oa_pipeline.sources.repository import read_repository

Keys = Collection[str]


def nobody(_keys: Keys) -> Keys:
    return ()


def key(name: str) -> str:
    return f"xx/{name}/addresses/city"


def keys(*names: str) -> dict[str, str]:
    return {key(name): f"digest of {name}" for name in names}


@pytest.mark.parametrize(
    ("wanted", "present", "add", "remove"),
    [
        pytest.param("ab", "ab", "", "", id="nothing happened"),
        pytest.param("ab", "", "ab", "", id="the first look"),
        pytest.param("abc", "ab", "c", "", id="one was added"),
        pytest.param("a", "ab", "", "b", id="one was removed"),
        pytest.param("bc", "ab", "c", "a", id="one came and one went"),
    ],
)
def test_partitions_follow_the_repository(wanted: str, present: str, add: str, remove: str) -> None:
    done = plan(keys(*wanted), keys(*present), keys(*present), nobody)
    assert (done.add, done.remove, done.postponed) == (tuple(keys(*add)), tuple(keys(*remove)), ())


def test_a_renamed_source_is_added_removed_and_linked() -> None:
    done = plan({key("new"): "same"}, {key("old"): "same"}, [key("old")], nobody)
    assert (done.add, done.remove) == ((key("new"),), (key("old"),))
    assert done.moved.renamed == ((key("old"), key("new")),)


def test_what_runs_is_removed_later() -> None:
    done = plan(keys("a"), keys("a", "b", "c"), keys("a", "b", "c"), lambda asked: [key("b")])
    assert (done.remove, done.postponed, done.complete) == ((key("c"),), (key("b"),), False)


def test_removals_are_limited_and_go_on_at_the_next_look() -> None:
    present = keys(*(f"{n:04}" for n in range(MOST_REMOVALS + 5)), "kept")
    done = plan(keys("kept"), present, present, nobody)
    assert (len(done.remove), len(done.postponed)) == (MOST_REMOVALS, 5)


def test_a_broken_file_has_not_been_removed() -> None:
    done = plan(keys("a"), keys("a", "b"), keys("a", "b"), nobody, unreadable=["xx/b"])
    assert (done.add, done.remove, done.moved.removed) == ((), (), ())


def test_an_empty_repository_is_a_failed_read() -> None:
    with pytest.raises(NotRead):
        plan({}, keys("a"), keys("a"), nobody)


# ---- with Dagster and the ledger --------------------------------------------------------------------------


def write(folder: Path, name: str, data: str = "https://example.com/x.csv") -> Path:
    conform = {"format": "csv", "lon": "x", "lat": "y", "number": "n", "street": "s"}
    one = {"name": "city", "protocol": "http", "data": data, "conform": conform}
    path = folder / "sources/xx" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schema": 2, "coverage": {"country": "xx"}, "layers": {"addresses": [one]}}))
    return path


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    for name in "abc":
        write(folder, name)
    return folder


@pytest.fixture
def workplace(database: str, repository: Path, tmp_path: Path) -> Workplace:
    return Workplace(Settings(home=tmp_path / "home", database_url=database, sources=str(repository)))


def partitions(instance: DagsterInstance) -> list[str]:
    return sorted(instance.get_dynamic_partitions(PARTITIONS))


def test_a_look_makes_both_sides_equal_to_the_repository(
    instance: DagsterInstance, workplace: Workplace, repository: Path, engine: sa.Engine
) -> None:
    sync(workplace, instance)
    assert partitions(instance) == [key(n) for n in "abc"] == sorted(ledger.known(engine))
    held = ledger.declared(engine, key("a"))
    assert held is not None
    assert held.blob_sha
    (repository / "sources/xx/a.json").unlink()
    write(repository, "b", "https://example.com/other.csv")
    write(repository, "d", "https://example.com/d.csv")
    before = ledger.known(engine)[key("b")]
    done = sync(workplace, instance)
    assert (done.add, done.remove, done.moved.changed) == ((key("d"),), (key("a"),), (key("b"),))
    assert partitions(instance) == [key(n) for n in "bcd"] == sorted(ledger.known(engine))
    assert ledger.known(engine)[key("b")] != before


def test_a_rename_keeps_its_history(
    instance: DagsterInstance, workplace: Workplace, repository: Path, engine: sa.Engine
) -> None:
    write(repository, "a", "https://example.com/only-here.csv")
    sync(workplace, instance)
    (repository / "sources/xx/a.json").rename(repository / "sources/xx/z.json")
    sync(workplace, instance)
    assert partitions(instance) == [key(n) for n in "bcz"]
    assert ledger.former_keys(engine, key("z")) == [key("a")]


def test_a_partition_in_use_goes_once_its_run_has_ended(
    instance: DagsterInstance, workplace: Workplace, repository: Path
) -> None:
    first = look(instance, None, workplace)
    run = create_run_for_test(instance, status=DagsterRunStatus.STARTED, tags={"dagster/partition": key("a")})
    assert in_use(instance)([key("a"), key("b")]) == {key("a")}
    (repository / "sources/xx/a.json").unlink()
    second = look(instance, first.cursor, workplace)  # type: ignore[union-attr]
    assert key("a") in partitions(instance)
    instance.report_run_canceled(run)
    third = look(instance, second.cursor, workplace)  # type: ignore[union-attr]
    assert partitions(instance) == [key("b"), key("c")]
    fourth = look(instance, third.cursor, workplace)  # type: ignore[union-attr]
    assert "is what it was" in (fourth.skip_message or "")  # type: ignore[union-attr]


def test_a_repository_that_cannot_be_read_removes_nothing(
    instance: DagsterInstance, workplace: Workplace, repository: Path
) -> None:
    look(instance, None, workplace)
    repository.rename(repository.with_name("away"))
    assert "nothing is removed" in (look(instance, "x", workplace).skip_message or "")  # type: ignore[union-attr]
    repository.mkdir()
    (repository / "sources").mkdir()
    assert "nothing is removed" in (look(instance, "x", workplace).skip_message or "")  # type: ignore[union-attr]
    assert len(partitions(instance)) == 3


def test_a_file_broken_today_keeps_its_partition(
    instance: DagsterInstance, workplace: Workplace, repository: Path, engine: sa.Engine
) -> None:
    sync(workplace, instance)
    (repository / "sources/xx/a.json").write_text("{")
    sync(workplace, instance)
    assert partitions(instance) == [key(n) for n in "abc"] == sorted(ledger.known(engine))


def test_the_fingerprint_changes_with_any_file_and_only_then(repository: Path) -> None:
    first = fingerprint(repository)
    assert fingerprint(repository) == first
    os.utime(repository / "sources/xx/a.json", ns=(1, 1))
    second = fingerprint(repository)
    assert second != first
    write(repository, "new")
    assert fingerprint(repository) != second
    with pytest.raises(NotRead):
        fingerprint(repository / "nowhere")


def test_the_bundled_samples_are_the_repository_without_another(
    instance: DagsterInstance, database: str, tmp_path: Path
) -> None:
    workplace = Workplace(Settings(home=tmp_path / "home", database_url=database))
    sync(workplace, instance)
    assert len(partitions(instance)) == 8
    before = fingerprint(tmp_path / "home/samples")
    assert sync(workplace, instance).complete
    assert fingerprint(tmp_path / "home/samples") == before


def test_thousands_of_keys_are_added_in_one_call_on_postgres(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "repository/sources/xx"
    folder.mkdir(parents=True)
    one = {"protocol": "http", "data": "https://example.com/x.csv", "conform": {"format": "csv"}}
    for block in range(5):
        names = [{"name": f"n{n}", **one} for n in range(1000)]
        text = {"schema": 2, "coverage": {"country": "xx"}, "layers": {"addresses": names}}
        (folder / f"{block}.json").write_text(json.dumps(text))
    monkeypatch.setenv("OA_DATABASE_URL", database)
    storage = {"module": PooledPostgresStorage.__module__, "class": PooledPostgresStorage.__name__, "config": {}}
    (tmp_path / "dagster.yaml").write_text(
        json.dumps({"storage": {"custom": storage}, "telemetry": {"enabled": False}})
    )
    workplace = Workplace(Settings(home=tmp_path, database_url=database))
    calls = []
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        add = instance.add_dynamic_partitions
        monkeypatch.setattr(
            instance, "add_dynamic_partitions", lambda name, new: (calls.append(len(new)), add(name, new))
        )
        apply(instance, workplace.ledger(), read_repository(tmp_path / "repository"))
        assert calls == [5000]
        assert len(instance.get_dynamic_partitions(PARTITIONS)) == 5000
        assert str(apply(instance, workplace.ledger(), read_repository(tmp_path / "repository"))) == "up to date"
