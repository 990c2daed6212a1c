"""Areas that neither codes nor folders place."""

from __future__ import annotations

from typing import Any

import pytest

from oa_pipeline.maps.areas import area_of
from oa_pipeline.maps.joining import placed


def point(lon: float, lat: float) -> dict[str, Any]:
    return {"geometry": {"type": "Point", "coordinates": [lon, lat]}}


def box(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"geometry": {"type": "Polygon", "coordinates": [ring]}}


@pytest.mark.parametrize(
    ("source", "coverage", "country", "state"),
    [
        pytest.param("somewhere/x", point(2.35, 48.85), "FR", "", id="a point in France"),
        pytest.param("somewhere/x", point(-119.7, 36.7), "US", "CA", id="a point in California"),
        pytest.param("us/nation", box(-120, 36, -119.5, 36.5), "US", "CA", id="wholly in California"),
        pytest.param("us/nation", box(-125, 32, -100, 45), "US", "", id="of several states"),
        pytest.param("somewhere/x", point(-30, 40), "", "", id="at sea"),
        pytest.param("de/x", point(2.35, 48.85), "DE", "", id="what a folder says stays"),
        pytest.param("somewhere/x", {}, "", "", id="nowhere"),
    ],
)
def test_areas_are_placed(source: str, coverage: dict[str, Any], country: str, state: str) -> None:
    (found,) = placed([area_of(coverage, source)])
    assert (found.country, found.state) == (country, state)


def test_order_and_shapes_stay() -> None:
    areas = [area_of(point(2.35, 48.85), "a/x"), area_of({}, "b/x"), area_of(point(13.4, 52.5), "c/x")]
    found = placed(areas)
    assert [one.country for one in found] == ["FR", "", "DE"]
    assert [one.shape for one in found] == [one.shape for one in areas]
    assert placed([]) == []
