"""A small Dagster with workers: a real daemon, real workers, a real database; short intervals."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa
from dagster import BetaWarning, DagsterInstance, DagsterRunStatus
from dagster._core.definitions.reconstruct import ReconstructableRepository
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.run_coordinator import SubmitRunContext
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from oa_pipeline.ledger.engine import in_transaction, ledger_engine
from oa_pipeline.ledger.upgrade import upgrade
from oa_pipeline.up.services import program
from oa_pipeline.up.system import listening
from oa_pipeline_tests.mapless import MAPLESS_ENVIRONMENT
from oa_pipeline_tests.processes import left, signalled

TOP = Path(__file__).resolve().parents[2]
LOCATION = "oa_pipeline_tests.workers.location"
PATIENCE = 200.0  # seconds, for what takes a few on a machine that has nothing else to do
SILENT = 6  # seconds after which a worker is lost: many beats
YAML = """
telemetry: {{enabled: false}}
storage:
  custom: {{module: oa_pipeline.orchestration.storage, class: PooledPostgresStorage, config: {{}}}}
run_coordinator:
  module: oa_pipeline.orchestration.coordinator
  class: CapacityRunCoordinator
  config: {{pull_request_slots: 0, runs_per_host: {of_a_host}, heartbeat_timeout_seconds: {silent}}}
run_launcher:
  module: oa_pipeline.orchestration.launcher
  class: Ec2RunLauncher
  config: {{mode: {mode}, heartbeat_timeout_seconds: {silent}}}
run_monitoring:
  enabled: true
  poll_interval_seconds: 1
  start_timeout_seconds: {start_timeout}
  cancel_timeout_seconds: 60
  max_runtime_seconds: 600
  max_resume_run_attempts: {resume}
run_retries: {{enabled: false}}
"""


def remote_origin(job: str, module: str = LOCATION) -> RemoteJobOrigin:
    """Where Dagster says that a job comes from."""
    target = LoadableTargetOrigin(python_file=None, module_name=module)
    where = ManagedGrpcPythonEnvCodeLocationOrigin(target, "tests")
    return RemoteJobOrigin(RemoteRepositoryOrigin(where, "__repository__"), job)


@dataclass(slots=True)
class System:
    """Processes are started and ended by the test; what is left is ended at the end."""

    folder: Path
    environment: Mapping[str, str]
    instance: DagsterInstance
    engine: sa.Engine
    location: str = LOCATION
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    code_servers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    tests: int = 1

    def code_server(self) -> subprocess.Popen[bytes]:
        """A server of the code location, whose sensors and schedules the daemon then looks at."""
        socket = self.folder / "code.sock"
        socket.unlink(missing_ok=True)
        (self.folder / "workspace.yaml").write_text(
            f"load_from: [{{grpc_server: {{socket: {socket}, location_name: tests}}}}]\n"
        )
        command = ["api", "grpc", "-m", self.location, "--location-name", "tests", "--socket", str(socket)]
        process = self._start("code-server", [program("dagster"), *command])
        self.until(lambda: listening(socket), "a code server")
        self.code_servers.append(process)
        return process

    def daemon(self) -> subprocess.Popen[bytes]:
        """Dagster's daemon; without a code location unless a code server was started before."""
        return self._start("daemon", [program("dagster-daemon"), "run", "-w", str(self.folder / "workspace.yaml")])

    def worker(self, *options: str, slots: int = 2, log: str = "worker") -> subprocess.Popen[bytes]:
        """A worker, not waited for."""
        command = [sys.executable, "-m", "oa_pipeline", "worker", "--slots", str(slots), "-m", self.location]
        timing = ["--beat", "0.5", "--silent", str(SILENT), "--grace", "6", "--drain", "1"]
        return self._start(log, [*command, *timing, *options])

    def capacity(self, *options: str) -> subprocess.Popen[bytes]:
        """What keeps the pool as big as the work."""
        command = [sys.executable, "-m", "oa_pipeline", "capacity", "--every", "1", "--silent", str(SILENT), *options]
        return self._start("capacity", command)

    def _start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as out:
            process = subprocess.Popen(
                command, env=dict(self.environment), cwd=TOP, stdout=out, stderr=out, stdin=subprocess.DEVNULL
            )
        self.started.append(process)
        return process

    def launch(self, name: str, **tags: str) -> str:
        """Puts a run into Dagster's queue and gives its id."""
        return self.submit(self.create(name, **tags))

    def submit(self, run_id: str) -> str:
        """Puts a run that was created into Dagster's queue."""
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        coordinator = self.instance.run_coordinator
        coordinator.submit_run(SubmitRunContext(dagster_run=run, workspace=None))  # type: ignore[arg-type]
        return run_id

    def create(self, name: str, **tags: str) -> str:
        """A run of a job of the tests' code location."""
        return self._create(name, lambda op: {"ops": {op: {"config": {"folder": str(self.scratch)}}}}, tags)

    def process(self, key: str, *, force: bool = False, **tags: str) -> str:
        """Puts a run of the asset `source` into Dagster's queue and gives its id."""
        config = {"ops": {"source": {"config": {"force": force}}}}
        return self.submit(self._create("process", lambda _op: config, {"dagster/partition": key, **tags}))

    def _create(self, name: str, config: Callable[[str], Any], tags: Mapping[str, str]) -> str:
        repository = ReconstructableRepository.for_module(self.location, "defs", str(TOP))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BetaWarning)  # Dagster's own, of what it passes on to itself
            definition = repository.get_definition().get_job(name)
        op_name = next(iter(definition.graph.node_dict))
        schema = config(op_name)
        run = self.instance.create_run_for_job(
            definition,
            run_config=schema,
            tags={name.replace("__", "/"): value for name, value in tags.items()},
            remote_job_origin=remote_origin(name, self.location),
            job_code_origin=repository.get_reconstructable_job(name).get_python_origin(),
        )
        return run.run_id

    @property
    def scratch(self) -> Path:
        """What the jobs of this test write to."""
        folder = self.folder / f"scratch-{self.tests}"
        folder.mkdir(exist_ok=True)
        return folder

    def lines(self, name: str) -> list[int]:
        """The process ids that a job has noted in a file."""
        with contextlib.suppress(FileNotFoundError):
            return [int(line) for line in (self.scratch / name).read_text().split()]
        return []

    def status(self, run_id: str) -> DagsterRunStatus:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status

    def wait(self, run_id: str, status: DagsterRunStatus, seconds: float = PATIENCE) -> None:
        self.until(lambda: self.status(run_id) is status, f"{run_id} {status}", seconds)

    def until(self, true: Callable[[], Any], what: str, seconds: float = PATIENCE) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, f"{what} did not come true\n{self.logs()}"
            time.sleep(0.05)

    def messages(self, run_id: str) -> str:
        return "\n".join(entry.message or entry.user_message for entry in self.instance.all_logs(run_id))

    def logs(self) -> str:
        return "\n".join(f"== {p.name}\n{p.read_text(errors='replace')[-3000:]}" for p in self.folder.glob("*.log"))

    def rows(self, statement: str) -> list[Any]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement))]

    def ready(self) -> None:
        """Waits for a worker that takes runs."""
        self.until(lambda: self.rows("SELECT 1 FROM oa.heartbeats WHERE NOT draining"), "a worker")

    def kill_tree(self, process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """SIGKILL for the worker alone; what was below it."""
        below = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        return below

    def end_all(self, but: Sequence[subprocess.Popen[bytes]] = ()) -> None:
        """Ends what was started and still runs, but for these; nothing that it had started is left."""
        ending = [s for s in self.started if s.poll() is None and s not in but]
        below = [p for s in ending for p in psutil.Process(s.pid).children(recursive=True)]
        for process in self.code_servers:
            if process in ending:  # asked politely, it waits a minute for those who talk to it
                signalled(self.kill_tree(process), signal.SIGKILL)
        for process in reversed(ending):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in ending:
            process.wait(PATIENCE)
        self.gone(below)

    def gone(self, processes: Sequence[psutil.Process]) -> None:
        """Waits until none of them runs."""
        self.until(lambda: not left(processes), "the end of all processes")

    def forget(self) -> None:
        """No run is known any more, and nothing has been said: another test may begin. Services may be at work."""
        kept = "('alembic_version', 'instance_info', 'secondary_indexes', 'kvs', 'daemon_heartbeats')"
        tables = self.rows(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            f"WHERE schemaname IN ('oa', 'public') AND tablename NOT IN {kept}"
        )
        statement = f"TRUNCATE {', '.join(name for (name,) in tables)} RESTART IDENTITY"
        in_transaction(self.engine, lambda connection: connection.exec_driver_sql(statement))  # again after a deadlock
        for log in self.folder.glob("*.log"):
            os.truncate(log, 0)
        self.tests += 1

    def end(self, process: subprocess.Popen[bytes], seconds: float = PATIENCE) -> int:
        """Tells it to end and waits."""
        process.send_signal(signal.SIGTERM)
        return process.wait(seconds)


@contextlib.contextmanager
def system(
    folder: Path,
    url: str,
    *,
    resume: int = 1,
    silent: int = SILENT,
    start_timeout: int = 600,
    of_a_host: int = 2,
    location: str = LOCATION,
    mode: str = "local",
    more: Mapping[str, str] | None = None,
) -> Iterator[System]:
    """An instance of Dagster on an empty database with an empty ledger; `more` are settings for what runs."""
    upgrade(url)
    (folder / "dagster.yaml").write_text(
        YAML.format(mode=mode, resume=resume, silent=silent, start_timeout=start_timeout, of_a_host=of_a_host)
    )
    (folder / "workspace.yaml").write_text("load_from: []\n")
    ours = {"OA_DATABASE_URL": url, "OA_HOME": str(folder / "oa"), "DAGSTER_HOME": str(folder)}
    ours |= {**MAPLESS_ENVIRONMENT, **(more or {})}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OA_")} | ours
    former = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    made = None
    try:
        with DagsterInstance.from_config(str(folder)) as instance:
            made = System(folder, environment, instance, ledger_engine(url), location)
            yield made
            made.end_all()
    finally:
        for process in made.started if made else []:
            if process.poll() is None:
                process.kill()
                process.wait()
        for name, value in former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
