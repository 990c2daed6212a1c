"""Endurance: many runs with workers killed on the way, and many forks from one parent."""

from __future__ import annotations

import random
import select
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from dagster import DagsterRunStatus, RunsFilter

from oa_pipeline.ledger.assignments import Assignment
from oa_pipeline.workers.parents import Parent
from oa_pipeline_tests.workers.system import LOCATION, TOP, System

RUNS, KILLS, FORKS = 500, 10, 1000


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_every_run_ends_once_however_often_workers_are_killed(running: System) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # of a failure, for those who want to see it again
    dice = random.Random(seed)
    running.daemon()
    worker = running.worker()
    ids = [running.launch("quick") for _ in range(RUNS)]
    over = RunsFilter(run_ids=ids, statuses=[DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE])

    def ended() -> int:
        return running.instance.get_runs_count(over)

    below: list[psutil.Process] = []
    for kill_at in sorted(dice.sample(range(20, RUNS - 20), KILLS)):
        running.until(lambda at=kill_at: ended() >= at, f"{kill_at} ends", 300)  # type: ignore[misc]
        time.sleep(dice.random())
        below += running.kill_tree(worker)
        worker = running.worker()
    running.until(lambda: ended() == RUNS, "all ends", 600)
    # A run whose worker was killed while it was at work went on once; killed twice at that, it failed, once.
    failed = running.instance.get_runs_count(RunsFilter(run_ids=ids, statuses=[DagsterRunStatus.FAILURE]))
    assert failed <= KILLS // 2, running.logs()
    ends = running.rows(
        "SELECT run_id, count(*) FROM event_logs "
        "WHERE dagster_event_type IN ('PIPELINE_SUCCESS', 'PIPELINE_FAILURE') GROUP BY run_id"
    )
    assert len(ends) == RUNS
    assert {count for _, count in ends} == {1}
    running.until(
        lambda: running.rows("SELECT 1 FROM oa.assignments WHERE stage IN ('ready', 'taken')") == [], "all rows' ends"
    )
    assert running.end(worker) == 0
    assert running.rows("SELECT worker FROM oa.heartbeats") == []
    running.gone(below)
    assert not list(Path(running.environment["OA_HOME"]).glob("work/*"))


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_parents_memory_stays_flat_over_many_forks(running: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TOP)
    parent = Parent(LOCATION)
    said: list[dict[str, Any]] = []

    def hear(count: int, what: str) -> None:
        end = time.monotonic() + 120
        while sum(message["is"] == what for message in said) < count:
            assert time.monotonic() < end
            select.select([parent.socket], [], [], 0.2)
            parent.hear(said.append)

    try:
        while not parent.ready:
            select.select([parent.socket], [], [], 0.2)
            parent.hear(said.append)
        process = psutil.Process(parent.process.pid)
        sizes: list[int] = []
        for number in range(FORKS):
            # A run that does not exist: the child connects, asks for it, and ends.
            parent.start(Assignment(f"nothing-{number}"))
            if number % 4 == 3:
                hear(number - 3, "ended")
            if number % 100 == 99:
                hear(number + 1, "ended")
                sizes.append(process.memory_info().rss)
        files = process.num_fds()
    finally:
        parent.close()
    assert max(sizes) - sizes[0] < 2 << 20, sizes
    assert files < 20
