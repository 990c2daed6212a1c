"""A worker's instance: protected while busy, watched for notices, ended when it idles; Amazon over HTTP, no Dagster."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from oa_pipeline.aws.metadata import Identity, Metadata
from oa_pipeline.workers.ec2 import Instance, Terms, _Seen, here
from oa_pipeline.workers.signals import Told
from oa_pipeline_tests.aws.amazon import GROUP, Amazon, FakeMetadata, metadata_of

ROUND = 0.02  # seconds


class Clock:
    """The time for the instance: it goes by with the worker's rounds alone, however slow this machine is."""

    sleep = staticmethod(time.sleep)

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class Place:
    amazon: Amazon
    metadata: FakeMetadata
    told: Told
    instance: Instance
    clock: Clock

    def round(self) -> None:
        """The worker's loop goes round once."""
        self.instance.is_busy(self.busy, able=self.able)
        time.sleep(ROUND)
        self.clock.now += ROUND

    def go_on(self, seconds: float) -> None:
        """The worker's loop goes round for so long."""
        for _ in range(round(seconds / ROUND)):
            self.round()

    def until(self, true: Callable[[], Any], seconds: float = 120) -> None:
        """Meanwhile the worker's loop goes round."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end
            self.round()

    busy, able = False, True

    @property
    def protected(self) -> bool:
        return any(
            one["InstanceId"] == self.instance.instance and one["ProtectedFromScaleIn"]
            for one in self.amazon.group()["Instances"]
        )

    @property
    def ended(self) -> list[dict[str, list[str]]]:
        """The wishes that an instance be ended."""
        return self.amazon.actions("TerminateInstanceInAutoScalingGroup")

    def end(self) -> bool:
        """Ends the instance: once Amazon was asked, it is told so as the operating system does."""

        def tell() -> None:
            until = time.monotonic() + 120
            while not self.ended and time.monotonic() < until:
                time.sleep(ROUND)
            self.told.hear(0, None)

        teller = threading.Thread(target=tell)
        teller.start()
        ended = self.instance.end(self.told)
        teller.join()
        return ended


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("oa_pipeline.workers.ec2.time", made)
    monkeypatch.setattr("oa_pipeline.aws.metadata.TIMEOUT", 60.0)
    return made


def place(amazon: Amazon, clock: Clock, least: int, desired: int, idle: float, **tags: str) -> Iterator[Place]:
    amazon.make_group(least, 4, desired)
    number = amazon.group()["Instances"][0]["InstanceId"] if desired else "i-1"
    told = Told()
    with metadata_of(number, {name.replace("_", ":"): text for name, text in tags.items()}) as metadata:
        instance = here(Metadata(metadata.url), Terms(GROUP, idle, boot=0.3, look=0.05), told)
        instance.attend()
        yield Place(amazon, metadata, told, instance, clock)
        instance.dismiss()
    told.close()


@pytest.fixture
def second(amazon: Amazon, clock: Clock) -> Iterator[Place]:
    """One of two instances of which one has to stay; it ends after a moment without work."""
    yield from place(amazon, clock, 1, 2, 0.3)


@pytest.fixture
def last(amazon: Amazon, clock: Clock) -> Iterator[Place]:
    """The only instance of a group that may be empty."""
    yield from place(amazon, clock, 0, 1, 0.3)


@pytest.fixture
def steady(amazon: Amazon, clock: Clock) -> Iterator[Place]:
    """One of two that do not end by themselves."""
    yield from place(amazon, clock, 1, 2, 3600)


@pytest.fixture
def single(amazon: Amazon, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """An instance for one run."""
    monkeypatch.setattr("oa_pipeline.workers.ec2.SETTLE_SECONDS", 0.3)
    yield from place(amazon, clock, 0, 0, 3600, oa_run="the-run")


def test_it_is_protected_while_busy_and_no_longer(steady: Place) -> None:
    steady.busy = True
    steady.until(lambda: steady.protected)
    steady.busy = False
    steady.until(lambda: not steady.protected)
    assert steady.told.times == 0


def test_protection_that_amazon_refuses_for_being_busy_comes_later(steady: Place) -> None:
    steady.amazon.busy, steady.busy = 0.8, True
    steady.until(lambda: steady.protected, 60)
    assert steady.amazon.throttled


def test_idling_it_takes_nothing_more_and_ends_itself_and_the_group_is_one_smaller(second: Place) -> None:
    second.until(lambda: second.told.times)
    assert second.instance.resting
    assert second.end()
    group = second.amazon.group()
    assert (group["DesiredCapacity"], second.instance.instance in str(group["Instances"])) == (1, False)


def test_busy_it_does_not_end(second: Place) -> None:
    second.busy = True
    second.until(lambda: second.protected)
    second.go_on(0.6)
    assert second.told.times == 0
    second.busy = False
    second.until(lambda: second.told.times)


def test_who_still_warms_up_does_not_idle(second: Place) -> None:
    second.able = False
    before = len(second.amazon.actions("DescribeAutoScalingGroups"))
    second.go_on(0.8)
    assert (second.told.times, len(second.amazon.actions("DescribeAutoScalingGroups"))) == (0, before)
    second.able = True
    second.until(lambda: second.told.times)


def test_the_smallest_number_stays_and_what_is_refused_goes_on_working(second: Place) -> None:
    second.until(lambda: second.told.times)
    second.amazon.client("autoscaling").set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=1)
    assert not second.instance.end(second.told)
    second.instance.stay(second.told)
    assert (second.instance.resting, second.told.times) == (False, 0)
    second.go_on(0.6)
    second.until(lambda: len(second.amazon.actions("DescribeAutoScalingGroups")) > 2)
    assert second.told.times == 0


def test_the_last_one_stays_while_anything_waits(last: Place) -> None:
    waiting = [True]
    last.instance.needed = lambda: waiting[0]
    last.go_on(0.6)
    last.until(lambda: len(last.amazon.actions("DescribeAutoScalingGroups")) > 1)
    assert last.told.times == 0
    waiting[0] = False
    last.until(lambda: last.told.times)


def test_a_run_that_is_taken_in_the_middle_of_a_look_is_not_overlooked() -> None:
    with closing(Told()) as told:
        instance = Instance(Metadata("http://127.0.0.1:1"), Identity("i-1"), Terms(GROUP, 3600), told)

        class Seen(_Seen):
            """What the worker last said; it has a run, and goes round twice, as soon as somebody has looked."""

            @property  # type: ignore[override]
            def busy(self) -> bool:
                if instance._seen is self:
                    instance._seen = _Seen(busy=True)
                    instance.is_busy(True)
                    instance.is_busy(True)
                return False

            @busy.setter
            def busy(self, _: bool) -> None: ...

        instance._seen = Seen()
        instance.resting, instance._rested_at = True, instance._rounds
        instance._leave_if_idle()
        assert told.times == 0
        instance._seen = _Seen()
        instance._leave_if_idle()
        assert told.times == 1


def test_a_spot_notice_drains_it_at_once_and_the_group_gets_another(steady: Place) -> None:
    steady.busy = True
    steady.metadata.interrupt()
    steady.until(lambda: steady.told.times)
    assert "spot interruption" in steady.instance.leaving
    steady.until(lambda: steady.protected)  # nobody takes it away before its runs are handed back
    assert steady.end()
    group = steady.amazon.group()
    assert (group["DesiredCapacity"], steady.instance.instance in str(group["Instances"])) == (2, False)


def test_an_instance_that_others_end_works_no_more_even_if_amazon_refuses_to_end_it_twice(last: Place) -> None:
    last.busy = True
    last.metadata.texts["autoscaling/target-lifecycle-state"] = "Terminated"
    last.until(lambda: last.told.times)
    last.instance._replace = False  # so that the group's least number forbids it
    last.amazon.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName=GROUP, MinSize=1)
    assert last.end()
    assert len(last.ended) == 1


def test_a_recommendation_to_rebalance_lets_it_finish_first(steady: Place) -> None:
    steady.busy = True
    steady.metadata.advise()
    steady.until(lambda: steady.instance.resting)
    steady.go_on(0.3)
    assert steady.told.times == 0
    steady.busy = False
    steady.until(lambda: steady.told.times)


def test_metadata_that_is_away_for_a_while_ends_nothing(steady: Place) -> None:
    steady.metadata.away = True
    time.sleep(0.3)
    steady.metadata.away = False
    steady.metadata.interrupt()
    steady.until(lambda: steady.told.times)


def test_the_worker_of_one_run_ends_with_it(single: Place) -> None:
    assert single.instance.only == "the-run"
    single.busy = True
    single.until(lambda: single.instance._seen.ever)
    single.go_on(0.5)
    assert single.told.times == 0
    single.busy = False
    single.until(lambda: single.told.times)
    assert single.instance.end(single.told)  # whoever started it shuts the machine down
    assert single.ended == []


def test_the_worker_of_one_run_that_never_comes_ends(single: Place) -> None:
    single.until(lambda: single.told.times)
    assert "never came" in single.instance.leaving
