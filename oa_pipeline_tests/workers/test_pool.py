"""Runs on instances of EC2 that come and go: real daemon, workers, capacity loop and database; instances are played by
processes, Amazon by its servers over HTTP.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from dagster import DagsterRunStatus as Status
from dagster import RunsFilter

from oa_pipeline.publish.store import open_store
from oa_pipeline_tests.aws.amazon import GROUP, KEYS, SINGLE, Amazon
from oa_pipeline_tests.workers.keeper import Keeper, keeping
from oa_pipeline_tests.workers.system import LOCATION, SILENT, System, system

OVER = [Status.SUCCESS, Status.FAILURE, Status.CANCELED]
TIMING = f"--beat 0.5 --silent {SILENT} --grace 6 --drain 1 --look 0.3"


def user_data(location: str) -> str:
    return f"#!/bin/sh\nexec '{sys.executable}' -m oa_pipeline worker --ec2 -m {location} {TIMING}\n"


@dataclass
class Cloud:
    """A system whose workers are on instances."""

    running: System
    keeper: Keeper
    amazon: Amazon

    def at_work(self, runs: int) -> None:
        """Waits until so many are."""
        self.running.until(
            lambda: self.running.rows(f"SELECT 1 FROM oa.assignments WHERE stage = 'taken' OFFSET {runs - 1}"),
            f"{runs} runs at work", 400,
        )  # fmt: skip

    def desired(self) -> int:
        return int(self.amazon.group()["DesiredCapacity"])

    def all_ended_once(self, ids: list[str], seconds: float = 400) -> None:
        running = self.running
        over = RunsFilter(run_ids=ids, statuses=OVER)
        running.until(lambda: running.instance.get_runs_count(over) == len(ids), "all ends", seconds)
        assert [running.messages(one) for one in ids if running.status(one) is not Status.SUCCESS] == []
        ends = running.rows(
            "SELECT run_id, count(*) FROM event_logs WHERE dagster_event_type IN "
            "('PIPELINE_SUCCESS', 'PIPELINE_FAILURE', 'PIPELINE_CANCELED') GROUP BY run_id"
        )
        assert {run_id: count for run_id, count in ends if run_id in ids} == dict.fromkeys(ids, 1)


@contextmanager
def cloud(
    folder: Path, url: str, amazon: Amazon, location: str, *, dead: Collection[int] = (), **settings: str
) -> Iterator[Cloud]:
    more = {**KEYS, "AWS_ENDPOINT_URL": amazon.url, "OA_STORE": str(folder / "store"), **settings}
    with system(folder, url, location=location, mode="ec2", resume=3, of_a_host=99, more=more) as running:
        os.environ.update({name: value for name, value in more.items() if name.startswith("OA_")})
        environment = {**running.environment, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        with keeping(amazon, folder / "machines", environment, dead=dead) as keeper:
            made = Cloud(running, keeper, amazon)
            try:
                yield made
            except AssertionError as error:
                logs = [p.read_text(errors="replace")[-3000:] for p in (folder / "machines").glob("*.log")]
                raise AssertionError("\n---\n".join([str(error), *logs])) from error


POOL = {
    "OA_EC2_GROUP": GROUP, "OA_EC2_IDLE_SECONDS": "3", "OA_EC2_COOLDOWN_SECONDS": "1", "OA_EC2_PATIENCE_SECONDS": "2",
    "OA_EC2_BOOT_SECONDS": "90", "OA_CLOUDWATCH_NAMESPACE": "oa",
}  # fmt: skip


@pytest.mark.timeout(1800)
@pytest.mark.soak
def test_a_pool_grows_with_the_work_and_shrinks_again_and_every_run_ends_once(
    tmp_path: Path, database: str, amazon: Amazon
) -> None:
    amazon.make_group(1, 2, 1, user_data=user_data(LOCATION))
    topic = amazon.client("sns").create_topic(Name="operators")["TopicArn"]
    with cloud(tmp_path, database, amazon, LOCATION, **POOL, OA_SNS_TOPIC=topic) as made:
        running, keeper = made.running, made.keeper
        running.daemon()
        running.capacity("--nobody", "1")
        ids = [running.launch("waiting", oa__kind="batch") for _ in range(12)]
        made.at_work(2)
        first = keeper.up[0]
        made.at_work(4)
        amazon.busy = 0.2
        keeper.interrupt(first, 8)
        running.until(lambda: first not in keeper.up, "its end", 400)
        made.at_work(4)  # another has come in its place
        (running.scratch / "go").touch()
        made.all_ended_once(ids)
        running.until(lambda: made.desired() == 1 and len(keeper.up) == 1, "the smallest pool", 400)
        assert max(amazon.desired) == 2
        assert 0 not in amazon.desired
        assert keeper.most <= 2
        assert len(keeper.booted) >= 3
        assert amazon.throttled
        metrics = amazon.client("cloudwatch").list_metrics(Namespace="oa")["Metrics"]
        assert {one["MetricName"] for one in metrics} == {
            "tasks queue", "done queue", "due queue", "expected results", "active workers",
        }  # fmt: skip
        subjects = [fields["Subject"] for fields in amazon.actions("Publish")]
        assert ["OpenAddresses: no workers while runs wait"] in subjects  # while the first one booted
        logs = [one.key for one in open_store(str(tmp_path / "store")).list("logs/workers/")]
        assert any(first in key for key in logs)


@pytest.mark.timeout(1800)
@pytest.mark.soak
def test_a_run_with_an_instance_of_its_own_goes_on_upon_another_when_spot_takes_it_away(
    tmp_path: Path, database: str, amazon: Amazon
) -> None:
    amazon.make_template(SINGLE, user_data(LOCATION))
    more = {"OA_EC2_LAUNCH_TEMPLATE": SINGLE, "OA_EC2_INSTANCE_TYPE": "r7i.large"}
    with cloud(tmp_path, database, amazon, LOCATION, **more) as made:
        running, keeper = made.running, made.keeper
        running.daemon()
        running.capacity()
        run_id = running.launch("waiting", oa__worker="dedicated")
        pool = running.launch("quick")
        running.until(lambda: keeper.up and len(running.lines("started")) == 1, "its start", 400)
        (first,) = keeper.up
        keeper.interrupt(first, 8)
        running.until(lambda: len(running.lines("started")) == 2, "its second start", 400)
        (running.scratch / "go").touch()
        made.all_ended_once([run_id])
        states = lambda: {one["State"]["Name"] for one in amazon.instances().values()}
        running.until(lambda: states() == {"terminated"}, "the end of its instances", 400)
        first_one, second_one = (amazon.instances()[name] for name in keeper.booted)
        assert (first_one["InstanceLifecycle"], second_one.get("InstanceLifecycle")) == ("spot", None)
        assert running.status(pool) is Status.QUEUED  # it is for workers, and there is none
