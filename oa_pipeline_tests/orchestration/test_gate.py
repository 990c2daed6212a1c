"""What the gate says of facts: tables, and what must be true of any two results."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oa_pipeline.errors import SettingsError
from oa_pipeline.orchestration.gate import Decision, Facts, Limits, agree, covered, decide, judge, limits_of
from oa_pipeline.settings import Settings

LIMITS = Limits()
BOX = (10.0, 50.0, 10.4, 50.2)
BEFORE = Facts(1000, {"number": 1000, "street": 990, "unit": 60, "city": 30}, BOX, "d1", "v1")
NOW = datetime(2026, 3, 13, 21, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("rows", "limit", "held"),
    [
        pytest.param(1000, 0.1, False, id="the same"),
        pytest.param(5000, 0.1, False, id="growth"),
        pytest.param(900, 0.1, False, id="a tenth less is allowed"),
        pytest.param(899, 0.1, True, id="more than a tenth is not"),
        pytest.param(0, 0.1, True, id="all"),
        pytest.param(999, 0.0, True, id="no loss allowed at all"),
        pytest.param(0, 1.0, False, id="switched off"),
        pytest.param(0, 7.0, False, id="switched off by more than 1"),
    ],
)
def test_rows(rows: int, limit: float, held: bool) -> None:
    assert bool(judge(Facts(rows), Facts(1000), Limits(rows=limit))) is held


@pytest.mark.parametrize(
    ("name", "before", "now", "limit", "held"),
    [
        pytest.param("number", 1000, 0, 0.05, True, id="filled everywhere, now nowhere"),
        pytest.param("unit", 50, 0, 0.05, True, id="filled in just the share that counts"),
        pytest.param("unit", 49, 0, 0.05, False, id="filled in fewer"),
        pytest.param("unit", 49, 0, 0.049, True, id="the limit is a setting"),
        pytest.param("number", 1000, 100, 0.05, False, id="a tenth is left"),
        pytest.param("number", 1000, 99, 0.05, True, id="less than a tenth is left"),
        pytest.param("number", 1000, 0, 1.0, False, id="switched off"),
        pytest.param("unit", 0, 0, 0.0, False, id="never filled"),
        pytest.param("unit", 19, 0, 0.0, False, id="too few to say anything"),
        pytest.param("unit", 20, 0, 0.0, True, id="just enough"),
    ],
)
def test_fields(name: str, before: int, now: int, limit: float, held: bool) -> None:
    reasons = judge(Facts(1000, {name: now}), Facts(1000, {name: before}), Limits(field=limit))
    assert bool(reasons) is held
    assert all(name in reason for reason in reasons)


@pytest.mark.parametrize(
    ("before", "now", "share"),
    [
        pytest.param(BOX, BOX, 1.0, id="the same"),
        pytest.param(BOX, (0, 0, 90, 90), 1.0, id="growth"),
        pytest.param((0, 0, 2, 2), (0, 0, 1, 2), 0.5, id="half of it"),
        pytest.param((0, 0, 2, 2), (1, 1, 3, 3), 0.25, id="moved by half, both ways"),
        pytest.param((0, 0, 2, 2), (3, 3, 4, 4), 0.0, id="somewhere else"),
        pytest.param((5, 5, 5, 5), (5, 5, 5, 5), 1.0, id="a point"),
        pytest.param((5, 5, 5, 5), (5.00001, 5, 5.00001, 5), 0.99, id="a point that moved by a metre"),
        pytest.param((5, 5, 5, 5), (5.1, 5, 5.1, 5), 0.0, id="a point that is elsewhere"),
        pytest.param((5, 5, 5, 5), (4, 4, 6, 6), 1.0, id="a point that became a box"),
        pytest.param((5, 0, 5, 2), (5, 0, 5, 1), 0.5, id="half a line"),
        pytest.param((5, 0, 5, 2), (5, 1, 5, 1), 0.0, id="a line that became a point"),
        pytest.param((-180, -20, 180, -10), (177, -20, 180, -10), 1.0, id="both sides of the antimeridian, then one"),
        pytest.param((-180, -20, 180, -10), (177, -20, 180, -15), 0.5, id="and half of its latitudes"),
        pytest.param((177, -20, 180, -10), (-180, -20, 180, -10), 1.0, id="one side, then both"),
        pytest.param((178, -20, -178, -10), (178, -20, -178, -10), 1.0, id="over the antimeridian"),
        pytest.param((178, -20, -178, -10), (178, -20, 180, -10), 0.5, id="over the antimeridian, then one side"),
        pytest.param((178, -20, 180, -10), (178, -20, -178, -10), 1.0, id="one side, then over the antimeridian"),
        pytest.param((-10, 0, -178, 9), (0, 0, 1, 9), 1.0, id="more than half around is compared by latitudes"),
    ],
)
def test_how_much_of_a_box_is_covered(before: Any, now: Any, share: float) -> None:
    assert covered(before, now) == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize(
    ("bounds", "limit", "held"),
    [
        pytest.param((10.0, 50.0, 10.21, 50.2), 0.5, False, id="a bit more than half is left"),
        pytest.param((10.0, 50.0, 10.19, 50.2), 0.5, True, id="a bit less than half is left"),
        pytest.param(None, 0.5, True, id="no row has a place"),
        pytest.param(None, 1.0, False, id="switched off"),
        pytest.param((10.0, 50.0, 10.39, 50.2), 0.01, True, id="the limit is a setting"),
    ],
)
def test_extent(bounds: Any, limit: float, held: bool) -> None:
    assert bool(judge(replace(BEFORE, bounds=bounds), BEFORE, Limits(extent=limit))) is held


def test_without_an_extent_before_none_is_missed() -> None:
    assert judge(replace(BEFORE, bounds=None), replace(BEFORE, bounds=None), LIMITS) == ()


@pytest.mark.parametrize(("rows", "held"), [(19, False), (20, True)])
def test_tiny_sources_are_not_judged(rows: int, held: bool) -> None:
    assert bool(judge(Facts(1, {}, None), Facts(rows, {"number": rows}, BOX), LIMITS)) is held


def test_the_reasons_read_as_sentences_and_say_what_else_changed() -> None:
    now = Facts(500, {"street": 480, "unit": 3}, (10.0, 50.0, 10.1, 50.2), "d2", "v2")
    assert judge(now, BEFORE, LIMITS) == (
        "1,000 rows before, 500 now (-50.0%)",
        "number was filled in 1,000 rows, and is in 0 now",
        "unit was filled in 60 rows, and is in 3 now",
        "75% of the extent is gone",
        "the source file has changed in between",
        "the code has changed in between, from v1 to v2",
    )


def test_a_change_of_file_or_code_alone_is_no_reason() -> None:
    assert judge(replace(BEFORE, digest="d2", code_version="v2"), BEFORE, LIMITS) == ()


counts = st.integers(0, 2000)
degrees = st.floats(-179, 179, allow_nan=False)
latitudes = st.floats(-89, 89, allow_nan=False)


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    west, east = sorted((draw(degrees), draw(degrees)))
    south, north = sorted((draw(latitudes), draw(latitudes)))
    if draw(st.booleans()):
        west, east = east, west
    filled = draw(st.dictionaries(st.sampled_from(["number", "street", "unit"]), counts))
    bounds = draw(st.none() | st.just((west, south, east, north)))
    return Facts(draw(counts), filled, bounds, draw(st.sampled_from("ab")), draw(st.sampled_from("ab")))


@st.composite
def less(draw: st.DrawFn, whole: Facts) -> Facts:
    """A result with no more of anything."""
    bounds = whole.bounds
    if bounds is not None and bounds[0] <= bounds[2]:
        west, east = sorted(draw(st.floats(bounds[0], bounds[2])) for _ in range(2))
        south, north = sorted(draw(st.floats(bounds[1], bounds[3])) for _ in range(2))
        bounds = (west, south, east, north)
    filled = {name: draw(st.integers(0, count)) for name, count in whole.filled.items()}
    return replace(whole, rows=draw(st.integers(0, whole.rows)), filled=filled, bounds=bounds)


limits = st.builds(Limits, *[st.floats(0, 1.5)] * 3)


@settings(max_examples=150, deadline=None)
@given(facts(), limits)
def test_what_is_equal_passes(one: Facts, held: Limits) -> None:
    assert judge(one, one, held) == ()
    assert agree(one, one, held)


@settings(max_examples=150, deadline=None)
@given(st.data(), limits)
def test_who_loses_more_is_never_judged_more_kindly(data: st.DataObject, held: Limits) -> None:
    before, now = data.draw(facts()), data.draw(facts())
    worse = data.draw(less(now))
    assert len(judge(worse, before, held)) >= len(judge(now, before, held))


@settings(max_examples=100, deadline=None)
@given(facts(), facts())
def test_with_all_rules_off_anything_passes(one: Facts, other: Facts) -> None:
    assert judge(one, other, Limits(1.0, 1.0, 1.0)) == ()


# ---- what follows ----------------------------------------------------------------------------------


def row(number: int, facts: Facts, at: datetime = NOW, **more: Any) -> dict[str, Any]:
    """A run as the ledger has it."""
    return {
        "id": number, "rows": facts.rows, "bounds": list(facts.bounds) if facts.bounds else None,
        "counters": {f"field/{name}/filled": count for name, count in facts.filled.items()},
        "digest": facts.digest, "code_version": facts.code_version, "ended_at": at, "rejected_at": None, **more,
    }  # fmt: skip


LAST = row(1, BEFORE)
HALF = replace(BEFORE, rows=500)
QUARTER = replace(BEFORE, rows=250)
LOST_HALF = ("1,000 rows before, 500 now (-50.0%)",)


@pytest.mark.parametrize(
    ("now", "earlier", "expected"),
    [
        pytest.param(BEFORE, [], Decision(), id="nothing lost"),
        pytest.param(HALF, [], Decision(LOST_HALF, 1, True), id="the first that lost"),
        pytest.param(HALF, [row(2, HALF, NOW - DAY)], Decision(LOST_HALF, 1, False, "run 2", (2,)), id="said twice"),
        pytest.param(HALF, [row(2, HALF, NOW - DAY / 3)], Decision(LOST_HALF, 1, True), id="said twice, but at once"),
        pytest.param(
            HALF,
            [row(3, HALF, NOW - DAY / 3), row(2, HALF, NOW - DAY)],
            Decision(LOST_HALF, 1, False, "run 2", (3, 2)),
            id="one said at once hides none said earlier",
        ),
        pytest.param(
            HALF, [row(2, QUARTER, NOW - DAY)], Decision(LOST_HALF, 1, True), id="less was lost: not the same"
        ),
        pytest.param(
            HALF,
            [row(3, QUARTER, NOW - DAY), row(2, HALF, NOW - 2 * DAY)],
            Decision(LOST_HALF, 1, True),
            id="the newest word counts",
        ),
        pytest.param(
            HALF,
            [row(2, HALF, NOW - DAY, rejected_at=NOW)],
            Decision(LOST_HALF, 1, True, "run 2"),
            id="what was rejected stays so",
        ),
        pytest.param(
            HALF,
            [row(2, QUARTER, NOW - DAY, rejected_at=NOW)],
            Decision(LOST_HALF, 1, True),
            id="something else was rejected",
        ),
    ],
)
def test_what_becomes_of_a_result(now: Facts, earlier: list[dict[str, Any]], expected: Decision) -> None:
    assert decide(now, NOW, LAST, earlier, LIMITS) == expected


def test_two_tiny_results_of_a_big_source_do_not_agree_with_a_bigger_one() -> None:
    tiny = replace(BEFORE, rows=15)
    assert decide(HALF, NOW, LAST, [row(2, tiny, NOW - DAY)], LIMITS).held


def test_the_first_result_has_nothing_to_be_compared_with() -> None:
    assert decide(HALF, NOW, None, [], LIMITS) == Decision()


def test_a_person_who_forces_a_run_gets_it_published_and_noted() -> None:
    assert decide(HALF, NOW, LAST, [], LIMITS, forced=True) == Decision(LOST_HALF, 1, False, "force")


# ---- settings --------------------------------------------------------------------------------------


def test_the_settings_default_to_the_rules() -> None:
    assert limits_of(Settings()) == LIMITS


@pytest.mark.parametrize("value", ["-0.1", "nan", "inf", "ten"])
def test_an_impossible_share_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="OA_GATE_ROWS"):
        Settings.from_env({"OA_GATE_ROWS": value})
