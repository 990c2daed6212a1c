"""What a source's area is matched by."""

from __future__ import annotations

import io
import json
import math
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import shapely
from PIL import Image

from oa_pipeline.maps import boundaries
from oa_pipeline.maps.areas import MOST_POINTS, Area, How, area_of, counted
from oa_pipeline.maps.coverage import Standing, as_geojson, painted, together
from oa_pipeline.maps.projections import VIEWS
from oa_pipeline.maps.render import render

SQUARE = {"type": "Polygon", "coordinates": [[[10, 50], [11, 50], [11, 51], [10, 51], [10, 50]]]}
BOWTIE = {"type": "Polygon", "coordinates": [[[10, 50], [11, 51], [11, 50], [10, 51], [10, 50]]]}
EAST = {"type": "Polygon", "coordinates": [[[179, -17], [181, -17], [181, -16], [179, -16], [179, -17]]]}
LI = 0.0165  # square degrees
POINT = {"type": "Point", "coordinates": [10, 50]}


def area(coverage: dict[str, Any], source: str = "us/ca/x", bounds: Any = None) -> Area:
    return area_of(coverage, source, bounds)


@pytest.mark.parametrize(
    ("coverage", "how", "kind", "code", "name"),
    [
        pytest.param({"US Census": {"geoid": "06001"}}, How.GEOID, "county", "06001", "Alameda", id="a county"),
        pytest.param({"US Census": {"geoid": "06"}}, How.GEOID, "state", "06", "California", id="a state"),
        pytest.param({"ISO 3166": {"alpha2": "fi"}}, How.ISO, "country", "FI", "Finland", id="a country in any case"),
        pytest.param({"ISO 3166": "FI"}, How.ISO, "country", "FI", "Finland", id="a country without an object"),
        pytest.param({"ISO 3166": {"alpha2": "US-CA"}}, How.ISO, "state", "06", "California", id="a state by ISO 3166"),
        pytest.param({"ISO 3166": {"alpha2": "FR-974"}}, How.ISO, "country", "RE", "Réunion", id="a country's part"),
        pytest.param({"geometry": SQUARE}, How.GEOMETRY, "own", "", None, id="its own geometry"),
        pytest.param({"geometry": POINT}, How.GEOMETRY, "own", "", None, id="a point"),
        pytest.param(
            {"ISO 3166": {"alpha2": "FR-83", "subdivision": "Var"}, "geometry": SQUARE},
            How.GEOMETRY, "subdivision", "FR-83", "Var", id="a subdivision that brings its geometry",
        ),
        pytest.param(
            {"US Census": {"geoid": "06001"}, "ISO 3166": {"alpha2": "FI"}, "geometry": SQUARE},
            How.GEOID, "county", "06001", "Alameda", id="the GEOID first",
        ),
        pytest.param({}, How.NONE, "own", "", None, id="nothing"),
    ],
)  # fmt: skip
def test_areas_are_matched_in_order(coverage: dict[str, Any], how: How, kind: str, code: str, name: str | None) -> None:
    found = area(coverage)
    assert (found.how, found.kind, found.code, found.name) == (how, kind, code, name)
    assert (found.shape is None) == (how is How.NONE)


@pytest.mark.parametrize(
    ("coverage", "why"),
    [
        pytest.param({"US Census": {"geoid": "446000"}}, "GEOID '446000' has 6 digits", id="six digits"),
        pytest.param({"US Census": {"geoid": "09-80490"}}, "GEOID '09-80490' has not only digits", id="not digits"),
        pytest.param({"US Census": {"geoid": "09110"}}, "GEOID 09110 is of CT, the file of CA", id="of another state"),
        pytest.param({"US Census": {"geoid": "06999"}}, "no boundary of the county 06999", id="no such county"),
        pytest.param({"US Census": {"geoid": "0600562"}}, "no boundary of the place 0600562", id="a place"),
        pytest.param({"ISO 3166": {"alpha2": "QQ"}}, "ISO 3166 has no 'QQ'", id="no such country"),
        pytest.param({"ISO 3166": {"alpha2": "FR-83"}}, "no boundary of FR-83 is packaged", id="a subdivision"),
        pytest.param({"geometry": {"type": "Polygon"}}, "the geometry cannot be read", id="half a geometry"),
        pytest.param({"geometry": {"type": "Point", "coordinates": []}}, "the geometry is empty", id="an empty one"),
        pytest.param(
            {"geometry": {"type": "Point", "coordinates": [1e9, 2]}}, "its coordinates are no", id="out of this world"
        ),
    ],
)
def test_what_cannot_be_matched_says_why_and_the_rows_tell(coverage: dict[str, Any], why: str) -> None:
    assert why in area(coverage).why
    assert area(coverage).how is How.NONE
    placed = area(coverage, bounds=(-122.3, 37.5, -122.0, 37.9))
    assert why in placed.why
    assert placed.how is How.EXTENT
    assert placed.shape is not None
    assert placed.shape.area > 0


@pytest.mark.parametrize(
    ("geometry", "remark", "size"),
    [
        pytest.param(BOWTIE, "repaired", 0.5, id="a bowtie"),
        pytest.param(EAST, "cut there", 2, id="beyond 180 degrees"),
    ],
)
def test_odd_geometries_are_mended_and_that_is_told(geometry: dict[str, Any], remark: str, size: float) -> None:
    found = area({"geometry": geometry}, "fj/x")
    assert remark in found.why
    assert found.shape is not None
    assert found.shape.is_valid
    assert found.shape.area == pytest.approx(size)
    assert found.shape.bounds[0] >= -180
    assert found.shape.bounds[2] <= 180


def test_geometry_of_too_many_points_is_drawn_simpler() -> None:
    import numpy as np

    turn = np.linspace(0, 2 * np.pi, MOST_POINTS + 10)
    ring = np.column_stack((np.cos(turn), np.sin(turn)))
    ring[-1] = ring[0]
    found = area({"geometry": {"type": "Polygon", "coordinates": [ring.tolist()]}}, "gh/x")
    assert "more than" in found.why
    assert found.shape is not None
    assert len(found.shape.exterior.coords) < MOST_POINTS


def star(points: int) -> dict[str, Any]:
    """A polygon of which each edge crosses nearly every other."""
    turns = [2 * math.pi * ((points // 2) * n % points) / points for n in (*range(points), 0)]
    return {"type": "Polygon", "coordinates": [[[10 + math.cos(turn), 50 + math.sin(turn)] for turn in turns]]}


@pytest.mark.parametrize(
    ("points", "remark"),
    [pytest.param(101, "repaired", id="some"), pytest.param(2001, "its hull is drawn", id="too many to be untangled")],
)
def test_edges_that_cross_and_cross_take_no_time_and_no_memory(points: int, remark: str) -> None:
    found = area({"geometry": star(points)}, "de/x")
    assert remark in found.why
    assert found.shape is not None
    assert found.shape.is_valid
    assert 1 < found.shape.area < math.pi
    assert shapely.get_num_coordinates(found.shape) < 3 * points


def test_collections_of_collections_are_read_or_that_is_told() -> None:
    for depth in (3, 200, 400, 490, 600):
        held: dict[str, Any] = SQUARE
        for _ in range(depth):
            held = {"type": "GeometryCollection", "geometries": [held]}
        found = area({"geometry": held}, "de/x")
        assert found.how is How.GEOMETRY or "cannot be read" in found.why


@pytest.mark.parametrize(
    ("bounds", "source", "size"),
    [
        pytest.param((-130, 30, -100, 45), "us/ca/x", 41, id="cut to its state"),
        pytest.param((9.4, 47.0, 9.7, 47.3), "li/x", LI, id="cut to its country"),
        pytest.param((-179.9, -20, 179.9, -12), "fj/x", 1.5, id="of both sides of 180 degrees"),
        pytest.param((5, 5, 6, 6), "li/x", 1, id="far from where it should be"),
        pytest.param((5, 5, 6, 6), "zz/x", 1, id="of no country"),
        pytest.param((5, 5, 5, 5), "zz/x", 0, id="one row"),
        pytest.param((5, 5, 5, 6), "zz/x", 0, id="rows in a line"),
    ],
)
def test_extents_of_rows_are_cut_to_where_they_should_be(bounds: Any, source: str, size: float) -> None:
    found = area({}, source, bounds)
    assert found.how is How.EXTENT
    assert found.shape is not None
    assert found.shape.area == pytest.approx(size, rel=0.15)


def test_the_corpus_is_matched_and_drawn(shared: Path) -> None:
    """All files that there were: by what they are matched, each failure with its reason."""
    (tarball,) = (shared / "corpus").glob("*.tar.gz")
    boundaries.features("us")
    areas = {}
    with tarfile.open(tarball) as held:
        for member in held:
            _, _, path = member.name.partition("/sources/")
            if path.endswith(".json") and (file := held.extractfile(member)) is not None:
                source = path.removesuffix(".json")
                areas[source] = area_of(json.load(file).get("coverage") or {}, source)
    matched = counted(list(areas.values()))
    print(f"{len(areas):,} files: {matched}")
    assert len(areas) == 2833
    assert matched == {"geoid": 1597, "iso": 71, "geometry": 554, "extent": 0, "none": 611}
    assert all(one.why for one in areas.values() if one.how is How.NONE)
    odd = {source: one.how.value for source, one in areas.items() if "digits" in one.why}
    assert odd == {
        "us/az/city_of_mesa": "geometry", "us/ct/city_of_plainfield": "geometry",
        "us/ct/city_of_watertown": "geometry", "us/ky/boone": "none",
    }  # fmt: skip
    wrong = {source for source, one in areas.items() if "the file of" in one.why}
    assert len(wrong) == 17
    drawn = together(Standing(source, one, good=len(source) % 3 > 0) for source, one in areas.items())
    features = json.loads(as_geojson(drawn))["features"]
    assert len(features) == len(drawn)
    with Image.open(io.BytesIO(render(replace(VIEWS["usa"], width=400), painted(drawn)))) as picture:
        assert len(picture.convert("RGB").getcolors(100_000)) > 20
