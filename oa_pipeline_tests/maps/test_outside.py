"""Which rows lie outside of what a coverage declares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from oa_pipeline.maps.outside import all_near, declared_area, rows_outside

ALAMEDA = {"US Census": {"geoid": "06001"}}
SQUARE = {"type": "Polygon", "coordinates": [[[10, 50], [11, 50], [11, 51], [10, 51], [10, 50]]]}


@pytest.mark.parametrize(
    ("coverage", "source", "name"),
    [
        pytest.param(ALAMEDA, "us/ca/alameda", "Alameda (06001)", id="a county"),
        pytest.param({"US Census": {"geoid": "06"}}, "us/ca/statewide", "California (06)", id="a state"),
        pytest.param({"US Census": {"geoid": "0600562"}}, "us/ca/x", "California (06)", id="a place: its state"),
        pytest.param({"US Census": {"geoid": "0600562"}}, "us/ny/x", None, id="a place of another state"),
        pytest.param({"ISO 3166": {"alpha2": "LI"}}, "li/countrywide", "Liechtenstein (LI)", id="a country"),
        pytest.param({"ISO 3166": {"alpha2": "FR-83"}}, "fr/83/x", "France (FR)", id="a subdivision: its country"),
        pytest.param({"ISO 3166": {"alpha2": "FR-973"}}, "fr/973/x", "French Guiana (GF)", id="with a code of its own"),
        pytest.param({"geometry": SQUARE}, "de/x", "the geometry of its coverage", id="a polygon"),
        pytest.param({"geometry": {"type": "Point", "coordinates": [10, 50]}}, "de/x", None, id="a point"),
        pytest.param({"country": "de"}, "de/x", None, id="nothing that can be drawn"),
        pytest.param({"US Census": {"geoid": "060010"}}, "us/ca/x", None, id="a GEOID that is none"),
    ],
)
def test_rows_are_held_against_the_smallest_area_that_is_certain(
    coverage: dict[str, Any], source: str, name: str | None
) -> None:
    found = declared_area(coverage, source)
    assert (found.name if found else None) == name


def test_bounds_near_the_area_need_no_counting() -> None:
    alameda = declared_area(ALAMEDA, "us/ca/alameda")
    assert alameda is not None
    assert all_near(alameda, (-122.2, 37.6, -121.9, 37.8))
    assert not all_near(alameda, (-122.2, 37.6, -118.0, 37.8))


def test_rows_in_squares_that_touch_the_area_or_are_near_it_are_within() -> None:
    alameda = declared_area(ALAMEDA, "us/ca/alameda")
    assert alameda is not None
    #                in it    on its border  far away  at null island
    lon = np.array([-122.05, -121.55, -118.25, 0.05])
    lat = np.array([37.65, 37.75, 34.05, 0.05])
    assert rows_outside(alameda, lon, lat, np.array([1000, 100, 10, 1])) == 11
