"""Previews: they look as they are meant to, and show what there is whatever it is."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
import shapely
from PIL import Image

from oa_pipeline.maps import boundaries, palette
from oa_pipeline.maps.boundaries import Feature
from oa_pipeline.maps.preview import GLIMPSE, glimpse, png, render
from oa_pipeline_tests.maps.looks import looks_like

Points = tuple[np.ndarray, np.ndarray]


def streets(count: int, longitude: float, latitude: float, wide: float) -> Points:
    """Houses along streets."""
    random = np.random.default_rng(7)
    across, down = random.normal(longitude, wide, (count, 1)), random.normal(latitude, wide * 0.8, (count, 1))
    along, beside = random.uniform(-0.004, 0.004, (count, 60)), random.normal(0, 0.00008, (count, 60))
    turned = random.integers(0, 2, (count, 1)).astype(bool)
    x, y = across + np.where(turned, along, beside), down + np.where(turned, beside, along)
    return x.ravel(), y.ravel()


def scattered(count: int, west: float, south: float, east: float, north: float) -> Points:
    random = np.random.default_rng(9)
    x = random.uniform(west, east, count)
    return np.where(x > 180, x - 360, x), random.uniform(south, north, count)


def drawn(
    points: Points, outlines: object = boundaries.outlines, *, width: int = 334, fineness: int = 1
) -> Image.Image:
    picture = render(lambda: [points], outlines, width=width, fineness=fineness)  # type: ignore[arg-type]
    assert picture is not None
    return picture


def nothing(_box: object) -> Iterator[Feature]:
    return iter(())


def share_of(picture: Image.Image, colour: str) -> float:
    """How much of the picture has about this colour."""
    apart = np.abs(np.asarray(picture.convert("RGB"), int) - palette.rgb(colour)).max(axis=2)
    return float((apart < 40).mean())


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("county", streets(3000, -122.0, 37.6, 0.12)),
        ("village", streets(40, 8.45, 47.35, 0.004)),
        ("dense-town", streets(1000, 4.9, 52.37, 0.006)),
        ("antimeridian", scattered(1500, 177, -19, 182, -16)),
        ("world", scattered(4000, -180, -90, 180, 90)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_preview_looks_as_it_was_meant_to(name: str, points: Points) -> None:
    looks_like(drawn(points), f"preview-{name}")


def test_it_has_the_width_of_a_comment_twice_as_fine() -> None:
    picture = render(lambda: [streets(40, 8.45, 47.35, 0.004)], boundaries.outlines)
    assert picture is not None
    assert picture.width == 1336
    with Image.open(io.BytesIO(png(picture))) as read:
        assert read.size == picture.size
    small = glimpse(picture)
    assert len(small) < 24 * 1024
    with Image.open(io.BytesIO(small)) as read:
        assert read.width == GLIMPSE


def test_one_point_is_a_circle_of_fifteen_metres_in_the_middle() -> None:
    picture = drawn((np.array([5.0]), np.array([50.0])), nothing, width=1070)
    assert picture.getpixel((535, picture.height // 2)) == palette.rgb(palette.DOT)
    dots = np.abs(np.asarray(picture.convert("RGB"), int) - palette.rgb(palette.DOT)).max(axis=2) < 60
    assert dots.sum() == pytest.approx(np.pi * 15**2, rel=0.1)


def test_a_single_house_is_seen_on_a_wide_map() -> None:
    picture = drawn((np.array([0.0, 40.0, 20.0]), np.array([0.0, 10.0, 5.0])), nothing)
    assert share_of(picture, palette.DOT) * picture.width * picture.height > 3 * 2


@pytest.mark.parametrize("hostile", [np.nan, np.inf, -np.inf, 1e308, 181.0], ids=str)
def test_what_is_nowhere_changes_nothing(hostile: float) -> None:
    x, y = streets(5, 8.45, 47.35, 0.004)
    spoilt = (np.append(x, [hostile, 8.4]), np.append(y, [47.3, hostile]))
    assert drawn(spoilt, nothing).tobytes() == drawn((x, y), nothing).tobytes()


def test_no_rows_give_no_picture() -> None:
    none = np.array([])
    assert render(lambda: [(none, none)], nothing) is None
    assert render(lambda: [], nothing) is None


def test_the_map_s_own_cut_is_no_line() -> None:
    land = Feature("XX", "Land", "", shapely.box(179, -10, 180, 10))
    other = Feature("XX", "Land", "", shapely.box(-180, -10, -179, 10))

    def outlines(_box: object) -> Iterable[Feature]:
        return [land, other]

    picture = drawn((np.array([178.0, -178.0]), np.array([-5.0, 5.0])), outlines)
    middle = np.asarray(picture.convert("L"))[:, picture.width // 2 - 4 : picture.width // 2 + 4]
    assert middle.min() > 200


def test_the_same_points_give_the_same_bytes_in_whatever_pieces() -> None:
    x, y = streets(300, -122.0, 37.6, 0.12)
    whole = render(lambda: [(x, y)], nothing)
    cut = render(lambda: zip(np.array_split(x, 9), np.array_split(y, 9), strict=True), nothing)
    assert whole is not None
    assert cut is not None
    assert png(whole) == png(cut)
