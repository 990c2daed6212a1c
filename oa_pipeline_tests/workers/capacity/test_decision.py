"""How big the pool is to be, without anything of Amazon's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oa_pipeline.workers.capacity.decision import Demand, Memory, Pool, Rules, bounds, decide, instances, unheard

RULES = Rules(slots=2, cooldown=120, patience=1800, boot=600)
LONG_AGO = Memory(desired=1, changed_at=0.0, batch_since=0.0)
NOW = 10_000.0


def pool(
    desired: int = 1, *, least: int = 1, most: int = 4, present: int | None = None, working: int | None = None
) -> Pool:
    here = desired if present is None else present
    return Pool(least, most, desired, here, here if working is None else working)


@pytest.mark.parametrize(
    ("seen", "demand", "memory", "desired"),
    [
        pytest.param(pool(1), Demand(), LONG_AGO, 1, id="nothing waits"),
        pytest.param(pool(1), Demand(urgent=5), LONG_AGO, 3, id="what people wait for gets all it needs at once"),
        pytest.param(pool(1), Demand(urgent=50), LONG_AGO, 4, id="but not more than the most"),
        pytest.param(pool(1), Demand(urgent=5, elsewhere=2), LONG_AGO, 2, id="slots elsewhere help"),
        pytest.param(pool(1), Demand(batch=50), LONG_AGO, 2, id="a set gets one more after its patience"),
        pytest.param(
            pool(1), Demand(batch=50), replace(LONG_AGO, batch_since=NOW - 1799), 1, id="and none before"
        ),
        pytest.param(
            pool(2), Demand(batch=50), Memory(2, NOW - 1000, 0.0), 2, id="its patience begins anew with each change"
        ),
        pytest.param(
            pool(3, working=2), Demand(batch=50), replace(LONG_AGO, desired=3), 3, id="and waits for who is to come"
        ),
        pytest.param(pool(1), Demand(urgent=5), Memory(1, NOW - 60, None), 1, id="nothing soon after a change"),
        pytest.param(
            pool(1), Demand(urgent=5), Memory(2, 0.0, None), 1, id="nor soon after somebody else's change"
        ),
        pytest.param(
            pool(4, present=1), Demand(), replace(LONG_AGO, desired=4), 1, id="what never came is taken back"
        ),
        pytest.param(
            pool(4, present=4), Demand(), replace(LONG_AGO, desired=4), 4, id="what came ends by itself"
        ),
        pytest.param(
            pool(4, present=1), Demand(batch=20), replace(LONG_AGO, desired=4), 4, id="what is needed stays wanted"
        ),
        pytest.param(pool(0, least=0), Demand(batch=1), Memory(), 1, id="the first one does not wait for patience"),
        pytest.param(
            pool(0, least=0), Demand(batch=1, elsewhere=2), Memory(), 0, id="unless there are workers elsewhere"
        ),
        pytest.param(pool(1, least=0, present=0), Demand(batch=1, elsewhere=2), LONG_AGO, 1, id="never back to none"),
        pytest.param(pool(9), Demand(urgent=99), LONG_AGO, 4, id="above the bounds comes down"),
        pytest.param(pool(0), Demand(), LONG_AGO, 1, id="below the bounds comes up"),
        pytest.param(pool(0, least=0, most=0), Demand(urgent=9), LONG_AGO, 0, id="a pool that is switched off"),
    ],
)  # fmt: skip
def test_the_pool_follows_what_waits(seen: Pool, demand: Demand, memory: Memory, desired: int) -> None:
    decision, _ = decide(seen, demand, RULES, memory, NOW)
    assert decision.desired == desired, decision.why


def test_a_set_that_waits_gets_one_instance_after_the_other_and_no_more_than_it_needs() -> None:
    memory, desired, sizes = Memory(), 1, []
    for minute in range(4 * 60):
        decision, memory = decide(pool(desired), Demand(batch=5, at_work=2), RULES, memory, minute * 60.0)
        if decision.desired != desired:
            sizes.append((minute, decision.desired))
            desired = decision.desired
    assert sizes == [(30, 2), (60, 3), (90, 4)]


def test_instances_that_cannot_be_had_are_asked_for_once() -> None:
    memory, desired = Memory(), 1
    for minute in range(24 * 60):
        decision, memory = decide(pool(desired, present=1), Demand(batch=500), RULES, memory, minute * 60.0)
        desired = decision.desired
    assert desired == 2


pools = st.builds(
    lambda least, more, desired, present, working: Pool(least, least + more, desired, present, min(working, present)),
    *(st.integers(0, 12) for _ in range(5)),
)
demands = st.builds(Demand, *(st.integers(0, 5000) for _ in range(3)), st.integers(0, 8))
memories = st.builds(Memory, st.none() | st.integers(0, 12), st.floats(-1e6, NOW), st.none() | st.floats(-1e6, NOW))


@given(pools, demands, memories)
def test_whatever_the_counts_the_bounds_hold_and_none_is_left_while_runs_wait(
    seen: Pool, demand: Demand, memory: Memory
) -> None:
    decision, kept = decide(seen, demand, RULES, memory, NOW)
    assert seen.least <= decision.desired <= seen.most
    if demand.waiting and seen.most and seen.desired:
        assert decision.desired >= 1
    if decision.desired > max(seen.desired, bounds(seen, demand)[0]):
        assert decision.desired <= instances(demand.waiting, demand, RULES)
        assert demand.urgent or decision.desired == seen.desired + 1
    if seen.least <= decision.desired < seen.desired <= seen.most:
        assert decision.desired >= min(seen.present, seen.desired)
    assert kept.desired == decision.desired


@given(pools, st.lists(demands, min_size=2, max_size=30))
def test_two_changes_are_never_closer_than_the_cooldown(seen: Pool, demanded: list[Demand]) -> None:
    memory, changed = Memory(), None
    for look, demand in enumerate(demanded):
        now = look * 30.0
        decision, memory = decide(seen, demand, RULES, memory, now)
        floor, ceiling = bounds(seen, demand)
        if decision.desired != seen.desired:
            assert changed is None or now - changed >= RULES.cooldown or not floor <= seen.desired <= ceiling
            changed = now
        seen = replace(seen, desired=decision.desired)


def test_an_instance_whose_worker_is_not_heard_is_ended_one_at_a_time() -> None:
    missing: dict[str, float] = {}
    present = frozenset({"i-1", "i-2", "i-3"})
    assert unheard(present, {"i-1"}, missing, 0.0, 600) == ""
    assert unheard(present, {"i-1", "i-2"}, missing, 599.0, 600) == ""
    assert unheard(present, set(), missing, 600.0, 600) == "i-3"  # i-1 and i-2 were heard in between
    assert unheard(present - {"i-3"}, set(), missing, 1200.0, 600) == "i-1"
    assert set(missing) == {"i-1", "i-2"}
