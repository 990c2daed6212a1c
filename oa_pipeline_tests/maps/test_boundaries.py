"""The packaged boundaries: whole, valid, nowhere across 180 degrees, and made again the same."""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import json
import re
import tarfile
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import shapely

from oa_pipeline.maps import boundaries
from oa_pipeline.maps.boundaries import topology
from oa_pipeline.maps.boundaries.rebuild import US, rebuild, united_states, world, write
from oa_pipeline.sources.coverage import COUNTRIES

FOLDER = resources.files(boundaries)


@pytest.mark.parametrize("file", ["world", "us"])
def test_files_are_those_that_the_provenance_describes(file: str) -> None:
    said = dict(
        reversed(line.split()) for line in re.findall(r"^ {4}([0-9a-f]{64} .*)$", _text("PROVENANCE.md"), re.MULTILINE)
    )
    held = gzip.decompress((FOLDER / f"{file}.geojson.gz").read_bytes())
    assert hashlib.sha256(held).hexdigest() == said[f"{file}.geojson"]


def _text(name: str) -> str:
    return (FOLDER / name).read_text()


def test_licences_of_what_is_packaged_are_packaged_with_it() -> None:
    assert all("Permission to use, copy" in _text(f"LICENSE.{name}") for name in ("world-atlas", "us-atlas"))


@pytest.mark.parametrize("file", ["world", "us"])
def test_every_shape_is_valid_on_the_earth_and_of_polygons(file: str) -> None:
    shapes = [one.shape for one in boundaries.features(file)]
    assert shapely.is_valid(shapes).all()
    assert not shapely.is_empty(shapes).any()
    assert {shape.geom_type for shape in shapes} == {"Polygon", "MultiPolygon"}
    west, south, east, north = shapely.total_bounds(shapes)
    assert west >= -180
    assert south >= -90
    assert east <= 180
    assert north <= 90


@pytest.mark.parametrize("file", ["world", "us"])
def test_no_polygon_goes_across_180_degrees(file: str) -> None:
    """One that did would be as wide as the earth; only Antarctica is, and it has the pole."""
    parts = [(one.code, part) for one in boundaries.features(file) for part in shapely.get_parts(one.shape)]
    wide = [code for code, part in parts if part.bounds[2] - part.bounds[0] > 180]
    assert wide == (["AQ"] if file == "world" else [])


def test_every_country_has_a_shape_and_a_name() -> None:
    assert set(boundaries.countries().index) == COUNTRIES
    assert all(boundaries.countries()["name"])


def test_states_and_counties_are_all_there_by_geoid() -> None:
    assert len(boundaries.states()) == 56
    counties = boundaries.counties()
    assert len(counties) == 3231
    assert set(counties.index.str[:2]) == set(boundaries.states().index)
    assert set(counties["state"]) == set(boundaries.STATES.values())


def test_counties_of_a_state_are_the_state() -> None:
    counties = boundaries.counties()
    ohio = counties[counties["state"] == "OH"].geometry.union_all()
    assert ohio.symmetric_difference(boundaries.shape("39")).area < 0.01


@pytest.mark.parametrize(
    ("code", "inside", "outside"),
    [
        pytest.param("FR", (2.35, 48.85), (-53, 4), id="France is without French Guiana"),
        pytest.param("GF", (-53, 4), (2.35, 48.85), id="which has a code of its own"),
        pytest.param("NO", (25.0, 70.0), (17, 78.9), id="Norway is without Svalbard"),
        pytest.param("SJ", (17, 78.9), (25.7, 71.0), id="which is without the north cape"),
        pytest.param("CY", (33.5, 35.25), (33.5, 36.5), id="Cyprus has its north"),
        pytest.param("SO", (45, 9.5), (44, 6), id="Somalia has Somaliland"),
        pytest.param("RU", (-175, 66.5), (-170, 60), id="Russia goes on beyond 180 degrees"),
        pytest.param("AQ", (10, -89.95), (10, -60), id="Antarctica reaches the pole"),
        pytest.param("AU", (134, -25), (105.65, -10.5), id="Australia is without Christmas Island"),
    ],
)
def test_points_lie_in_the_country_that_they_lie_in(
    code: str, inside: tuple[float, float], outside: tuple[float, float]
) -> None:
    shape = boundaries.shape(code)
    assert shapely.contains_xy(shape, *inside)
    assert not shapely.contains_xy(shape, *outside)


@pytest.mark.parametrize("code", ["", "99", "06999", "ZZ", "fi", '"', "0600000"])
def test_what_has_no_boundary_has_no_shape(code: str) -> None:
    assert boundaries.shape(code) is None


def test_outlines_are_what_is_near_from_large_to_small() -> None:
    found = list(boundaries.outlines((-122.4, 37.6, -122.3, 37.7)))
    assert [one.kind for one in found] == sorted((one.kind for one in found), key=["country", "state", "county"].index)
    assert {"US", "06", "06081"} <= {one.code for one in found}
    assert not {"FR", "36", "36061"} & {one.code for one in found}


# ---- cutting: small topologies of our own -------------------------------------------------------


def topo(objects: dict[str, Any], arcs: list[list[tuple[float, float]]]) -> dict[str, Any]:
    """A TopoJSON of absolute coordinates, in hundredths of a degree."""
    packed = []
    for arc in arcs:
        whole = [(round(x * 100), round(y * 100)) for x, y in arc]
        packed.append([list(whole[0]), *([b[0] - a[0], b[1] - a[1]] for a, b in itertools.pairwise(whole))])
    return {
        "type": "Topology",
        "transform": {"scale": [0.01, 0.01], "translate": [0, 0]},
        "objects": {name: {"type": "GeometryCollection", "geometries": held} for name, held in objects.items()},
        "arcs": packed,
    }


def only(arcs: list[list[tuple[float, float]]], rings: list[list[int]]) -> Any:
    shape = {"type": "Polygon", "arcs": rings, "id": "x"}
    ((_, _, found),) = topology.features(topo({"o": [shape]}, arcs), "o")
    return found


def test_polygon_across_180_degrees_becomes_two_with_its_hole() -> None:
    outer = [(170, 0), (-170, 0), (-170, 20), (170, 20), (170, 0)]
    hole = [(175, 5), (175, 15), (-175, 15), (-175, 5), (175, 5)]
    found = only([outer, hole], [[0], [1]])
    assert found.geom_type == "MultiPolygon"
    assert found.area == pytest.approx(20 * 20 - 10 * 10)
    assert found.bounds == (-180, 0, 180, 20)
    assert not shapely.contains_xy(found, 0, 10)
    assert not shapely.contains_xy(found, 179, 10)


def test_ring_around_the_earth_is_closed_at_the_nearer_pole() -> None:
    coast = [(-180, -70), (-90, -70), (0, -70), (90, -70), (180, -70), (-180, -70)]
    pole = [(-180, -89.99), (0, -89.99), (180, -89.99), (-180, -89.99)]
    found = only([coast, pole], [[1], [0]])
    assert found.area == pytest.approx(360 * 20)


def test_arc_may_be_shared_and_read_backwards() -> None:
    shared = [(0, 0), (0, 10)]
    east = [(0, 10), (10, 10), (10, 0), (0, 0)]
    west = [(0, 0), (-10, 0), (-10, 10), (0, 10)]
    polygons = [{"type": "Polygon", "arcs": [[0, 1]]}, {"type": "MultiPolygon", "arcs": [[[2, ~0]]]}]
    found = [shape for _, _, shape in topology.features(topo({"o": polygons}, [shared, east, west]), "o")]
    assert [shape.bounds for shape in found] == [(0, 0, 10, 10), (-10, 0, 0, 10)]


def test_rebuilding_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    square = [(5, 1), (6, 1), (6, 2), (5, 2), (5, 1)]
    counties = topo(
        {
            "states": [{"type": "Polygon", "arcs": [[0]], "id": "06", "properties": {"name": "California"}}],
            "counties": [{"type": "Polygon", "arcs": [[0]], "id": "06001", "properties": {"name": "Alameda"}}],
        },
        [square],
    )
    for name in ("one", "two"):
        write(tmp_path / name, united_states(counties))
    one, two = ((tmp_path / name).read_bytes() for name in ("one", "two"))
    assert one == two
    lines = gzip.decompress(one).decode().splitlines()
    assert json.loads("\n".join(lines))["features"][1]["properties"] == {"name": "Alameda", "state": "CA"}
    assert len(lines) == 4


def test_what_the_file_draws_without_a_known_number_is_not_dropped_in_silence() -> None:
    unknown = {"type": "Polygon", "arcs": [[0]], "properties": {"name": "Atlantis"}}
    drawn = topo({"countries": [unknown]}, [[(5, 1), (6, 1), (6, 2), (5, 2), (5, 1)]])
    with pytest.raises(ValueError, match="Atlantis"):
        list(world(drawn, drawn))


def test_packages_without_their_members_write_nothing(tmp_path: Path) -> None:
    empty = tmp_path / "empty.tgz"
    with tarfile.open(empty, "w:gz") as held:
        held.addfile(tarfile.TarInfo("package/README.md"), io.BytesIO())
    with pytest.raises(KeyError):
        rebuild(empty, empty, tmp_path)
    assert not (tmp_path / US).exists()
