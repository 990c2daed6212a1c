"""Previews and slippy maps of runs: what they hold, and that no run's result ever depends on them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import pytest
from PIL import Image
from pmtiles.reader import MmapSource, Reader, all_tiles

from oa_pipeline.convert.task import Limits
from oa_pipeline.maps.tippecanoe import make_tiles
from oa_pipeline.process import Wanted, pictures
from oa_pipeline.process.pictures import arguments
from oa_pipeline_tests.process.runs import CSV, LOCAL, Ran, Runs, collection, feature, point

DATA = ("geojson", "csv", "parquet", "sample")
ADDRESSES = "x,y,n,s,u\n" + "".join(f"{8 + i / 1000},{47 + i % 7 / 1000},{i},Main St,\n" for i in range(200))


@pytest.fixture
def drawing(run: Runs) -> Runs:
    """Runs that make both maps."""
    run.maps = Wanted(preview=True, tiles=True)
    return run


def dots(ran: Ran) -> list[Mapping[str, Any]]:
    """The properties of all dots at the highest zoom."""
    found = []
    with (ran.folder / "slippymap.pmtiles").open("rb") as file:
        highest = Reader(MmapSource(file)).header()["max_zoom"]
        for (zoom, _, _), data in all_tiles(MmapSource(file)):
            if zoom == highest:
                found += [f["properties"] for f in mapbox_vector_tile.decode(gzip.decompress(data))["dots"]["features"]]
    return found


def metadata(ran: Ran) -> Mapping[str, Any]:
    with (ran.folder / "slippymap.pmtiles").open("rb") as file:
        held: Mapping[str, Any] = Reader(MmapSource(file)).metadata()
        return held


def left(ran: Ran) -> set[str]:
    return {path.name for path in ran.folder.iterdir()}


def test_a_run_has_a_preview_and_a_map_of_its_addresses(drawing: Runs) -> None:
    ran = drawing.csv(ADDRESSES, street="s", unit="u")
    assert "There is no" not in ran.warnings
    assert set(ran.result.files) == {*DATA, "preview", "pmtiles", "cache", "log", "index"}
    assert {"number": "7", "street": "Main St"} in dots(ran)
    assert {held["number"] for held in dots(ran)} == {str(n) for n in range(200)}
    with Image.open(ran.folder / "preview.png") as picture:
        assert picture.width == 1336
    assert ran.result.glimpse.startswith(b"\x89PNG")

    index = ran.result.index
    assert index["outputs"]["preview"]["file"] == "preview.png"
    assert index["outputs"]["pmtiles"] == {
        "file": "slippymap.pmtiles",
        "size": (ran.folder / "slippymap.pmtiles").stat().st_size,
        "sha256": index["outputs"]["pmtiles"]["sha256"],
        "rows": 200,
    }
    told = index["maps"]["slippy map"]
    assert (told["rows"], told["rows taken"], told["dots"], told["left out"]) == (200, 200, 200, 0)
    assert told["left out by zoom"]["0"]["dropped_by_rate"] > 150
    assert {"preview", "tiles"} <= set(index["seconds"])
    assert "glimpse.png" not in left(ran)
    assert not {"maps", "work", "dots.geojsonl"} & left(ran)


def test_without_being_asked_a_run_makes_neither(run: Runs) -> None:
    ran = run.csv(ADDRESSES)
    assert not {"preview.png", "slippymap.pmtiles"} & left(ran)
    assert ran.result.index["maps"] == {}


@pytest.mark.parametrize(
    ("maps", "made"),
    [(Wanted(preview=True), {"preview.png"}), (Wanted(tiles=True), {"slippymap.pmtiles"})],
    ids=["a preview only", "a slippy map only"],
)
def test_each_can_be_had_alone(run: Runs, maps: Wanted, made: set[str]) -> None:
    run.maps = maps
    assert {"preview.png", "slippymap.pmtiles"} & left(run.csv(ADDRESSES)) == made


def test_maps_change_nothing_of_the_data(run: Runs) -> None:
    plain = run.csv(ADDRESSES).result.outcome.outputs
    run.maps = Wanted(preview=True, tiles=True)
    drawn = run.csv(ADDRESSES).result.outcome.outputs
    again = run.csv(ADDRESSES).result.outcome.outputs
    assert {kind: drawn[kind] for kind in plain} == plain
    assert drawn == again


def test_maps_are_made_where_only_geojson_is_asked_for(drawing: Runs) -> None:
    drawing.formats = ("geojson",)
    ran = drawing.csv(ADDRESSES)
    assert {"preview.png", "slippymap.pmtiles", "out.geojson.gz"} <= left(ran)
    assert "out.parquet" not in left(ran)
    assert "parquet" not in ran.result.index["outputs"]


def test_rows_without_a_place_are_on_no_map(drawing: Runs) -> None:
    ran = drawing.csv("x,y,n\n5,50,1\n0,0,2\n,,3\n500,5,4\nnan,1,5\n5.1,50.1,6\n")
    assert {held["number"] for held in dots(ran)} == {"1", "6"}
    assert ran.result.index["maps"]["preview"]["points"] == 2


@pytest.mark.parametrize(
    "rows",
    ["5,50,1\n", "5,50,1\n" * 50, "180,85,1\n-180,-85,2\n", "179.9,-17,1\n-179.9,-17,2\n"],
    ids=["one row", "one place", "corners of the map", "across the antimeridian"],
)
def test_odd_places_are_drawn(drawing: Runs, rows: str) -> None:
    ran = drawing.csv(f"x,y,n\n{rows}")
    assert "There is no" not in ran.warnings
    assert {"preview.png", "slippymap.pmtiles"} <= left(ran)


def test_the_poles_are_in_the_preview_and_beyond_the_edge_of_web_maps(drawing: Runs) -> None:
    ran = drawing.csv("x,y,n\n5,90,1\n6,-90,2\n")
    assert "preview.png" in left(ran)
    assert "There is no slippy map: no row lies between 85 degrees south and north" in ran.warnings
    assert not {"slippymap.pmtiles", "dots.geojsonl"} & left(ran)


def test_where_no_row_has_a_place_both_are_missed_and_nothing_else(drawing: Runs) -> None:
    ran = drawing.csv("x,y,n\n0,0,1\n,,2\n")
    assert ran.problem == ""
    assert ran.result.outcome.rows == 2
    assert "There is no preview: no row has a place. The data are not affected" in ran.warnings
    assert "There is no slippy map: no row lies between" in ran.warnings
    assert ran.result.index["maps"]["preview"] == {"trouble": "no row has a place"}


def test_surfaces_and_lines_are_drawn_by_a_point_on_them(drawing: Runs) -> None:
    square = {"type": "Polygon", "coordinates": [[[5, 50], [5.01, 50], [5.01, 50.01], [5, 50.01], [5, 50]]]}
    parcels = drawing.geojson(collection(feature(square, p="1")), layer="parcels", pid="p", number=None)
    assert "There is no" not in parcels.warnings
    assert (len(dots(parcels)), parcels.result.index["outputs"]["pmtiles"]["rows"]) == (1, 1)
    line = {"type": "LineString", "coordinates": [[5, 50], [5.01, 50.01]]}
    streets = drawing.geojson(collection(feature(line, n="A Street")), layer="centerlines", name="n", number=None)
    assert dots(streets) == [{}]


def test_of_more_rows_than_a_slippy_map_may_have_some_are_taken_all_over(drawing: Runs) -> None:
    drawing.settings = replace(LOCAL, slippy_rows=60)
    ran = drawing.csv(ADDRESSES)
    told = ran.result.index["maps"]["slippy map"]
    assert (told["rows"], told["rows taken"]) == (200, 50)
    assert {held["number"] for held in dots(ran)} == {str(n) for n in range(0, 200, 4)}
    assert ran.result.index["maps"]["preview"]["points"] == 200


def test_points_that_are_too_many_for_a_tile_are_counted(drawing: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    few = "--maximum-tile-features=50"
    monkeypatch.setattr(pictures, "arguments", lambda one: [*arguments(one), few])
    ran = drawing.csv("x,y,n\n" + "".join(f"{5 + i / 1e6},50,{i}\n" for i in range(200)))
    told = ran.result.index["maps"]["slippy map"]
    assert told["left out by zoom"]["14"] == {"dropped_as_needed": told["left out"]}
    assert told["dots"] == 200 - told["left out"] == len(dots(ran)) <= 50
    assert ran.result.index["outputs"]["pmtiles"]["rows"] == told["dots"]
    assert f"{told['left out']} points are in no tile of the highest zoom" in ran.log


def test_texts_of_the_source_stay_texts(drawing: Runs) -> None:
    hostile = '</script><script>alert(1)</script>"\\\u2028x'
    licence = {"text": "x", "attribution name": f"<img src=x onerror=alert(1)> {hostile}"}
    rows = collection(point(5, 50, n=hostile))
    ran = drawing(json.dumps(rows).encode(), {"format": "geojson", "number": "n"}, license=licence)
    assert dots(ran) == [{"number": hostile}]
    assert "<" not in metadata(ran)["attribution"]
    assert metadata(ran)["attribution"].startswith("&lt;img")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 1", "tippecanoe ended with status 1"),
        ("kill -SEGV $$", "tippecanoe died of SIGSEGV"),
        ("while :; do :; done", "tippecanoe took longer than"),
        ("echo > tiles.pmtiles", "tiles.pmtiles is shorter"),
        (None, "there is no program"),
    ],
    ids=["fails", "crashes", "hangs", "makes rubbish", "is missing"],
)
def test_a_run_is_published_without_the_map_that_cannot_be_made(
    drawing: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, words: str
) -> None:
    program = tmp_path / "tippecanoe"
    if script is not None:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    drawing.settings = replace(LOCAL, tippecanoe=str(program))
    if "longer" in words:  # it alone: the preview may take its time
        monkeypatch.setattr(pictures, "make_tiles", lambda *made, **how: make_tiles(*made, **{**how, "seconds": 1}))
    ran = drawing.csv(ADDRESSES)
    assert ran.problem == ""
    assert set(ran.result.files) == {*DATA, "preview", "cache", "log", "index"}
    assert f"There is no slippy map: {words}" in ran.warnings
    assert words in ran.result.index["maps"]["slippy map"]["trouble"]
    assert f"WARNING: There is no slippy map: {words}" in ran.log
    assert not {"maps", "slippymap.pmtiles", "dots.geojsonl"} & left(ran)


def test_a_picture_that_takes_too_much_is_missed_and_nothing_else(
    drawing: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oa_pipeline.process.pictures.limits_of", lambda _: replace(Limits(), memory=64 * 1024**2))
    ran = drawing.csv(ADDRESSES)
    assert ran.problem == ""
    assert set(ran.result.files) == {*DATA, "cache", "log", "index"}
    assert "There is no preview" in ran.warnings
    assert "There is no slippy map" in ran.warnings


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_million_rows_are_drawn_in_the_memory_of_a_hundred_thousand(
    drawing: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oa_pipeline.convert.sandbox import Converter

    peaks = []
    told = Converter.run

    def run(*arguments: Any, **more: Any) -> Any:
        outcome = told(*arguments, **more)
        peaks.append(outcome.peak_memory)
        return outcome

    monkeypatch.setattr(Converter, "run", run)
    drawing.maps = Wanted(preview=True)
    for rows in (100_000, 1_000_000):
        path = tmp_path / f"{rows}.csv"
        path.write_text("x,y,n\n" + "".join(f"{8 + i % 977 / 977},{47 + i % 613 / 613},{i}\n" for i in range(rows)))
        assert "There is no" not in drawing(path, CSV).warnings
    small, large = peaks[1::2]
    print(f"peak memory of drawing: {small / 2**20:.0f} MiB, {large / 2**20:.0f} MiB")
    assert large < small * 1.3
