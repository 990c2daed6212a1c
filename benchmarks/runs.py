"""What a run costs: Dagster's default launcher against warm workers, both with two at a time, on one database.

CPU seconds are those of the daemon and of all that carries runs out; the database's, the same for both, are left out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
from dagster import DagsterRunStatus, RunsFilter

from benchmarks.runs_location import LIBRARIES
from oa_pipeline.orchestration import embedded
from oa_pipeline_tests.database import open_folder
from oa_pipeline_tests.workers.system import System, system

LOCATION = "benchmarks.runs_location"
TARGETS = {"trivial": (0.6, 100.0), "geodata": (1.0, 45.0)}
DEFAULT = """
telemetry: {enabled: false}
storage:
  custom: {module: oa_pipeline.orchestration.storage, class: PooledPostgresStorage, config: {}}
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config: {max_concurrent_runs: 2, dequeue_interval_seconds: 1}
"""
WORKSPACE = f"load_from: [{{python_module: {{module_name: {LOCATION}, location_name: tests}}}}]\n"
FAST = ("fsync=off", "synchronous_commit=off")


@dataclass(frozen=True)
class Drained:
    """CPU seconds a run, and runs a minute."""

    cpu: float
    rate: float


def cpu_of(processes: list[psutil.Process]) -> float:
    """CPU seconds of these and of all below them, ended ones included."""
    total = 0.0
    for top in processes:
        for process in [top, *top.children(recursive=True)]:
            try:
                total += sum(process.cpu_times()[:4])
            except psutil.Error:
                continue
    return total


def drain(running: System, job: str, count: int) -> Drained:
    """Queues so many runs while nothing takes them out, then lets go and waits for the last."""
    first = running.launch(job)  # what is loaded once is loaded now
    running.wait(first, DagsterRunStatus.SUCCESS, 180)
    created = [running.create(job) for _ in range(count)]
    processes = [psutil.Process(p.pid) for p in running.started]
    before, began = cpu_of(processes), time.monotonic()
    for run_id in created:
        running.submit(run_id)
    ended = RunsFilter(run_ids=created, statuses=[DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE])
    running.until(lambda: running.instance.get_runs_count(ended) == count, "the end of all runs", 900)
    wall = time.monotonic() - began
    time.sleep(1)  # the last processes end
    good = RunsFilter(run_ids=created, statuses=[DagsterRunStatus.SUCCESS])
    assert running.instance.get_runs_count(good) == count, running.logs()
    return Drained((cpu_of(processes) - before) / count, 60 * count / wall)


def measured(url: str, prepare: Callable[[System], None], job: str, count: int) -> Drained:
    with tempfile.TemporaryDirectory(prefix="oa-bench-") as name, system(Path(name), url, silent=60) as running:
        running.location = LOCATION
        prepare(running)
        return drain(running, job, count)


def by_default(running: System) -> None:
    """Dagster's default launcher: a process a run, started by the code server."""
    (running.folder / "dagster.yaml").write_text(DEFAULT)
    (running.folder / "workspace.yaml").write_text(WORKSPACE)
    running.daemon()


def by_workers(running: System) -> None:
    """Ours."""
    running.worker(*(part for name in LIBRARIES for part in ("--preload", name)), "--beat", "20", "--silent", "60")
    running.until(lambda: running.rows("SELECT 1 FROM oa.heartbeats WHERE NOT draining"), "a worker", 120)
    running.daemon()


def main(counts: tuple[int, int] = (120, 12)) -> None:
    """Prints two lines; `counts` are the runs drained by warm workers and by the default launcher."""
    print(f"{'runs, 2 at a time':<20}{'default launcher':>24}{'warm workers':>24}{'less CPU':>10}")
    print(f"{'':<20}{'CPU s':>12}{'a minute':>12}{'CPU s':>12}{'a minute':>12}")
    with open_folder() as folder:
        server = embedded.start(folder, options=FAST)
        try:
            for job, (cpu, rate) in TARGETS.items():
                plain = measured(server.url, by_default, job, counts[1])
                warm = measured(server.url, by_workers, job, counts[0])
                reached = warm.cpu <= cpu and warm.rate >= rate
                verdict = "reached" if reached else f"short of {cpu} CPU s and {rate:.0f} a minute"
                print(
                    f"{job:<20}{plain.cpu:>12.2f}{plain.rate:>12.1f}{warm.cpu:>12.2f}{warm.rate:>12.1f}"
                    f"{plain.cpu / warm.cpu:>9.1f}x  {verdict}",
                    flush=True,
                )
        finally:
            server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warm", type=int, default=120)
    parser.add_argument("--default", type=int, default=12)
    asked = parser.parse_args()
    main((asked.warm, asked.default))
