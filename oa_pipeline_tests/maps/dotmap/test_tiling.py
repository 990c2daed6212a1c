"""An area's tiles by the real program, out of results as converters write them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import mapbox_vector_tile
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from oa_pipeline.convert.sandbox import Converter
from oa_pipeline.errors import MapError
from oa_pipeline.maps.dotmap.lines import Unreadable, lines
from oa_pipeline.maps.dotmap.tiling import tiles_of
from oa_pipeline_tests.maps.dotmap.archives import opened, read_pmtiles

HOSTILE = '<b>"x"\\</b>\x01\u2028é大'


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Converter]:
    with Converter() as converter:
        yield converter


def parquet(path: Path, places: Sequence[object], **columns: Sequence[str | None]) -> Path:
    """A result; places are pairs of degrees, or shapes."""
    shapes = [shapely.Point(place) if isinstance(place, tuple) else place for place in places]
    table = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    geometry = pa.array(shapely.to_wkb(np.array(shapes, object)), pa.binary())
    pq.write_table(pa.table({**table, "geometry": geometry}), path)
    return path


def features(path: Path, *, attributes: bool) -> list[dict[str, object]]:
    text = b"".join(lines([path], attributes=attributes))
    return [json.loads(line) for line in text.split(b"\n") if line]


def test_lines_have_the_three_attributes_that_an_address_has(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "x",
        [(1.5, 2.5), (-3.0, 1e-7)],
        number=["1", ""],
        street=[HOSTILE, None],
        unit=["", "b"],
        city=["c"] * 2,
    )
    found = features(path, attributes=True)
    assert [{k: v for k, v in f["properties"].items() if v is not None} for f in found] == [  # type: ignore[attr-defined]
        {"number": "1", "street": HOSTILE},
        {"unit": "b"},
    ]
    assert found[0]["geometry"] == {"type": "Point", "coordinates": [1.5, 2.5]}
    assert found[1]["geometry"] == {"type": "Point", "coordinates": [-3.0, 1e-7]}
    assert [f["properties"] for f in features(path, attributes=False)] == [{}, {}]


def test_what_is_not_on_the_map_is_no_line_and_shapes_are_told_by_a_point_within(tmp_path: Path) -> None:
    places = [(0.0, 90.0), (181.0, 1.0), (float("nan"), 1.0), shapely.box(4, 4, 6, 6), shapely.Point(7, 8, 9), None]
    path = parquet(tmp_path / "x", places)
    found = [f["geometry"]["coordinates"] for f in features(path, attributes=True)]  # type: ignore[index]
    assert found == [[5.0, 5.0], [7.0, 8.0]]


@pytest.mark.parametrize("content", ["nothing", "text", "no geometry", "no shapes", "cut"])
def test_a_file_that_is_not_one_of_ours_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x"
    if content == "no geometry":
        pq.write_table(pa.table({"number": ["1"]}), path)
    elif content == "no shapes":
        pq.write_table(pa.table({"geometry": pa.array([b"?"], pa.binary())}), path)
    elif content == "cut":
        path.write_bytes(parquet(path, [(1.0, 1.0)] * 5000).read_bytes()[:-200])
    else:
        path.write_bytes(b"text" if content == "text" else b"")
    with pytest.raises(Unreadable):
        list(lines([path], attributes=False))


def test_every_dot_is_at_the_highest_zoom_with_its_attributes_and_fewer_without_below(
    tmp_path: Path, sandbox: Converter
) -> None:
    count = 300
    places = [(10 + n % 20 / 200, 50 + n // 20 / 200) for n in range(count)]
    one = parquet(tmp_path / "one", places, number=[str(n) for n in range(count)], street=[HOSTILE] * count)
    two = parquet(tmp_path / "two", [(10.05, 50.05)], number=["x"], unit=["7"], street=[""])
    made = tiles_of(sandbox, [one, two], tmp_path, seconds=250)
    assert made is not None
    assert (made.rows, made.dropped) == (count + 1, {})
    opened(made.path).verify()
    by_zoom: dict[int, list[dict[str, str]]] = {}
    for (zoom, _, _), data in read_pmtiles(made.path).items():
        layer = mapbox_vector_tile.decode(gzip.decompress(data))["openaddresses"]
        by_zoom.setdefault(zoom, []).extend(feature["properties"] for feature in layer["features"])
    assert sorted(by_zoom) == list(range(15))
    assert {p["number"] for p in by_zoom[14]} == {"x", *map(str, range(count))}
    assert {p.get("street") for p in by_zoom[14]} == {HOSTILE, None}
    assert all(p == {} for zoom in range(14) for p in by_zoom[zoom])
    assert 1 <= len(by_zoom[0]) <= 2
    assert len(by_zoom[12]) < len(by_zoom[13]) < len(by_zoom[14])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["area.pmtiles", "one", "two"]
    assert str(tmp_path).encode() not in made.path.read_bytes()


def test_dots_that_are_too_many_for_a_tile_go_and_are_counted(tmp_path: Path, sandbox: Converter) -> None:
    count = 30_000
    rng = np.random.default_rng(1)
    places = [(10 + x / 10_000, 50 + y / 10_000) for x, y in rng.random((count, 2))]
    names = [rng.bytes(12).hex() for _ in range(count)]
    made = tiles_of(sandbox, [parquet(tmp_path / "x", places, number=names)], tmp_path, seconds=250)
    assert made is not None
    assert made.rows == count
    assert set(made.dropped) == {14}
    assert 1000 < made.dropped[14] < count
    assert max(map(len, read_pmtiles(made.path).values())) <= 500_000


def test_without_a_dot_on_the_map_there_is_no_archive(tmp_path: Path, sandbox: Converter) -> None:
    assert tiles_of(sandbox, [parquet(tmp_path / "x", [(0.0, 89.0)])], tmp_path, seconds=250) is None
    assert tiles_of(sandbox, [], tmp_path, seconds=250) is None
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_program_that_fails_is_an_error_and_leaves_no_archive(tmp_path: Path, sandbox: Converter) -> None:
    program = tmp_path / "tippecanoe"
    program.write_text("#!/bin/sh\necho 'disk is on fire' >&2\nexit 3\n")
    program.chmod(0o755)
    inputs, folder = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    folder.mkdir()
    source = parquet(inputs / "x", [(1.0, 1.0)])
    with pytest.raises(MapError, match="status 3: disk is on fire"):
        tiles_of(sandbox, [source], folder, seconds=250, program=str(program))
    assert not (folder / "area.pmtiles").exists()
