"""Endurance of the pool: a whole set upon instances that die in every way, and pull requests beside a long queue."""

from __future__ import annotations

import random
import statistics
import threading
import time
from pathlib import Path

import pytest
from dagster import DagsterRunStatus as Status
from dagster import RunsFilter

from oa_pipeline.automation.sets import Asked, start_set
from oa_pipeline.ledger import sets
from oa_pipeline.orchestration.workplace import Workplace
from oa_pipeline.settings import Settings
from oa_pipeline_tests.aws.amazon import Amazon
from oa_pipeline_tests.workers.publisher import publisher
from oa_pipeline_tests.workers.system import System
from oa_pipeline_tests.workers.test_pool import POOL, cloud, user_data

SYSTEM = "oa_pipeline_tests.system.pipeline"
SOURCES, BATCH, ASKED = 100, 1000, 10


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_set_drains_through_a_pool_in_which_everything_goes_wrong(
    tmp_path: Path, database: str, amazon: Amazon
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    amazon.dice = random.Random(seed + 1)
    amazon.make_group(1, 4, 1, user_data=user_data(SYSTEM))
    with publisher(tmp_path / "repository") as published:
        for number in range(SOURCES):
            published.add(f"town{number}")
        more = {"OA_SOURCES": str(published.repository), "OA_ALLOW_LOCAL_SOURCES": "1", "OA_FEED_SECONDS": "1"}
        with cloud(tmp_path, database, amazon, SYSTEM, dead={2}, **POOL, **more) as made:
            running, keeper = made.running, made.keeper
            running.code_server()
            running.daemon()
            running.capacity()
            workplace = Workplace(Settings.from_env(running.environment))
            number = start_set(workplace, running.instance, Asked("test", force=True)).number
            amazon.busy, slow = 0.1, threading.Event()
            blows = [keeper.cut, keeper.kill_worker, lambda name: keeper.interrupt(name, 8)]
            for blow, at in zip(blows, (10, 30, 50), strict=True):
                running.until(lambda at=at: sets.tally(running.engine, number).ended >= at, f"{at} end", 600)  # type: ignore[misc]
                running.until(lambda: len(keeper.up) > 1, "two instances", 600)
                blow(dice.choice(keeper.up))
                if at == 10:  # however fast the machine is, so much is left that four are wanted
                    published.held |= dict.fromkeys(published.files, slow)
                    running.until(lambda: 4 in amazon.desired, "four instances", 600)
                    slow.set()
            running.until(lambda: sets.open_one(running.engine) is None, "the end of the set", 900)
            tally = sets.tally(running.engine, number)
            assert (tally.ended, tally.outcomes) == (SOURCES, {"succeeded": SOURCES})
            latest = running.rows("SELECT count(*), count(DISTINCT key) FROM oa.pointers")
            assert latest == [(SOURCES, SOURCES)]
            twice = running.rows(
                "SELECT run_id FROM event_logs WHERE dagster_event_type IN ('PIPELINE_SUCCESS', 'PIPELINE_FAILURE') "
                "GROUP BY run_id HAVING count(*) > 1"
            )
            assert twice == []
            running.until(lambda: made.desired() == 1 and len(keeper.up) == 1, "the smallest pool", 600)
            print(
                f"instances: {len(keeper.booted)} booted, at most {keeper.most} at once; {amazon.throttled} throttled"
            )
            assert keeper.most <= 4
            assert max(amazon.desired) == 4
            assert 0 not in amazon.desired


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_pull_requests_do_not_wait_for_a_batch_of_a_thousand(running: System) -> None:
    batch = [running.launch("quick", oa__kind="batch", dagster__priority="-1") for _ in range(BATCH)]
    running.daemon()
    running.worker(slots=2)
    started = RunsFilter(run_ids=batch, statuses=[Status.STARTED, Status.SUCCESS])
    running.until(lambda: running.instance.get_runs_count(started) >= 5, "the batch is at work", 400)
    waited = []
    for _ in range(ASKED):
        begun = time.monotonic()
        run_id = running.launch("quick", oa__kind="pull-request", dagster__priority="10")
        running.until(lambda one=run_id: running.status(one) is not Status.QUEUED, "its turn")  # type: ignore[misc]
        running.until(lambda one=run_id: running.status(one) is Status.SUCCESS, "its end")  # type: ignore[misc]
        waited.append(time.monotonic() - begun)
    left = running.instance.get_runs_count(RunsFilter(run_ids=batch, statuses=[Status.QUEUED]))
    print(f"with {left} of {BATCH} still queued, from asked to done: median {statistics.median(waited):.2f} s, "
          f"longest {max(waited):.2f} s")  # fmt: skip
    assert left > BATCH // 2
