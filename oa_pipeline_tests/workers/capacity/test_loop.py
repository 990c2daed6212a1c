"""Rounds of `oa capacity` on a real ledger, with Amazon's servers over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from oa_pipeline.ledger import assignments, builds, heartbeats, sets
from oa_pipeline.ledger.assignments import Assignment
from oa_pipeline.ledger.heartbeats import Beat
from oa_pipeline.ledger.partitions import Declared, record
from oa_pipeline.ledger.sets import Member, NewSet
from oa_pipeline.ledger.tables import SetStatus
from oa_pipeline.settings import Settings
from oa_pipeline.workers.capacity.loop import Loop, Pace
from oa_pipeline_tests.aws.amazon import GROUP, Amazon
from oa_pipeline_tests.workers.system import remote_origin

NOW = datetime.now(UTC)


@pytest.fixture
def time() -> list[float]:
    return [1000.0]


Make = Callable[..., Loop]


@pytest.fixture
def make(engine: sa.Engine, instance: DagsterInstance, time: list[float], amazon: Amazon) -> Iterator[Make]:
    loops = []

    def made(**settings: str) -> Loop:
        read = Settings.from_env({f"OA_{name.upper()}": value for name, value in settings.items()})
        loop = Loop(read, engine, instance, Pace(nobody=60), clock=lambda: time[0])
        loops.append(loop)
        return loop

    yield made
    for loop in loops:
        loop._charge.close()


def queued(instance: DagsterInstance, count: int, **tags: str) -> None:
    for _ in range(count):
        named = {name.replace("__", "/"): value for name, value in tags.items()}
        origin = remote_origin("job")
        create_run_for_test(instance, status=DagsterRunStatus.QUEUED, tags=named, remote_job_origin=origin)


def counts(amazon: Amazon) -> dict[str, float]:
    """The newest of each metric."""
    client, found, now = amazon.client("cloudwatch"), {}, datetime.now(UTC)
    for metric in client.list_metrics(Namespace="oa")["Metrics"]:
        name = metric["MetricName"]
        points = client.get_metric_statistics(
            Namespace="oa", MetricName=name, StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1),
            Period=7200, Statistics=["Maximum"], Unit="Count",
        )["Datapoints"]  # fmt: skip
        found[name] = points[0]["Maximum"]
    return found


def test_metrics_count_what_waits_and_who_works(
    make: Make, instance: DagsterInstance, engine: sa.Engine, amazon: Amazon
) -> None:
    queued(instance, 3, oa__kind="batch")
    queued(instance, 2, oa__worker="dedicated")
    for run in ("ready", "lost", "own"):
        assignments.offer(engine, Assignment(run), dedicated=run == "own")
        if run == "lost":
            assignments.take(engine, "gone", 1)  # of two, that which was ready first
    heartbeats.beat(engine, Beat("here", "host", 1, 2))
    heartbeats.beat(engine, Beat("single", "host", 1, 1, dedicated=True))
    assert make(cloudwatch_namespace="oa").round()
    assert counts(amazon) == {
        "tasks queue": 4, "done queue": 0, "due queue": 1, "expected results": 5, "active workers": 1,
    }  # fmt: skip


def test_the_group_grows_with_what_people_wait_for_and_another_round_asks_for_no_more(
    make: Make, instance: DagsterInstance, amazon: Amazon, time: list[float]
) -> None:
    amazon.make_group(1, 4, 1)
    queued(instance, 5)
    loop = make(ec2_group=GROUP)
    for _ in range(4):
        assert loop.round()
        time[0] += 30
    assert amazon.desired == [3]


def test_a_throttled_round_changes_nothing_and_a_later_one_does(
    make: Make, instance: DagsterInstance, amazon: Amazon
) -> None:
    amazon.make_group(1, 4, 1)
    queued(instance, 5)
    loop = make(ec2_group=GROUP, cloudwatch_namespace="oa")
    amazon.busy = 1.0
    assert loop.round()
    assert amazon.desired == []
    amazon.busy = 0.0
    assert loop.round()
    assert amazon.desired == [3]


def test_without_facts_nothing_is_decided(
    make: Make, instance: DagsterInstance, engine: sa.Engine, amazon: Amazon
) -> None:
    amazon.make_group(1, 4, 4)
    loop = make(ec2_group=GROUP)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE oa.assignments RENAME TO hidden"))
    assert not loop.round()
    assert amazon.asked == []
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE oa.hidden RENAME TO assignments"))
    assert loop.round()


def test_of_two_loops_one_is_in_charge_and_the_other_when_it_goes_away(make: Make) -> None:
    first, second = make(), make()
    assert (first.round(), second.round(), first.round()) == (True, False, True)
    first._charge.close()
    assert (second.round(), first.round()) == (True, False)


def test_an_instance_that_never_works_is_ended_and_replaced_only_where_it_is_needed(
    make: Make, instance: DagsterInstance, engine: sa.Engine, amazon: Amazon, time: list[float]
) -> None:
    amazon.make_group(1, 4, 2)
    ids = sorted(one["InstanceId"] for one in amazon.group()["Instances"])
    heartbeats.beat(engine, Beat("w", "host", 1, 2, instance=ids[0]))
    loop = make(ec2_group=GROUP, ec2_boot_seconds="100")
    loop.round()
    time[0] += 99
    loop.round()
    assert amazon.group()["DesiredCapacity"] == 2
    time[0] += 2
    loop.round()
    group = amazon.group()
    assert (group["DesiredCapacity"], [one["InstanceId"] for one in group["Instances"]]) == (1, [ids[0]])
    queued(instance, 9)
    loop.round()  # it has just changed
    time[0] += 121
    loop.round()
    time[0] += 1
    loop.round()
    time[0] += 101
    loop.round()  # three of four are not heard, all since then: one is ended, and comes anew
    ended = amazon.actions("TerminateInstanceInAutoScalingGroup")
    assert [fields["ShouldDecrementDesiredCapacity"] for fields in ended] == [["true"], ["false"]]
    assert amazon.group()["DesiredCapacity"] == 4


@pytest.fixture
def topic(amazon: Amazon) -> str:
    return str(amazon.client("sns").create_topic(Name="operators")["TopicArn"])


def subjects(amazon: Amazon) -> list[str]:
    return [fields["Subject"][0] for fields in amazon.actions("Publish")]


def test_operators_hear_of_each_thing_once_whoever_looks(
    make: Make, engine: sa.Engine, amazon: Amazon, topic: str
) -> None:
    record(engine, [Declared("x/addresses/y", "x", "addresses", "y", {}, {}, "d")], now=NOW)
    number = sets.open_set(engine, NewSet("r", NOW), [Member("x/addresses/y")], now=NOW)
    build = builds.begin_build(engine, "collections", run_ids=[], now=NOW)
    loop = make(sns_topic=topic)
    loop.round()
    assert subjects(amazon) == []
    sets.end_set(engine, number, SetStatus.INCOMPLETE, detail="1 of 1 had not ended", counts={}, now=NOW)
    builds.fail_build(engine, build, "the store denies it", now=NOW)
    amazon.busy = 1.0
    loop.round()
    amazon.busy, amazon.asked = 0.0, []
    for _ in range(2):
        loop.round()
    loop._charge.close()
    make(sns_topic=topic).round()
    assert subjects(amazon) == [
        f"OpenAddresses: set {number} is incomplete",
        f"OpenAddresses: publication of collections failed (build {build})",
    ]
    assert amazon.actions("Publish")[0]["Message"] == ["1 of 1 had not ended"]


@pytest.mark.parametrize(("failed", "only", "heard"), [(4, "", True), (3, "", False), (4, "x/*", False)])
def test_operators_hear_of_a_set_of_which_so_much_failed_that_it_is_not_collected(
    make: Make, engine: sa.Engine, amazon: Amazon, topic: str, failed: int, only: str, heard: bool
) -> None:
    record(engine, [Declared("x/addresses/y", "x", "addresses", "y", {}, {}, "d")], now=NOW)
    number = sets.open_set(engine, NewSet("r", NOW, only=only), [Member("x/addresses/y")], now=NOW)
    counts = {"members": 10, "ended": 10, "succeeded": 10 - failed, "failed": failed}
    sets.end_set(engine, number, SetStatus.COMPLETE, detail="gis.example: 4 of 5 failed", counts=counts, now=NOW)
    loop = make(sns_topic=topic)
    for _ in range(2):
        loop.round()
    said = [f"OpenAddresses: set {number} failed for 4 of 10, and is not collected"]
    assert subjects(amazon) == (said if heard else [])
    assert all(fields["Message"] == ["gis.example: 4 of 5 failed"] for fields in amazon.actions("Publish"))


def test_operators_hear_that_nobody_works_once_each_time_it_comes_to_that(
    make: Make, instance: DagsterInstance, engine: sa.Engine, amazon: Amazon, topic: str, time: list[float]
) -> None:
    queued(instance, 2)
    loop = make(sns_topic=topic)
    for _ in range(4):
        loop.round()
        time[0] += 30
    said = "OpenAddresses: no workers while runs wait"
    assert subjects(amazon) == [said]
    heartbeats.beat(engine, Beat("w", "host", 1, 2))
    loop.round()
    heartbeats.leave(engine, "w")
    for _ in range(4):
        loop.round()
        time[0] += 30
    assert subjects(amazon) == [said, said]


def test_without_settings_of_amazon_nothing_of_it_is_asked(
    make: Make, instance: DagsterInstance, amazon: Amazon
) -> None:
    queued(instance, 2)
    assert make().round()
    assert amazon.asked == []
