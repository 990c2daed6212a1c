"""The frame of a preview: it holds what matters, whatever else the data hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from oa_pipeline.maps.spread import FLATTEST, LEAST, TALLEST, Frame, frame_of

WIDTH = 1336


def framed(longitude: object, latitude: object, *, pieces: int = 1) -> Frame | None:
    x, y = np.array(longitude, float), np.array(latitude, float)
    return frame_of(lambda: zip(np.array_split(x, pieces), np.array_split(y, pieces), strict=True), WIDTH)


def shown(frame: Frame, longitude: float, latitude: float) -> bool:
    x, y = frame.pixels(np.array([longitude]), np.array([latitude]))
    return bool(0 <= x[0] < frame.width and 0 <= y[0] < frame.height)


def town(count: int = 2000, at: tuple[float, float] = (8.5, 47.4), wide: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    return random.normal(at[0], wide, count), random.normal(at[1], wide / 2, count)


def test_a_town_fills_its_frame_but_for_the_padding() -> None:
    x, y = town()
    frame = framed(x, y)
    across, down = frame.pixels(x, y)
    seen = across[(down >= 0) & (down < frame.height)]
    assert frame.width == WIDTH
    assert seen.min() == pytest.approx(0.02 / 1.04 * WIDTH, abs=2)
    assert seen.max() == pytest.approx(1.02 / 1.04 * WIDTH, abs=2)


@pytest.mark.parametrize("stray", [(0.0, 0.0), (-170.0, 80.0), (180.0, -90.0)], ids=str)
def test_a_stray_does_not_move_the_frame(stray: tuple[float, float]) -> None:
    x, y = town()
    strayed = framed([*x, stray[0]], [*y, stray[1]])
    assert not shown(strayed, *stray)
    assert strayed.width * strayed.metres < 3 * WIDTH * framed(x, y).metres


def test_what_comes_in_pieces_has_the_same_frame() -> None:
    x, y = town()
    whole, cut = framed(x, y), framed(x, y, pieces=7)
    assert (cut.width, cut.height, cut.turned) == (whole.width, whole.height, whole.turned)
    assert (cut.left, cut.top, cut.metres) == pytest.approx((whole.left, whole.top, whole.metres))


@pytest.mark.parametrize(
    ("longitude", "latitude"),
    [([5.0], [50.0]), ([5.0] * 9, [50.0] * 9), ([180.0], [90.0]), ([-180.0], [-90.0])],
    ids=["one", "all the same", "a corner of the world", "the other"],
)
def test_one_place_is_in_the_middle_of_a_kilometre(longitude: list[float], latitude: list[float]) -> None:
    frame = framed(longitude, latitude)
    x, y = frame.pixels(np.array(longitude), np.array(latitude))
    assert (x[0], y[0]) == pytest.approx((frame.width / 2, frame.height / 2), abs=1)
    assert frame.metres * frame.width == pytest.approx(LEAST * 1.04 + 30)


def test_an_archipelago_across_the_antimeridian_is_in_one_piece() -> None:
    frame = framed([178.0, 179.5, -179.9, -178.6], [-18.0, -17.0, -16.5, -19.0])
    assert frame.turned
    assert all(shown(frame, x, -17.0) for x in (178.0, 179.99, -179.99, -178.6))
    east, west = sorted(frame.boxes(), reverse=True)
    assert (east[2], west[0]) == (180, -180)
    assert 177 < east[0] < 178
    assert -178.6 < west[2] < -178


def test_the_whole_world_is_not_turned() -> None:
    frame = framed(np.linspace(-180, 180, 99), np.linspace(-85, 85, 99))
    assert not frame.turned
    assert [round(edge) for edge in frame.boxes()[0]] == [-180, -85, 180, 85] or len(frame.boxes()) == 3


@pytest.mark.parametrize(
    ("longitude", "latitude", "ratio"),
    [([0, 9], [50, 50], FLATTEST), ([9, 9], [0, 50], TALLEST)],
    ids=["a road", "a meridian"],
)
def test_a_line_is_given_some_room(longitude: list[float], latitude: list[float], ratio: float) -> None:
    frame = framed(longitude, latitude)
    assert frame.height / frame.width == pytest.approx(ratio, abs=0.01)


def test_where_nothing_is_on_earth_there_is_no_frame() -> None:
    assert framed([], []) is None
    assert framed([np.nan, np.inf, 181, 5], [1, 2, 3, -91]) is None


# Of so few points none lies three standard deviations from their mean.
DEGREES = st.one_of(st.floats(-200, 200), st.sampled_from([np.nan, np.inf, 180.0, -180.0, 90.0, -90.0, 0.0]))


@settings(max_examples=80, deadline=None)
@given(arrays(float, st.tuples(st.just(2), st.integers(0, 9)), elements=DEGREES))
def test_whatever_a_few_points_are_a_bounded_frame_shows_them_all(points: np.ndarray) -> None:
    frame = framed(*points)
    usable = [(x, y) for x, y in points.T if abs(x) <= 180 and abs(y) <= 90]
    assert (frame is None) == (not usable)
    if frame is not None:
        assert frame.width == WIDTH
        assert FLATTEST - 0.01 <= frame.height / frame.width <= TALLEST + 0.01
        assert all(shown(frame, x, y) for x, y in usable)
