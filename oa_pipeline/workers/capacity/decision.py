"""How many instances the pool should have: facts in, a number and its reason out. Nothing here asks anybody.

- What people, pull requests and collections wait for gets all the instances that it needs, at once.
- A set's runs get one instance more, and only after they have waited patiently since the last change: most of them
  end sooner than an instance boots.
- Nothing grows while instances that were asked for are still to come, but for what people wait for; so counts that
  are behind, or instances that cannot be had, never add up.
- Idle workers end their instances themselves. What is taken back here is what was asked for and never came.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Rules:
    """Settings: runs at once on an instance, and seconds."""

    slots: int = 2
    cooldown: float = 120.0
    patience: float = 1800.0
    boot: float = 600.0


@dataclass(frozen=True, slots=True)
class Pool:
    """The group. `present`: instances that are there or coming; `working`: of them, those whose worker is heard."""

    least: int
    most: int
    desired: int
    present: int
    working: int


@dataclass(frozen=True, slots=True)
class Demand:
    """Runs. `urgent` and `batch` wait, `at_work` are being carried out; `elsewhere`: slots that are not the pool's."""

    urgent: int = 0
    batch: int = 0
    at_work: int = 0
    elsewhere: int = 0

    @property
    def waiting(self) -> int:
        """All that waits."""
        return self.urgent + self.batch


@dataclass(frozen=True, slots=True)
class Memory:
    """Between two looks: the size that was seen, since when it has been so, and since when a set's runs wait."""

    desired: int | None = None
    changed_at: float = -math.inf
    batch_since: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """How big the group is to be, and why."""

    desired: int
    why: str


def decide(pool: Pool, demand: Demand, rules: Rules, memory: Memory, now: float) -> tuple[Decision, Memory]:
    """What follows from this moment, and what the next look has to know of it."""
    memory = _noted(pool, demand, memory, now)
    decision = _wanted(pool, demand, rules, memory, now)
    if decision.desired != pool.desired:
        memory = replace(memory, desired=decision.desired, changed_at=now)
    return decision, memory


def _noted(pool: Pool, demand: Demand, memory: Memory, now: float) -> Memory:
    """Whoever changed the group's size: the pauses begin anew."""
    changed = memory.desired is not None and memory.desired != pool.desired
    since = memory.batch_since if memory.batch_since is not None else now
    return Memory(pool.desired, now if changed else memory.changed_at, since if demand.batch else None)


def _wanted(pool: Pool, demand: Demand, rules: Rules, memory: Memory, now: float) -> Decision:
    floor, ceiling = bounds(pool, demand)
    if not floor <= pool.desired <= ceiling:
        return Decision(min(max(pool.desired, floor), ceiling), f"the bounds are {floor} and {ceiling}")
    if now < memory.changed_at + rules.cooldown:
        return Decision(pool.desired, "it has just changed")
    needed = min(max(instances(demand.urgent, demand, rules), floor), ceiling)
    if demand.urgent and needed > pool.desired:
        return Decision(needed, f"{demand.urgent} runs wait that somebody asked for")
    return _for_the_set(pool, demand, rules, memory, now, floor, ceiling)


def _for_the_set(
    pool: Pool, demand: Demand, rules: Rules, memory: Memory, now: float, floor: int, ceiling: int
) -> Decision:
    needed = min(max(instances(demand.waiting, demand, rules), floor), ceiling)
    if needed > pool.desired:
        since = max(memory.changed_at, memory.batch_since if memory.batch_since is not None else now)
        if pool.working < pool.desired:
            return Decision(pool.desired, "instances that were asked for are still to come")
        if now - since < rules.patience:
            return Decision(pool.desired, "a set's runs are patient")
        return Decision(pool.desired + 1, f"{demand.batch} runs of a set have waited for {now - since:.0f} seconds")
    least = max(needed, min(pool.present, pool.desired))
    if least < pool.desired:
        return Decision(least, "what was asked for did not come, and is not needed any more")
    return Decision(pool.desired, "it is as it should be")


def bounds(pool: Pool, demand: Demand) -> tuple[int, int]:
    """The group's own; and never none while runs wait, unless there are workers elsewhere and were none here."""
    ceiling = max(pool.most, 0)
    floor = min(max(pool.least, 0), ceiling)
    if demand.waiting and (pool.desired > 0 or not demand.elsewhere):
        floor = min(max(floor, 1), ceiling)
    return floor, ceiling


def instances(waiting: int, demand: Demand, rules: Rules) -> int:
    """How many it takes to carry out so many waiting runs, and those at work, all at once."""
    return math.ceil(max(0, waiting + demand.at_work - demand.elsewhere) / max(1, rules.slots))


def unheard(present: frozenset[str], heard: set[str], missing: dict[str, float], now: float, boot: float) -> str:
    """The instance to be ended, as its worker has not been heard for `boot` seconds; empty where there is none.

    `missing` is kept between looks: since when each has not been heard. One at a time: should all have fallen silent,
    it is more likely that we are deaf.
    """
    for instance in [one for one in missing if one not in present or one in heard]:
        del missing[instance]
    for instance in sorted(present - heard):
        missing.setdefault(instance, now)
    overdue = [one for one, since in missing.items() if now - since >= boot]
    return min(overdue, key=lambda one: (missing[one], one)) if overdue else ""
