"""Each thing of one machine is broken for real, and named."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from dagster import DagsterInstance

from oa_pipeline.convert.sandbox import Converter
from oa_pipeline.doctor import Finding, Host, State, examine, well
from oa_pipeline.doctor.means import Means
from oa_pipeline.doctor.verdicts import Check, ok, wrong
from oa_pipeline.ledger.deliveries import Delivery, receive
from oa_pipeline.ledger.engine import ledger_engine
from oa_pipeline.ledger.heartbeats import Beat, beat
from oa_pipeline.orchestration.instance import with_workers, without_workers
from oa_pipeline.orchestration.version import code_version
from oa_pipeline.settings import Settings
from oa_pipeline_tests.workers.system import TOP as ROOT
from oa_pipeline_tests.workers.system import remote_origin

from .conftest import Patient

WRONG, WARNING, OK, NOTE = State.WRONG, State.WARNING, State.OK, State.NOTE


def is_(finding: Finding, state: State, *words: str) -> None:
    told = f"{finding.said} | {finding.cure}"
    assert finding.state is state, told
    for word in words:
        assert word in told
    assert bool(finding.cure) is (state in {WRONG, WARNING})


# settings


def test_a_production_that_is_set_up_well_has_nothing_to_be_told_of_its_settings(patient: Patient) -> None:
    found = patient.but(store="s3://b", pull_request_role="arn:aws:iam::1:role/x").findings("settings")
    assert {one.state for one in found.values()} == {OK}


@pytest.mark.parametrize(
    ("check", "changed", "state", "word"),
    [
        ("dangers", {"allow_local_sources": True}, WRONG, "OA_ALLOW_LOCAL_SOURCES"),
        ("dangers", {"crash_at": "convert.started"}, WRONG, "OA_CRASH_AT"),
        ("dangers", {"sandbox": "recorded"}, WARNING, "OA_SANDBOX=required"),
        ("dangers", {"unverified_tls_hosts": frozenset({"old.example.org"})}, WARNING, "old.example.org"),
        ("places", {}, WARNING, "OA_STORE=s3://"),
        ("places", {"store": "s3://b", "sources": ""}, WARNING, "OA_SOURCES"),
        ("places", {"store": "s3://b"}, WARNING, "OA_PULL_REQUEST_ROLE"),
        ("addresses", {"public_url": "http://127.0.0.1:5000"}, WARNING, "OA_PUBLIC_URL"),
        ("addresses", {"public_url": "http://example.org"}, WARNING, "https"),
        ("webhook", {"github_secrets": ()}, WRONG, "OA_GITHUB_SECRETS"),
        ("webhook", {"github_secrets": ("x" * 40, "short")}, WARNING, "number 2"),
        ("switches", {"reject_new_jobs": True}, WARNING, "OA_REJECT_NEW_JOBS"),
        ("switches", {"github_silent": True}, WARNING, "OA_GITHUB_SILENT"),
    ],
)
def test_a_setting_that_does_not_fit_production_is_named(
    patient: Patient, check: str, changed: dict[str, object], state: State, word: str
) -> None:
    finding = patient.but(**changed).findings("settings")[f"settings.{check}"]
    is_(finding, state, word)
    assert finding.said != "short"
    assert "'short'" not in finding.said + finding.cure


def test_on_somebodys_own_machine_nothing_of_that_is_wrong(patient: Patient) -> None:
    found = patient.but(database_url="", allow_local_sources=True, github_secrets=()).findings("settings")
    assert {one.state for one in found.values()} <= {OK, NOTE}


# machine


def test_a_full_disk_is_named_with_the_limit(patient: Patient) -> None:
    is_(patient.but(least_free_mib=10**9).findings("machine")["machine.disk"], WRONG, "OA_LEAST_FREE_MIB")


def test_the_walls_are_tried_and_a_missing_one_is_named(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    found = patient.findings("machine")
    assert found["machine.walls"].state is OK
    assert found["machine.tiles"].state is OK
    unfiltered = Converter(body="oa_pipeline_tests.convert.sandbox.unfiltered:body", path=(ROOT,))
    monkeypatch.setattr(Means, "converter", lambda _: unfiltered)
    is_(patient.findings("machine")["machine.walls"], WRONG, "calls (no filter", "OA_SANDBOX=required")
    is_(patient.but(sandbox="recorded").findings("machine")["machine.walls"], WARNING, "calls")


def test_a_host_of_the_site_alone_is_not_asked_for_walls_and_tiles(patient: Patient) -> None:
    found = patient.on(Host.WEB).findings("machine")
    assert {found["machine.walls"].state, found["machine.tiles"].state} == {NOTE}


# database


def test_a_database_that_is_well_is(patient: Patient) -> None:
    patient.findings("database", "dagster")  # makes Dagster's tables
    found = patient.findings("database")
    assert {name: one.state for name, one in found.items() if one.state is not OK} in (
        {}, {"database.transactions": NOTE}
    )  # fmt: skip


def test_a_database_that_is_not_there_is_named_once_and_without_its_password(patient: Patient) -> None:
    url = "postgresql://oa:s3cr3t-w0rd@127.0.0.1:1/oa"
    found = patient.but(database_url=url).findings("database", "workers", "github")
    is_(found["database.reached"], WRONG)
    assert [one.check for one in found.values() if one.state is WRONG] == ["database.reached"]
    assert "because of database.reached" in found["workers.alive"].said
    assert "s3cr3t" not in str(found)


def test_a_database_of_nobodys_is_not_started(tmp_path: Path, patient: Patient) -> None:
    found = patient.but(database_url="", home=tmp_path / "elsewhere").findings("database", "dagster")
    is_(found["database.reached"], WRONG, "oa up")
    assert not (tmp_path / "elsewhere").exists()


def test_a_read_only_database_is_wrong(patient: Patient) -> None:
    of_this = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {}', current_database()); END $$"
    patient.execute(of_this.format("default_transaction_read_only = on"))
    ledger_engine(patient.settings.database_url).dispose()
    is_(patient.findings("database")["database.reached"], WRONG, "takes no writes")


def test_a_missing_ledger_is_told_with_the_command_that_makes_it(patient: Patient, empty_database: str) -> None:
    found = patient.but(database_url=empty_database).findings("database", "workers")
    is_(found["database.ledger"], WRONG, "oa db upgrade")
    is_(found["database.dagster"], WRONG, "Dagster's tables are missing")
    assert found["workers.alive"].state is NOTE


@pytest.mark.parametrize(("version", "word"), [("0001", "oa db upgrade"), ("9999", "newer than this code")])
def test_a_ledger_of_another_version_is_told_in_both_directions(patient: Patient, version: str, word: str) -> None:
    patient.execute(f"UPDATE oa.alembic_version SET version_num = '{version}'")
    is_(patient.findings("database")["database.ledger"], WRONG, word)


def test_tables_of_another_dagster_are_told_with_the_command_that_moves_them(patient: Patient) -> None:
    patient.findings("database", "dagster")
    patient.execute("UPDATE public.alembic_version SET version_num = 'of long ago'")
    is_(patient.findings("database")["database.dagster"], WRONG, "dagster instance migrate")


def test_a_clock_that_is_wrong_is_told(patient: Patient) -> None:
    # The server's clock is this machine's: the database is given one of its own, a minute behind.
    patient.execute(
        "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
        "$$ SELECT pg_catalog.clock_timestamp() - interval '1 minute' $$",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); "
        "END $$",
    )
    ledger_engine(patient.settings.database_url).dispose()
    finding = patient.findings("database")["database.clock"]
    is_(finding, WRONG, "seconds from this machine's")
    told = re.search(r"(\d+) seconds", finding.said)
    assert told
    assert 30 < int(told[1]) <= 60, "less by the time that the question took"


def test_a_transaction_that_somebody_holds_open_is_told(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oa_pipeline.doctor.database.LONG_SECONDS", 0.0)
    with ledger_engine(patient.settings.database_url).connect() as connection:
        connection.exec_driver_sql("SELECT 1")
        is_(patient.findings("database")["database.transactions"], WARNING, "pg_stat_activity")


# store in a folder


def test_a_store_that_is_well_is_left_as_it_was(patient: Patient) -> None:
    assert patient.findings("store")["store.round-trip"].state is OK
    assert [path for path in Path(patient.settings.store).rglob("*") if path.is_file()] == []


def test_a_folder_that_is_not_there_is_told_and_not_made(patient: Patient) -> None:
    shutil.rmtree(patient.settings.store)
    is_(patient.findings("store")["store.round-trip"], WRONG, "OA_STORE")
    assert not Path(patient.settings.store).exists()


def test_a_folder_that_takes_nothing_is_told(patient: Patient) -> None:
    (Path(patient.settings.store) / "doctor").write_text("in the way")
    is_(patient.findings("store")["store.round-trip"], WRONG)


# Dagster


def test_dagsters_file_of_oa_up_is_taken_as_well(patient: Patient) -> None:
    found = patient.findings("database", "dagster")["dagster.settings"]
    is_(found, WARNING, "what runs print stays")  # in production; the fixture's is one
    assert patient.but(dev=True).findings("database", "dagster")["dagster.settings"].state is OK


@pytest.mark.parametrize(
    ("change", "state", "word"),
    [
        ({"run_monitoring": {"enabled": False}}, WRONG, "run_monitoring.enabled"),
        ({"run_monitoring": {"enabled": True, "max_resume_run_attempts": 3}}, WRONG, "max_resume_run_attempts"),
        ({"run_retries": {"enabled": True}}, WRONG, "run_retries"),
        ({"telemetry": {"enabled": True}}, WRONG, "telemetry"),
        ({"nux": {"enabled": True}}, WRONG, "nux"),
        ({"retention": {}}, WRONG, "retention of ticks"),
        ({"run_coordinator": yaml.safe_load(without_workers())["run_coordinator"]}, WRONG, "QueuedRunCoordinator"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_dagsters_file_lacks_is_named(
    patient: Patient, change: dict[str, object], state: State, word: str
) -> None:
    patient.dagster_yaml(yaml.safe_dump(yaml.safe_load(with_workers()) | change))
    is_(patient.but(dev=True).findings("database", "dagster")["dagster.settings"], state, word)


def test_launcher_and_coordinator_have_to_agree_on_silence(patient: Patient) -> None:
    text = with_workers().replace("heartbeat_timeout_seconds: 60  #", "heartbeat_timeout_seconds: 61  #")
    patient.dagster_yaml(text)
    is_(patient.but(dev=True).findings("database", "dagster")["dagster.settings"], WRONG, "heartbeat_timeout_seconds")


def test_a_template_that_the_launcher_would_never_use_is_told(patient: Patient) -> None:
    found = patient.but(dev=True, ec2_launch_template="lt-1").findings("database", "dagster")["dagster.settings"]
    is_(found, WARNING, "run_launcher.mode")


def test_runs_without_workers_are_told(patient: Patient) -> None:
    patient.dagster_yaml(without_workers())
    is_(patient.but(dev=True).findings("database", "dagster")["dagster.settings"], WARNING, "DefaultRunLauncher")


def test_a_missing_file_of_dagsters_is_told_and_not_written(patient: Patient) -> None:
    shutil.rmtree(patient.dagster_home)
    is_(patient.findings("database", "dagster")["dagster.settings"], WRONG, "DAGSTER_HOME")
    assert not patient.dagster_home.exists()


def test_a_daemon_that_was_never_started_is_told(patient: Patient) -> None:
    found = patient.but(dev=True).findings("database", "dagster")
    # Dagster's tables were made in between: the first look finds none, and says so.
    found = patient.but(dev=True).findings("database", "dagster")
    is_(found["dagster.daemons"], WRONG, "has not been heard ever", "dagster-daemon run")
    assert patient.but(dev=True).on(Host.WORKER).findings("database", "dagster")["dagster.daemons"].state is NOTE


# workers and the queue


def beaten(patient: Patient, **more: object) -> None:
    said = Beat("w1", "host1", 1, 2, **{"code_version": code_version(), **more})  # type: ignore[arg-type]
    beat(ledger_engine(patient.settings.database_url), said)


def test_workers_that_are_there_are_told(patient: Patient) -> None:
    beaten(patient)
    assert patient.findings("database", "workers")["workers.alive"].said == "1 worker with 2 slots on host1"


def test_no_worker_is_wrong_and_a_draining_one_is_none(patient: Patient) -> None:
    is_(patient.findings("database", "workers")["workers.alive"], WRONG, "oa worker")
    beaten(patient, draining=True)
    is_(patient.findings("database", "workers")["workers.alive"], WRONG, "about to end: 1")


def test_a_worker_of_other_code_is_told(patient: Patient) -> None:
    beaten(patient, code_version="0.0.1+00000000")
    is_(patient.findings("database", "workers")["workers.alive"], WARNING, "0.0.1+00000000")


def test_a_silent_worker_is_told(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody has been silent for longer than the database has run, and that of the tests may have run for a moment only.
    monkeypatch.setattr("oa_pipeline.doctor.workers.SILENT", timedelta(seconds=0.1))
    beat(ledger_engine(patient.settings.database_url), Beat("w2", "host2", 1, 2, code_version()))
    patient.execute("UPDATE oa.heartbeats SET beat_at = now() - interval '61 seconds'")
    beaten(patient)
    patient.execute("UPDATE oa.heartbeats SET beat_at = now() + interval '1 hour' WHERE worker = 'w1'")
    is_(patient.findings("database", "workers")["workers.alive"], WARNING, "w2 for")


@pytest.fixture
def instance(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    monkeypatch.setenv("OA_DATABASE_URL", patient.settings.database_url)
    with DagsterInstance.from_config(str(patient.dagster_home)) as made:
        yield made


def queued(instance: DagsterInstance, status: str, minutes: int) -> None:
    from dagster import DagsterRunStatus, job, op
    from dagster._core.storage.runs.schema import RunsTable

    from oa_pipeline.orchestration.dagster_private import run_connection

    @op
    def one() -> None: ...

    @job
    def small() -> None:
        one()

    origin = remote_origin("small")
    run = instance.create_run_for_job(small, status=DagsterRunStatus[status], remote_job_origin=origin)
    then = datetime.now(UTC) - timedelta(minutes=minutes)
    since = {"update_timestamp": then, "create_timestamp": then}
    with run_connection(instance) as connection:
        connection.execute(RunsTable.update().where(RunsTable.c.run_id == run.run_id).values(since))


def test_runs_that_wait_though_slots_are_free_are_wrong(patient: Patient, instance: DagsterInstance) -> None:
    beaten(patient)
    queued(instance, "QUEUED", minutes=10)
    is_(patient.but(dev=True).findings("database", "dagster", "workers")["workers.queue"], WRONG, "slots are free")


def test_runs_that_wait_for_a_slot_are_no_news_until_it_takes_long(patient: Patient, instance: DagsterInstance) -> None:
    queued(instance, "QUEUED", minutes=10)
    assert patient.but(dev=True).findings("database", "dagster", "workers")["workers.queue"].state is OK
    queued(instance, "QUEUED", minutes=7 * 60)
    is_(patient.but(dev=True).findings("database", "dagster", "workers")["workers.queue"], WARNING, "7.0 hours")


def test_runs_that_nobody_takes_are_told(patient: Patient, instance: DagsterInstance) -> None:
    queued(instance, "STARTING", minutes=10)
    is_(patient.but(dev=True).findings("database", "dagster", "workers")["workers.launched"], WARNING, "10 minutes")


# GitHub


def test_a_delivery_that_nobody_looks_at_is_wrong(patient: Patient) -> None:
    then = datetime.now(UTC) - timedelta(minutes=20)
    receive(ledger_engine(patient.settings.database_url), Delivery("1", "push", b"{}"), now=then)
    is_(patient.findings("database", "github")["github.deliveries"], WRONG, "20 minutes", "pull_requests")
    patient.execute("UPDATE oa.deliveries SET status = 'handled', handled_at = now()")
    assert patient.findings("database", "github")["github.deliveries"].state is OK
    patient.execute("UPDATE oa.deliveries SET received_at = now() - interval '20 days'")
    is_(patient.findings("database", "github")["github.deliveries"], WARNING, "20 days")


# how it is asked


def _checks(*asked: tuple[str, Callable[[Means], object]]) -> list[Check]:
    return [Check(name, "?", ask) for name, ask in asked]  # type: ignore[arg-type]


def test_whatever_a_check_raises_the_others_are_asked_and_addresses_lose_their_passwords() -> None:
    def unforeseen(_means: Means) -> object:
        raise RuntimeError("https://user:s3cr3t-w0rd@host/ said no")

    asked = _checks(("a.one", unforeseen), ("b.two", lambda _: ok("fine")))
    first, second = examine(Means(Settings()), asked)
    assert (first.state, second.state) == (WRONG, OK)
    assert "RuntimeError" in first.said
    assert "s3cr3t" not in first.said
    assert not well([first, second])


def test_a_check_that_hangs_is_left_alone() -> None:
    release = threading.Event()
    asked = _checks(("a.one", lambda _: release.wait(600)), ("b.two", lambda _: ok("fine")))
    findings = examine(Means(Settings()), asked[:1], patience=0.05)
    assert [(one.state, "no answer within" in one.said) for one in findings] == [(WRONG, True)]
    findings = examine(Means(Settings()), asked, patience=2)  # which is long for who does not wait
    assert [one.state for one in findings] == [WRONG, OK]
    release.set()


def test_what_follows_from_something_wrong_is_not_said_again() -> None:
    asked = [
        Check("a.one", "?", lambda _: wrong("broken", "mend it")),
        Check("a.two", "?", lambda _: ok("fine"), ("a.one",)),
        Check("a.three", "?", lambda _: ok("fine"), ("a.two",)),
        Check("a.four", "?", lambda _: ok("fine"), ("not.asked",)),
    ]
    assert [one.state for one in examine(Means(Settings()), asked)] == [WRONG, NOTE, NOTE, OK]
