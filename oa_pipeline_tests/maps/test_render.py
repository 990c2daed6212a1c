"""The maps of what is covered, looked at: golden pictures, and what no eye may miss."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import shapely
from PIL import Image

from oa_pipeline.maps import palette, projections
from oa_pipeline.maps.areas import area_of
from oa_pipeline.maps.coverage import Standing, as_geojson, painted, together
from oa_pipeline.maps.projections import VIEWS, WORLD, on_view
from oa_pipeline.maps.render import Painted, render, smaller
from oa_pipeline_tests.maps.looks import looks_like

POINT = {"type": "Point", "coordinates": [2.35, 48.85]}
SQUARE = {"type": "Polygon", "coordinates": [[[20, 50], [24, 50], [24, 53], [20, 53], [20, 50]]]}
COVERAGES: dict[str, tuple[dict[str, Any], bool]] = {
    "ru/countrywide": ({"ISO 3166": {"alpha2": "RU"}}, True),
    "fj/countrywide": ({"ISO 3166": {"alpha2": "FJ"}}, True),
    "au/countrywide": ({"ISO 3166": {"alpha2": "AU"}}, False),
    "es/countrywide": ({"ISO 3166": {"alpha2": "ES"}}, False),
    "it/countrywide": ({"ISO 3166": {"alpha2": "IT"}}, True),
    "br/countrywide": ({"ISO 3166": {"alpha2": "BR"}}, True),
    "za/countrywide": ({"ISO 3166": {"alpha2": "ZA"}}, True),
    "us/tx/statewide": ({"US Census": {"geoid": "48"}}, False),
    "us/co/statewide": ({"US Census": {"geoid": "08"}}, True),
    "us/ca/fresno": ({"US Census": {"geoid": "06019"}}, True),
    "us/ca/inyo": ({"US Census": {"geoid": "06027"}}, False),
    "us/tx/brewster": ({"US Census": {"geoid": "48043"}}, True),
    "us/ak/north_slope": ({"US Census": {"geoid": "02185"}}, False),
    "fr/city": ({"geometry": POINT}, True),
    "pl/part": ({"geometry": SQUARE}, False),
}


@cache
def standings() -> tuple[Standing, ...]:
    return tuple(
        Standing(source, area_of(coverage, source), good, 10) for source, (coverage, good) in COVERAGES.items()
    )


def picture(name: str, shapes: list[Painted], width: int) -> Image.Image:
    view = replace(VIEWS[name], width=width)
    with Image.open(io.BytesIO(render(view, shapes))) as found:
        assert found.size == (view.width, view.height)
        return found.convert("RGB")


@pytest.mark.parametrize("name", ["world", "usa", "europe"])
def test_maps_look_as_they_did(name: str) -> None:
    looks_like(picture(name, painted(together(standings())), 480), f"coverage-{name}")


@pytest.mark.parametrize(("name", "size"), [("world", (1920, 1103)), ("usa", (1920, 1207)), ("europe", (1920, 1152))])
def test_maps_have_the_sizes_that_they_always_had(name: str, size: tuple[int, int]) -> None:
    assert (VIEWS[name].width, VIEWS[name].height) == size


def is_like(found: Any, colour: str) -> bool:
    return bool(np.abs(np.asarray(found, int) - palette.rgb(colour)).max() < 12)


def at(found: Image.Image, view: projections.View, lon: float, lat: float) -> Any:
    scaled = replace(view, width=found.width)
    (spot,) = on_view([shapely.Point(lon, lat)], scaled)
    return found.getpixel((int(spot.x), int(spot.y)))


@pytest.mark.parametrize(
    ("lon", "lat", "colour"),
    [
        pytest.param(100, 62, palette.WEAK["good"], id="Siberia"),
        pytest.param(-177.46, 66.64, palette.WEAK["good"], id="Chukotka, beyond 180 degrees"),
        pytest.param(28.3, -29.5, palette.LAND, id="Lesotho, in the hole of South Africa"),
        pytest.param(24, -30, palette.WEAK["good"], id="South Africa"),
        pytest.param(-30, 40, palette.SEA, id="the Atlantic"),
        pytest.param(165, 25, palette.SEA, id="the Pacific, near 180 degrees"),
        pytest.param(-178, 45, palette.SEA, id="the Pacific, on the other side"),
        pytest.param(150, -45, palette.SEA, id="south of Australia"),
        pytest.param(10, 20, palette.LAND, id="the Sahara"),
    ],
)
def test_places_have_the_colour_of_what_they_are_in(lon: float, lat: float, colour: str) -> None:
    assert is_like(at(_world(), WORLD, lon, lat), colour)


@cache
def _world() -> Image.Image:
    return picture("world", painted(together(standings())), 960)


def test_no_row_of_the_sea_is_streaked() -> None:
    """A polygon drawn the wrong way round the earth fills whole rows between its ends."""
    found = picture("world", [Painted(one.shape, "good", "weak") for one in together(standings())[:0]], 960)
    filled = (np.asarray(found, int).sum(axis=2) < 3 * 250).mean(axis=1)
    assert filled.max() < 0.75
    russia = [Painted(one.area.shape, "good", "strong") for one in standings() if one.source.startswith(("ru", "fj"))]
    blue = np.abs(np.asarray(picture("world", russia, 960), int) - palette.rgb(palette.STRONG["good"])).max(axis=2) < 12
    assert 0 < blue.mean(axis=1).max() < 0.5


def test_good_is_above_bad_and_small_above_large() -> None:
    whole, part = shapely.box(-120, 30, -90, 45), shapely.box(-110, 35, -100, 40)
    shapes = [
        Painted(part, "good", "strong"), Painted(part, "bad", "strong"), Painted(whole, "bad", "weak"),
        Painted(whole, "good", "weak"),
    ]  # fmt: skip
    found = picture("usa", shapes, 480)
    assert is_like(at(found, VIEWS["usa"], -106, 36), palette.STRONG["good"])
    assert is_like(at(found, VIEWS["usa"], -95, 32), palette.WEAK["good"])


def test_bad_is_told_by_lines_as_well() -> None:
    bad = np.asarray(picture("europe", [Painted(shapely.box(0, 40, 20, 60), "bad", "weak")], 960).convert("L"), int)
    good = np.asarray(picture("europe", [Painted(shapely.box(0, 40, 20, 60), "good", "weak")], 960).convert("L"), int)
    inside = (slice(300, 330), slice(330, 390))
    assert bad[inside].std() > 4 * max(1.0, float(good[inside].std()))


def test_points_are_spots_that_can_be_seen() -> None:
    found = picture("europe", [Painted(shapely.Point(2.35, 48.85), "good", "strong")], 960)
    blue = np.abs(np.asarray(found, int) - palette.rgb(palette.STRONG["good"])).max(axis=2) < 12
    assert 20 < blue.sum() < 100


@pytest.mark.parametrize("name", ["world", "europe"])
def test_areas_smaller_than_a_pixel_can_be_seen(name: str) -> None:
    found = picture(name, [Painted(shapely.box(-3.7, 40.4, -3.69, 40.41), "good", "strong")], 1920)
    blue = np.abs(np.asarray(found, int) - palette.rgb(palette.STRONG["good"])).max(axis=2) < 40
    assert 2 <= blue.sum() < 20


def test_a_smaller_picture_is_the_same_one() -> None:
    png = render(replace(WORLD, width=960), painted(together(standings())))
    with Image.open(io.BytesIO(smaller(png, 240))) as found:
        assert found.size == (240, 138)
        assert is_like(at(found.convert("RGB"), WORLD, 100, 62), palette.WEAK["good"])
    assert len(smaller(png, 240)) < 20_000


def test_geojson_is_on_the_earth_with_four_decimals() -> None:
    import json

    features = json.loads(as_geojson(together(standings())))["features"]
    assert len(features) == len(COVERAGES)
    (city,) = [one for one in features if one["properties"]["source paths"] == "fr/city.json"]
    assert city["geometry"] == {"type": "Point", "coordinates": [2.35, 48.85]}
    assert city["properties"]["name"] is None
    assert not {"ISO 3166", "ISO 3166-2", "US Census GEOID"} & set(city["properties"])
    for one in features:
        numbers = shapely.get_coordinates(shapely.from_geojson(json.dumps(one["geometry"])))
        assert np.allclose(numbers, np.round(numbers, 4), atol=1e-9)
        assert shapely.from_geojson(json.dumps(one["geometry"])).is_valid
