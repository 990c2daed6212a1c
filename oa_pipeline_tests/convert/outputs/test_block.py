from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oa_pipeline.convert.batch import Points
from oa_pipeline.convert.crs import to_lonlat
from oa_pipeline.convert.geometry import locate
from oa_pipeline.convert.outputs import Block, count_filled, make_block
from oa_pipeline.counters import Counters
from oa_pipeline.sources.model import ATTRIBUTES, Layer

COMPACT: dict[str, Any] = {"ensure_ascii": False, "separators": (",", ":")}

cells = st.none() | st.text(max_size=12) | st.text(alphabet='"\\,\r\n\t\x00\x1f\x7f\u2028é=', max_size=6)
degrees = st.floats(-400, 400) | st.integers(-(10**9), 10**9).map(lambda v: v / 1e7) | st.just(1e-7)
places = st.none() | st.tuples(degrees, degrees) | st.tuples(degrees, degrees, degrees)


def plain_feature(row: dict[str, str | None], place: tuple[float, ...] | None) -> str:
    """The published line, one row at a time by the standard library."""
    coordinates = None if place is None else [round(float(f"{v:.15g}"), 7) + 0.0 for v in place]
    canonical = json.dumps(row, **COMPACT) + json.dumps(coordinates, **COMPACT)
    properties = {"hash": sha256(canonical.encode()).hexdigest()[:16], **row}
    geometry = None if place is None else {"type": "Point", "coordinates": coordinates}
    return json.dumps({"type": "Feature", "properties": properties, "geometry": geometry}, **COMPACT)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(data=st.data(), layer=st.sampled_from(list(Layer)), count=st.integers(1, 6))
def test_every_line_is_what_the_standard_library_writes(block: Any, data: Any, layer: Layer, count: int) -> None:
    names = ATTRIBUTES[layer]
    drawn = data.draw(st.lists(st.tuples(*[cells] * len(names)), min_size=count, max_size=count))
    rows = [dict(zip(names, values, strict=True)) for values in drawn]
    where = data.draw(st.lists(places, min_size=count, max_size=count))
    made = block(rows, where, layer)
    expected = [plain_feature(row, place) for row, place in zip(rows, where, strict=True)]
    assert made.json.to_list() == expected
    assert made.lines.to_list() == [line + "\n" for line in expected]
    assert made.hashes.to_list() == [json.loads(line)["properties"]["hash"] for line in expected]


SHAPES = [
    ("LINESTRING (0.1 0.2, 12 -0.0000001)", {"type": "LineString", "coordinates": [[0.1, 0.2], [12.0, -1e-07]]}),
    ("POLYGON Z ((0 0 1, 1 0 1, 1 1 1, 0 0 1))", None),
    ("MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((5 5, 6 5, 6 6, 5 5)))", None),
    ("POLYGON EMPTY", {"type": "Polygon", "coordinates": []}),
    (
        "GEOMETRYCOLLECTION (POINT (1 2), LINESTRING (0 0, 1 1))",
        {
            "type": "GeometryCollection",
            "geometries": [
                {"type": "Point", "coordinates": [1.0, 2.0]},
                {"type": "LineString", "coordinates": [[0.0, 0.0], [1.0, 1.0]]},
            ],
        },
    ),
    ("LINESTRING (1e15 1.5e16, 0 0)", {"type": "LineString", "coordinates": [[1e15, 1.5e16], [0.0, 0.0]]}),
    # GEOS writes 170.88941260000001 and the like by itself.
    (
        "LINESTRING (170.8894126 177.9599525, -116.4485405 149.0088583)",
        {"type": "LineString", "coordinates": [[170.8894126, 177.9599525], [-116.4485405, 149.0088583]]},
    ),
]


@pytest.mark.parametrize(("text", "geometry"), SHAPES, ids=[s[0][:30] for s in SHAPES])
def test_shapes_are_written_with_the_shortest_numbers(block: Any, text: str, geometry: dict[str, Any] | None) -> None:
    made = block([{"pid": "1"}, {"pid": "2"}], [text, None], Layer.PARCELS)
    first, second = map(json.loads, made.json)
    if geometry is not None:
        assert first["geometry"] == geometry
        assert made.json[0].endswith('"geometry":' + json.dumps(geometry, **COMPACT) + "}")
    assert second["geometry"] is None
    held = first["geometry"]
    canonical = '{"pid":"1"}' + json.dumps(held.get("coordinates", held.get("geometries")), **COMPACT)
    assert first["properties"]["hash"] == sha256(canonical.encode()).hexdigest()[:16]
    assert second["properties"]["hash"] == sha256(b'{"pid":"2"}null').hexdigest()[:16]


def test_an_empty_point_among_shapes_is_no_geometry(block: Any) -> None:
    made = block([{}, {}], ["POINT EMPTY", "LINESTRING (0 0, 1 1)"], Layer.PARCELS)
    assert json.loads(made.json[0])["geometry"] is None


def test_shapes_of_many_random_numbers_are_what_the_standard_library_writes(block: Any) -> None:
    numbers = np.random.default_rng(7).integers(-180 * 10**7, 180 * 10**7, (2000, 2, 2)) / 1e7
    texts = [f"LINESTRING ({a} {b}, {c} {d})" for (a, b), (c, d) in numbers.tolist()]
    made = block([{"pid": "x"}] * len(texts), texts, Layer.PARCELS)
    assert made.json.to_list() == [json.dumps(json.loads(line), **COMPACT) for line in made.json]


def test_a_json_column_is_taken_as_it_is(block: Any) -> None:
    made = block(
        [{"accuracy": "1", "accuracy:json": "1"}, {"accuracy": "x", "accuracy:json": '"x"'}, {"accuracy:json": None}],
        [(1, 2)] * 3,
    )
    assert [json.loads(line)["properties"]["accuracy"] for line in made.json] == [1, "x", None]


def test_equal_rows_have_equal_hashes_and_a_difference_in_any_column_shows(block: Any) -> None:
    row, place = {"number": "1", "street": "A"}, (1.0, 2.0)
    variants: list[tuple[dict[str, str | None], tuple[float, ...] | None]] = [
        (row | {"number": "2"}, place),
        (row | {"unit": None}, place),
        (row | {"street": "", "unit": "A"}, place),
        (row, (1.0000001, 2.0)),
        (row, (1.0, 2.0, 3.0)),
        (row, None),
    ]
    made = block([row, row, *(v[0] for v in variants)], [place, place, *(v[1] for v in variants)])
    hashes = made.hashes.to_list()
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == len(variants) + 1


def test_a_difference_that_is_not_published_does_not_show(block: Any) -> None:
    one, other = block([{"number": "1"}], [(1.0, 2.0)]), block([{"number": "1"}], [(1.00000001, 2.0)])
    assert one.hashes.to_list() == other.hashes.to_list()
    turned = block([{"number": "2"}, {"number": "1"}], [(3.0, 4.0), (1.0, 2.0)])
    assert turned.hashes[1] == one.hashes[0]


def test_dropped_rows_are_in_no_block() -> None:
    located = locate(
        Points(np.array([5e5, 1e20, 5e5]), np.array([5e6, 1e20, 5.1e6])),
        to_lonlat("EPSG:25833", "x"),
        Layer.PARCELS,
        Counters(),
    )
    made = make_block(pl.DataFrame({"pid": ["a", "b", "c"]}), ("pid",), Layer.PARCELS, located)
    assert made.attributes["pid"].to_list() == ["a", "c"]
    assert [json.loads(line)["properties"]["pid"] for line in made.json] == ["a", "c"]


def test_attributes_and_geometry_must_have_the_same_rows() -> None:
    located = locate(Points(np.array([1.0]), np.array([1.0])), to_lonlat("EPSG:4326", "x"), Layer.PARCELS, Counters())
    with pytest.raises(ValueError, match="2 rows of parcels attributes for 1 geometries"):
        make_block(pl.DataFrame({"pid": ["a", "b"]}), ("pid",), Layer.PARCELS, located)


def test_filled_attributes_are_counted(streets: Block) -> None:
    counters = Counters()
    count_filled(streets, ATTRIBUTES[Layer.ADDRESSES], counters)
    count_filled(streets, ("number",), counters)
    assert counters.under("field") == {
        "city/filled": 1,
        "id/filled": 1,
        "number/filled": 10,
        "postcode/filled": 1,
        "street/filled": 5,
        "unit/filled": 2,
    }


def test_no_rows_are_no_trouble(block: Any) -> None:
    for layer in Layer:
        made = block([], [], layer)
        assert len(made) == 0
        assert made.json.to_list() == []
