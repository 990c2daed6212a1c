"""Whatever is killed while a data source is at work, and wherever: afterwards everything is as if nothing had been.

Real processes, real signals, a real PostgreSQL of its own, one system for all of it.
"""

from __future__ import annotations

import hashlib
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from dagster import DagsterEventType
from dagster import DagsterRunStatus as Status

from oa_pipeline.automation.lost import end_lost_runs
from oa_pipeline.automation.partitions import sync
from oa_pipeline.crash import POINTS
from oa_pipeline.ledger import ends, queries
from oa_pipeline.orchestration import embedded
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.publish.folder import FolderStore
from oa_pipeline.settings import Settings
from oa_pipeline_tests.database import open_folder
from oa_pipeline_tests.processes import signalled
from oa_pipeline_tests.workers.publisher import Publisher, publisher
from oa_pipeline_tests.workers.system import PATIENCE, System, system

pytestmark = pytest.mark.timeout(900)  # processes come up, wait for each other and end, on a machine that may be busy
DEFINITIONS = "oa_pipeline_tests.workers.pipeline"
DURABLE = ("fsync=off", "full_page_writes=off")  # what was committed outlives the server, though not the machine
# What was killed after its end was recorded has nothing to do again.
RECORDED = ("ledger.after-end", "dagster.before-materialization", "dagster.after-materialization")
IN_THE_WORKER = ("worker.taken",)


@dataclass
class Place:
    """A system with all its services, and a publisher."""

    system: System
    publisher: Publisher
    database: embedded.Embedded
    crash: Path
    daemon: subprocess.Popen[bytes]
    code_server: subprocess.Popen[bytes]
    worker: subprocess.Popen[bytes]

    def add(self, name: str, **more: Any) -> str:
        """A further data source, known to Dagster and the ledger."""
        key = self.publisher.add(name, **more)
        sync(Workplace(Settings.from_env(self.system.environment)), self.system.instance)
        return key

    def at_work(self, name: str) -> str:
        """A run that is in the middle of its download; it goes on when `publisher.held[name]` is set."""
        key = self.add(name)
        self.publisher.hold(name)
        run_id = self.system.process(key)
        self.system.until(lambda: name in self.publisher.asked, f"the download of {name}")
        self.system.until(lambda: ends.tries(self.system.engine, run_id), "its run")
        return run_id

    def whole(self, name: str, run_id: str, *statuses: str) -> None:
        """The run ended well and once, its runs in the ledger stand as told, and nothing is left over."""
        made, key = self.system, f"xx/{name}/addresses/city"
        made.wait(run_id, Status.SUCCESS)
        made.until(
            lambda: made.rows("SELECT 1 FROM oa.assignments WHERE ended_at IS NULL") == [], "ends of all attempts"
        )
        rows = sorted(queries.history(made.engine, key), key=lambda row: row["id"])
        assert [row["status"] for row in rows] == list(statuses)
        assert {row["dagster_run_id"] for row in rows} == {run_id}
        *lost, last = rows
        for former, later in zip(lost, rows[1:], strict=True):
            assert (former["successor"], later["predecessor"]) == (later["id"], former["id"])
        latest = queries.latest_good_run(made.engine, key)
        assert latest is not None
        assert latest["id"] == last["id"]
        assert (last["rows"], last["copy_of"]) == (20, None)
        store = FolderStore(Path(made.environment["OA_HOME"]) / "store")
        assert {o["key"] for o in last["outputs"].values()} == {found.key for found in store.list(last["prefix"])}
        for output in last["outputs"].values():
            with store.open(output["key"]) as file:
                assert hashlib.file_digest(file, "sha256").hexdigest() == output["sha256"]
        made.until(lambda: not list((Path(made.environment["OA_HOME"]) / "work").iterdir()), "empty work folders")
        versions = [
            (entry.dagster_event.event_specific_data.materialization.tags or {})["dagster/data_version"]  # type: ignore[union-attr]
            for entry in made.instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
        ]
        assert set(versions) == {last["data_version"]}
        ended = [e for e in made.instance.all_logs(run_id) if e.dagster_event and e.dagster_event.is_job_event]
        assert sum(e.dagster_event_type is DagsterEventType.RUN_SUCCESS for e in ended) == 1


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("kills")
    crash = folder / "crash-at"
    more = {
        "OA_SOURCES": str(folder / "repository"),
        "OA_ALLOW_LOCAL_SOURCES": "1",
        "OA_DEV": "1",
        "OA_CRASH_AT": f"@{crash}",
    }
    with open_folder() as home, publisher(folder / "repository") as publishing:
        server = embedded.start(home, options=DURABLE)
        try:
            with system(folder, server.url, location=DEFINITIONS, more=more) as made:
                publishing.add("somewhere")
                code_server = made.code_server()
                worker = made.worker()
                place = Place(made, publishing, server, crash, made.daemon(), code_server, worker)
                yield place
                server = place.database
        finally:
            server.stop()


@pytest.fixture
def place(services: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The system, all of it running; and this process with its settings."""
    for name, value in services.system.environment.items():
        if name.startswith("OA_"):
            monkeypatch.setenv(name, value)
    made = services.system
    if services.code_server.poll() is not None:
        services.code_server = made.code_server()
    if services.daemon.poll() is not None:
        services.daemon = made.daemon()
    if services.worker.poll() is not None:
        services.worker = made.worker()
    made.ready()
    return services


# Some of each kind at every run of the tests, all of them in endurance.
QUICK = {"run.opened", "convert.started", "publish.before-index", "ledger.after-end"}
EACH = [pytest.param(point, marks=() if point in QUICK else pytest.mark.soak) for point in POINTS]


@pytest.mark.parametrize("point", EACH)
def test_killed_at_a_point_a_run_ends_as_if_nothing_had_been(place: Place, point: str) -> None:
    name = point.replace(".", "-")
    key = place.add(name)
    place.crash.write_text(point)
    run_id = place.system.process(key)
    place.system.until(lambda: not place.crash.exists(), f"a death at {point}")
    if point in IN_THE_WORKER:
        assert place.worker.wait(PATIENCE) == -signal.SIGKILL
        place.worker = place.system.worker()
    statuses = ["succeeded"] if point in (*RECORDED, *IN_THE_WORKER) else ["lost", "succeeded"]
    place.whole(name, run_id, *statuses)


def test_a_killed_worker_takes_its_runs_along_and_another_goes_on_with_them(place: Place) -> None:
    run_id = place.at_work("worker")
    place.system.gone(place.system.kill_tree(place.worker))
    place.publisher.held["worker"].set()
    place.worker = place.system.worker()
    place.whole("worker", run_id, "lost", "succeeded")


def test_a_killed_warm_parent_is_replaced_and_its_runs_go_on(place: Place) -> None:
    run_id = place.at_work("parent")
    uses = f"SELECT (usage #>> '{{{run_id},pid}}')::int FROM oa.heartbeats WHERE usage ? '{run_id}'"
    place.system.until(lambda: place.system.rows(uses), "a beat that tells the run's process")
    ((child,),) = place.system.rows(uses)
    psutil.Process(child).parent().kill()  # type: ignore[union-attr]
    place.publisher.held["parent"].set()
    place.whole("parent", run_id, "lost", "succeeded")
    assert place.worker.poll() is None


@pytest.mark.soak
def test_a_killed_daemon_and_a_killed_code_server_stop_no_run(place: Place) -> None:
    run_id = place.at_work("daemon")
    for process in (place.daemon, place.code_server):
        signalled(place.system.kill_tree(process), signal.SIGKILL)
    place.publisher.held["daemon"].set()
    place.whole("daemon", run_id, "succeeded")
    # With both back, what a worker lost is taken up, and the sensors look again.
    place.code_server = place.system.code_server()
    place.daemon = place.system.daemon()
    ticks = "SELECT count(*) FROM job_ticks"
    (before,) = place.system.rows(ticks)
    place.whole("back", place.system.process(place.add("back")), "succeeded")
    place.system.until(lambda: place.system.rows(ticks) > [before], "a tick")


def test_a_database_that_goes_down_at_once_and_comes_back_costs_no_run(place: Place) -> None:
    run_id = place.at_work("database")
    number = ends.tries(place.system.engine, run_id)[0]["id"]
    results = Path(place.system.environment["OA_HOME"]) / f"store/runs/{number}"
    assert place.database.process is not None
    folder = place.database.folder.parent
    place.database.process.send_signal(signal.SIGQUIT)  # what `pg_ctl stop -m immediate` sends
    place.database.process.wait(PATIENCE)
    place.publisher.held["database"].set()
    place.system.until((results / "index.json").exists, "results whose run's end cannot be recorded yet")
    place.database = embedded.start(folder, options=DURABLE)
    place.whole("database", run_id, "succeeded")


def test_killed_at_every_try_a_run_fails_once_and_is_lost(place: Place) -> None:
    key = place.add("often")
    place.crash.write_text("convert.started")
    run_id = place.system.process(key)
    place.system.until(lambda: not place.crash.exists(), "the first death")
    place.crash.write_text("convert.started")
    place.system.wait(run_id, Status.FAILURE)
    end_lost_runs(place.system.instance, place.system.engine)
    first, second = ends.tries(place.system.engine, run_id)
    assert (first["status"], second["status"], first["successor"]) == ("lost", "lost", second["id"])
    assert queries.latest_good_run(place.system.engine, key) is None
    # What it left of its download the next run goes on from, and then it is gone.
    again = place.system.process(key)
    place.system.wait(again, Status.SUCCESS)
    place.system.until(lambda: not list((Path(place.system.environment["OA_HOME"]) / "work").iterdir()), "no leftovers")


def test_a_cancelled_run_is_cancelled_in_the_ledger_too_and_leaves_nothing(place: Place) -> None:
    run_id = place.at_work("cancelled")
    assert place.system.instance.run_launcher.terminate(run_id)
    place.system.wait(run_id, Status.CANCELED)
    place.system.until(lambda: ends.tries(place.system.engine, run_id)[-1]["status"] == "cancelled", "its end")
    place.system.until(lambda: not list((Path(place.system.environment["OA_HOME"]) / "work").iterdir()), "no leftovers")


def test_a_run_that_a_person_deletes_is_interrupted_and_lost(place: Place) -> None:
    run_id = place.at_work("deleted")
    place.system.instance.delete_run(run_id)
    end_lost_runs(place.system.instance, place.system.engine)
    place.system.until(
        lambda: not place.system.rows("SELECT 1 FROM oa.assignments WHERE ended_at IS NULL"), "the end of its process"
    )
    (row,) = ends.tries(place.system.engine, run_id)
    assert row["status"] == "lost"
    assert place.worker.poll() is None
