"""Vector tiles put together, read by somebody else's decoder."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import mapbox_vector_tile
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oa_pipeline.maps.dotmap.mvt import BrokenTile, layers, merged

MANY = 1 << 30
Feature = Mapping[str, Any]


def tile(features: Sequence[Feature], *, name: str = "openaddresses", extent: int = 4096) -> bytes:
    made = mapbox_vector_tile.encode(
        [{"name": name, "features": list(features)}],
        default_options={"extents": extent, "y_coord_down": True},
    )
    return gzip.compress(made, mtime=0)  # or else each second gives other bytes


def point(x: int, y: int, **properties: Any) -> Feature:
    return {"geometry": f"POINT({x} {y})", "properties": properties}


def read(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = mapbox_vector_tile.decode(gzip.decompress(data), default_options={"y_coord_down": True})
    return found


def held(data: bytes, name: str = "openaddresses") -> Counter[str]:
    """The features of a layer, without their order."""
    features = read(data).get(name, {}).get("features", [])
    return Counter(json.dumps([f["geometry"], f["properties"]], sort_keys=True) for f in features)


TEXT = st.text(max_size=6)
FEATURES = st.lists(
    st.builds(
        point,
        st.integers(-80, 4176),
        st.integers(-80, 4176),
        number=TEXT,
        street=st.sampled_from(["Main St", "Élysées", "大街", ""]),
        unit=st.integers(-5, 300) | st.booleans(),
    ),
    max_size=8,
)


@given(st.lists(FEATURES, min_size=1, max_size=4))
def test_the_features_are_those_of_all_parts(parts: list[list[Feature]]) -> None:
    tiles = [tile(part) for part in parts]
    made = merged(tiles, MANY)
    assert held(made.data) == sum((held(part) for part in tiles), Counter())
    assert (made.features, made.dropped) == (sum(map(len, parts)), 0)


def test_layers_of_one_name_become_one_and_others_stay() -> None:
    made = merged([tile([point(1, 1, a="x")]), tile([point(2, 2)], name="b"), tile([point(3, 3, a="x")])], MANY)
    found = read(made.data)
    assert {name: len(layer["features"]) for name, layer in found.items()} == {"openaddresses": 2, "b": 1}
    assert [layer.name for layer in layers(gzip.decompress(made.data))] == [b"openaddresses", b"b"]


def test_equal_keys_and_values_are_kept_once() -> None:
    parts = [tile([point(n, n, street="Main St", number=str(n))]) for n in range(5)]
    (layer,) = layers(gzip.decompress(merged(parts, MANY).data))
    assert len(layer.keys) == 2
    assert len(layer.values) == 6


def test_a_coarser_tile_is_brought_to_the_finer_ones_steps() -> None:
    coarse = tile([point(100, 200, a="x"), point(101, 50)], extent=1024)
    fine = tile([point(4095, 7)], extent=4096)
    found = read(merged([coarse, fine], MANY).data)["openaddresses"]
    assert found["extent"] == 4096
    places = [feature["geometry"]["coordinates"] for feature in found["features"]]
    assert places == [[400, 800], [404, 200], [4095, 7]]


def test_too_many_features_go_evenly_and_are_counted() -> None:
    parts = [tile([point(n, n, number=f"{part}-{n}") for n in range(1000)]) for part in range(2)]
    most = len(merged(parts, MANY).data) // 4
    made = merged(parts, most)
    assert len(made.data) <= most
    assert made.features + made.dropped == 2000
    assert made.features > 200
    kept = [f["properties"]["number"].partition("-") for f in read(made.data)["openaddresses"]["features"]]
    halves = Counter(part for part, _, _ in kept)
    assert abs(halves["0"] - halves["1"]) <= 1
    lower = sum(int(n) < 500 for _, _, n in kept)
    assert abs(lower - made.features / 2) <= 2
    (layer,) = layers(gzip.decompress(made.data))
    assert len(layer.values) == made.features  # those of features that went are gone


def test_a_limit_below_every_feature_leaves_an_empty_tile() -> None:
    made = merged([tile([point(1, 1, a="x" * 500)])], 10)
    assert (made.features, made.dropped) == (0, 1)


def test_the_same_parts_give_the_same_bytes() -> None:
    parts = [tile([point(1, 1, a="x")]), tile([point(2, 2, a="y")])]
    assert merged(parts, MANY).data == merged(parts, MANY).data


WHOLE = gzip.decompress(tile([point(1, 1, a="x")]))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"not packed", "not compressed"),
        (gzip.compress(WHOLE)[:-9], "not compressed"),
        (gzip.compress(WHOLE[:-3]), "in the middle"),
        (gzip.compress(b"\x1a\xff"), "in the middle"),
        (gzip.compress(b"\xff" * 12), "in the middle"),
        (gzip.compress(b"\x19" + bytes(8)), "kind 1"),
        (gzip.compress(WHOLE.replace(b"\x12\x02\x00\x00", b"\x12\x02\x00\x07")), "point nowhere"),
    ],
    ids=["plain", "cut when packed", "cut", "no length", "endless number", "fixed width", "no such value"],
)
def test_what_is_no_tile_is_named(data: bytes, why: str) -> None:
    with pytest.raises(BrokenTile, match=why):
        merged([data], MANY)


def test_extents_without_a_common_step_are_refused() -> None:
    with pytest.raises(BrokenTile, match="no common step"):
        merged([tile([point(1, 1)], extent=3000), tile([point(1, 1)], extent=4096)], MANY)
