"""Deliveries while GitHub, the network or we ourselves are unwell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from oa_pipeline.github.intake import MOST_TRIES, Handled

from . import faults
from .faults import Fault
from .intaking import A, B, World
from .sources import source

TROUBLES: dict[str, tuple[Callable[..., Any], float]] = {
    "bad gateway": (faults.status(502), 10),
    "a cut line": (faults.cut, 10),
    "a secondary limit": (faults.secondary_limit(77), 77),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_while_github_is_in_trouble_a_delivery_waits_as_told(world: World, trouble: str) -> None:
    how, wait = TROUBLES[trouble]
    pull = world.github.open_pull({A: source("city")})
    guid = world.receive(world.github.pull_event(pull))
    world.github.faults.append(Fault(how))

    assert world.look().put_off == 1
    assert world.delivered(guid)["try_at"] == world.now + timedelta(seconds=wait)
    assert world.look() == Handled()
    world.now += timedelta(seconds=wait)
    assert len(world.look().jobs) == 1


def test_after_many_tries_a_delivery_is_given_up_and_says_why(world: World) -> None:
    world.github.faults.append(Fault(faults.status(502), times=1000))
    guid = world.receive(world.github.pull_event(world.github.open_pull({A: source("city")})))

    for _ in range(MOST_TRIES):
        world.look()
        world.now += timedelta(hours=1)

    row = world.delivered(guid)
    assert row["status"] == "failed"
    assert "502" in row["detail"]


def test_a_lost_webhook_is_not_a_lost_pull_request(world: World) -> None:
    seen, lost = world.github.open_pull({A: source("city")}), world.github.open_pull({B: source("city")})
    world.take(world.github.pull_event(seen))

    done = world.reconcile()

    assert done.jobs == (world.job(lost)["id"],)
    assert world.job(lost)["event"] == "reconciled"
    assert world.reconcile().jobs == ()


def test_when_github_asks_for_a_pause_nothing_is_asked_before_it_is_over(world: World) -> None:
    for letter in "abc":
        world.receive(world.github.pull_event(world.github.open_pull({A: source("city")}, author=letter)))
    world.github.faults.append(Fault(faults.secondary_limit(77), times=1000))

    world.look()
    asked = len(world.github.requests)
    world.now += timedelta(seconds=70)
    world.look()

    assert len(world.github.requests) == asked
    world.github.faults.clear()
    world.now += timedelta(seconds=10)
    assert len(world.look().jobs) == 3


def test_a_delivery_over_which_our_code_stumbles_holds_up_no_other_and_is_given_up_in_the_end(world: World) -> None:
    name, payload = world.github.pull_event(world.github.open_pull({A: source("city")}, author="first"))
    bad = world.receive((name, payload))
    world.github.pulls[payload["number"]].base = 7  # type: ignore[assignment]  # what GitHub would never say
    fine = world.github.open_pull({B: source("city")}, author="second")
    world.receive(world.github.pull_event(fine))

    assert len(world.look().jobs) == 1
    for _ in range(MOST_TRIES):
        world.now += timedelta(hours=1)
        world.look()
    assert world.delivered(bad)["status"] == "failed"


def test_a_payload_that_is_no_event_is_rejected_and_holds_up_nothing(world: World) -> None:
    guid = world.receive(("pull_request", {"action": "opened"}))
    pull = world.github.open_pull({A: source("city")})

    assert len(world.take(world.github.pull_event(pull)).jobs) == 1
    assert world.delivered(guid)["status"] == "rejected"
