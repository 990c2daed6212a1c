from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from oa_pipeline.publish.collections import geoparquet
from oa_pipeline.publish.collections.geoparquet import schema_of, write_geoparquet
from oa_pipeline.publish.collections.places import along_curve
from oa_pipeline.publish.collections.snapshot import LeftOut, Snapshot
from oa_pipeline.publish.collections.zips import Made
from oa_pipeline.publish.store import Store
from oa_pipeline.sources.model import ATTRIBUTES, Layer
from oa_pipeline_tests.publish.collections.results import Result, copied_to, keys, published, snapshot_of

PREFIX = "collections/7/"
RESULTS = [
    Result("us/ca/alameda", "county", rows=300, at=(-122, 37)),
    Result("us/countrywide", rows=50, at=(-100, 40)),
    Result("fr/paris", rows=120),
    Result("it/roma", rows=150, at=(12.5, 42)),
    Result("it/roma", rows=70, at=(12.5, 42), layer=Layer.BUILDINGS),
    Result("za/cape", rows=40, at=(18, -33), share_alike=True),
    Result("za/cape", rows=30, at=(18, -33), layer=Layer.PARCELS, share_alike=True),
    Result("nz/wellington", rows=20, at=(174, -41), layer=Layer.CENTERLINES),
]


def made(store: Store, snapshot: Snapshot, folder: Path) -> tuple[list[Made], list[LeftOut]]:
    work = folder / "work"
    work.mkdir(exist_ok=True)
    found = write_geoparquet(store, PREFIX, snapshot, work, lambda _s, _n: None)
    assert list(work.iterdir()) == []
    return found


def geo_of(path: Path) -> dict[str, Any]:
    metadata = pq.read_metadata(path).metadata
    found: dict[str, Any] = json.loads(metadata[b"geo"])
    return found


def test_every_layer_licence_and_area_has_its_file(store: Store, tmp_path: Path) -> None:
    rows = published(store, tmp_path, RESULTS)
    files, left_out = made(store, snapshot_of(rows), tmp_path)
    assert left_out == []
    names = {
        "global-addresses": {0, 1, 2, 3},
        "us_west-addresses": {0},
        "europe-addresses": {2, 3},
        "global-sa-addresses": {5},
        "africa-sa-addresses": {5},
        "global-buildings": {4},
        "europe-buildings": {4},
        "global-sa-parcels": {6},
        "africa-sa-parcels": {6},
        "global-centerlines": {7},
        "oceania-centerlines": {7},
    }
    assert keys(store, PREFIX) == sorted(f"openaddr-collected-{name}.parquet" for name in names)
    by_name = {file.stored.key.removeprefix(f"{PREFIX}openaddr-collected-"): file for file in files}
    for name, members in names.items():
        path = copied_to(store, f"{PREFIX}openaddr-collected-{name}.parquet", tmp_path)
        layer = Layer(name.rpartition("-")[2])
        table = pq.read_table(path)
        assert table.schema.equals(schema_of(layer))
        expected = {rows[n]["key"]: rows[n]["outputs"]["parquet"]["rows"] for n in members}
        counts = {c["values"]: c["counts"] for c in table.column("source").value_counts().to_pylist()}
        assert counts == expected
        file = by_name[f"{name}.parquet"]
        assert (file.rows, file.sources, file.layer) == (sum(expected.values()), len(members), str(layer))
        for n in members:
            own = pq.read_table(copied_to(store, rows[n]["outputs"]["parquet"]["key"], tmp_path))
            mine = table.filter(pa.compute.equal(table.column("source"), rows[n]["key"])).select(own.column_names)
            by = [(column, "ascending") for column in own.column_names]
            assert mine.sort_by(by).equals(own.sort_by(by))


def test_rows_lie_along_the_curve_with_boxes_that_hold_them(store: Store, tmp_path: Path) -> None:
    rows = published(store, tmp_path, RESULTS)
    made(store, snapshot_of(rows), tmp_path)
    for name in ("europe-addresses", "europe-buildings", "africa-sa-parcels"):
        path = copied_to(store, f"{PREFIX}openaddr-collected-{name}.parquet", tmp_path)
        table = pq.read_table(path)
        exact = shapely.bounds(shapely.from_wkb(table.column("geometry").to_numpy()))
        place = along_curve(*exact.T)
        assert (np.diff(place.astype(np.int64)) >= 0).all()
        box = np.array([[b[c] for c in ("xmin", "ymin", "xmax", "ymax")] for b in table.column("bbox").to_pylist()])
        assert (box[:, :2] <= exact[:, :2]).all()
        assert (box[:, 2:] >= exact[:, 2:]).all()
        assert np.abs(box - exact).max() < 1e-4
        geometry = geo_of(path)["columns"]["geometry"]
        assert geometry["covering"]["bbox"]["ymax"] == ["bbox", "ymax"]
        assert geometry["bbox"] == [*exact[:, :2].min(axis=0), *exact[:, 2:].max(axis=0)]
        assert geometry["geometry_types"] == (["Point"] if "addresses" in name else ["Polygon"])


def test_a_reader_that_knows_boxes_gets_a_part_of_the_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geoparquet, "GROUP_ROWS", 100)
    store = _folder(tmp_path)
    rows = published(store, tmp_path, RESULTS)
    made(store, snapshot_of(rows), tmp_path)
    path = copied_to(store, f"{PREFIX}openaddr-collected-global-addresses.parquet", tmp_path)
    everything = geopandas.read_parquet(path)
    part = geopandas.read_parquet(path, bbox=(-130, 30, -110, 45))
    assert everything.crs == "OGC:CRS84"
    assert len(part) == everything.cx[-130:-110, 30:45].shape[0]
    assert 0 < len(part) < len(everything)
    metadata = pq.read_metadata(path)
    sizes = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    assert sizes[:-1] == [100] * (len(sizes) - 1)
    assert sum(sizes) == len(everything)
    column = metadata.row_group(0).column(metadata.num_columns - 4)
    assert column.path_in_schema == "bbox.xmin"
    assert column.statistics.has_min_max


def test_areas_follow_each_other_in_the_global_file(tmp_path: Path) -> None:
    store = _folder(tmp_path)
    rows = published(store, tmp_path, RESULTS)
    made(store, snapshot_of(rows), tmp_path)
    path = copied_to(store, f"{PREFIX}openaddr-collected-global-addresses.parquet", tmp_path)
    order = list(dict.fromkeys(s.split("/addresses")[0] for s in pq.read_table(path).column("source").to_pylist()))
    assert (order[0], set(order[1:3]), order[3]) == ("us/ca/alameda", {"fr/paris", "it/roma"}, "us/countrywide")


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    store = _folder(tmp_path)
    rows = published(store, tmp_path, RESULTS)
    first, _ = made(store, snapshot_of(rows), tmp_path)
    store.delete_prefix(PREFIX)
    second, _ = made(store, snapshot_of(rows[::-1]), tmp_path)
    assert [f.stored.sha256 for f in first] == [f.stored.sha256 for f in second]


def test_what_cannot_be_read_is_left_out_and_named(store: Store, tmp_path: Path) -> None:
    rows = published(store, tmp_path, RESULTS)
    key = rows[2]["outputs"]["parquet"]["key"]
    store.delete([key, rows[6]["outputs"]["parquet"]["key"]])
    with store.writer(key, content_type="x") as out:
        out.write(b"something else")
    with store.writer("runs/99/out.parquet", content_type="x") as out:
        pq.write_table(pa.table({"x": [1]}), out)
    rows[3]["outputs"]["parquet"] = out.stored.as_json()
    _, left_out = made(store, snapshot_of(rows), tmp_path)
    assert {left.key: left.why for left in left_out} == {
        "fr/paris/addresses/city": "its bytes are not those that were stored",
        "it/roma/addresses/city": "it has no geometries",
        "za/cape/parcels/city": "it is not in the store",
    }
    names = keys(store, PREFIX)
    assert "openaddr-collected-europe-addresses.parquet" not in names
    assert "openaddr-collected-global-addresses.parquet" in names
    assert not any("parcels" in name for name in names)


def test_an_older_result_lacks_what_has_been_added_since(tmp_path: Path) -> None:
    store = _folder(tmp_path)
    rows = published(store, tmp_path, [Result("fr/paris", rows=5)])
    path = copied_to(store, rows[0]["outputs"]["parquet"]["key"], tmp_path)
    table = pq.read_table(path).drop_columns(["accuracy"]).append_column("former", pa.array(["x"] * 5))
    with store.writer("runs/9/out.parquet", content_type="x") as out:
        pq.write_table(table.replace_schema_metadata(pq.read_metadata(path).metadata), out)
    rows[0]["outputs"]["parquet"] = out.stored.as_json()
    _, left_out = made(store, snapshot_of(rows), tmp_path)
    assert left_out == []
    got = pq.read_table(copied_to(store, f"{PREFIX}openaddr-collected-europe-addresses.parquet", tmp_path))
    assert got.column("accuracy").null_count == 5
    assert got.column("street").null_count == 0
    assert "former" not in got.column_names


def test_heights_are_kept_and_told(tmp_path: Path) -> None:
    facts = geoparquet._Facts()
    facts.add({"geometry_types": ["Point"], "bbox": [1, 2, 3, 4]})
    facts.add({"geometry_types": ["Point Z"], "bbox": [0, 5, -7, 1, 6, 9]})
    facts.add({"geometry_types": []})
    told = facts.as_json()["columns"]["geometry"]
    assert told["bbox"] == [0, 2, -7, 3, 6, 9]
    assert told["geometry_types"] == ["Point", "Point Z"]


@pytest.mark.parametrize("layer", list(Layer))
def test_the_columns_are_those_of_a_result_and_two_more(layer: Layer) -> None:
    names = schema_of(layer).names
    assert names == ["source", "hash", *ATTRIBUTES[layer], "geometry", "bbox"]


def test_results_without_rows_make_files_without_rows(tmp_path: Path) -> None:
    store = _folder(tmp_path)
    rows = published(store, tmp_path, [replace(RESULTS[2], rows=0)])
    files, _ = made(store, snapshot_of(rows), tmp_path)
    assert [(file.area, file.rows, file.sources) for file in files] == [("global", 0, 1), ("europe", 0, 1)]
    path = copied_to(store, files[0].stored.key, tmp_path)
    assert len(geopandas.read_parquet(path)) == 0


def _folder(tmp_path: Path) -> Store:
    from oa_pipeline.publish.store import open_store

    return open_store(str(tmp_path / "store"))
