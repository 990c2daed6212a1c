from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely

from oa_pipeline.convert.outputs import Block, geoparquet
from oa_pipeline.convert.outputs.geoparquet import GeoParquetWriter
from oa_pipeline.sources.model import ATTRIBUTES, Layer


def written(path: Path, layer: Layer, *blocks: Block) -> pq.ParquetFile:
    writer = GeoParquetWriter(path, layer)
    for block in blocks:
        writer.write(block)
    assert writer.close().size == path.stat().st_size
    return pq.ParquetFile(path)


def geo(path: Path) -> dict[str, Any]:
    held: dict[str, Any] = json.loads(pq.read_metadata(path).metadata[b"geo"])
    assert held["version"] == "1.1.0"
    assert held["primary_column"] == "geometry"
    column: dict[str, Any] = held["columns"]["geometry"]
    return column


def test_geopandas_reads_the_usable_rows(streets: Block, tmp_path: Path) -> None:
    written(tmp_path / "out.parquet", Layer.ADDRESSES, streets).close()
    frame = geopandas.read_parquet(tmp_path / "out.parquet")
    assert list(frame.columns) == ["hash", *ATTRIBUTES[Layer.ADDRESSES], "geometry"]
    assert frame.crs.to_authority() == ("OGC", "CRS84")
    assert frame["number"].tolist() == ["12", "12 1/2", "7"]
    assert frame["hash"].tolist() == streets.hashes.to_list()[:3]
    assert frame["region"].isna().tolist() == [False, True, False]
    assert frame["city"].tolist() == ["Óbidos", "", ""]
    assert frame.geometry.iloc[0].wkt == "POINT (-9.1571235 39.36)"
    assert geo(tmp_path / "out.parquet") == {
        "encoding": "WKB",
        "geometry_types": ["Point"],
        "bbox": [-180.0, 0.00001, 12.0, 50.0000001],
    }


def test_heights_are_kept_and_named(block: Any, tmp_path: Path) -> None:
    made = block([{"number": "1"}, {"number": "2"}], [(1.0, 2.0, 3.5), (4.0, 5.0)])
    written(tmp_path / "out.parquet", Layer.ADDRESSES, made).close()
    column = geo(tmp_path / "out.parquet")
    assert column["geometry_types"] == ["Point", "Point Z"]
    assert column["bbox"] == [1.0, 2.0, 3.5, 4.0, 5.0, 3.5]
    frame = geopandas.read_parquet(tmp_path / "out.parquet")
    assert [g.wkt for g in frame.geometry] == ["POINT Z (1 2 3.5)", "POINT (4 5)"]
    raw = pq.read_table(tmp_path / "out.parquet")["geometry"][0].as_py()
    assert raw[1:5] == (1001).to_bytes(4, "little")  # ISO's number for a point with height, not PostGIS's


def test_shapes_of_all_kinds_come_through(block: Any, tmp_path: Path) -> None:
    texts = [
        "POLYGON ((0 0, 1 0, 1 1, 0 0))",
        "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)))",
        "LINESTRING Z (0 0 1, 1 1 2)",
        "POLYGON EMPTY",
        None,
    ]
    made = block([{"pid": str(i)} for i in range(5)], texts, Layer.PARCELS)
    written(tmp_path / "out.parquet", Layer.PARCELS, made).close()
    frame = geopandas.read_parquet(tmp_path / "out.parquet")
    assert [g.wkt for g in frame.geometry] == texts[:3]
    assert frame["pid"].tolist() == ["0", "1", "2"]
    assert geo(tmp_path / "out.parquet")["geometry_types"] == ["LineString Z", "MultiPolygon", "Polygon"]


def test_an_attribute_that_is_not_published_is_a_column_of_nulls(block: Any, tmp_path: Path) -> None:
    made = block([{"id": "1"}], [(1.0, 2.0)], Layer.BUILDINGS)
    narrow = Block(made.attributes.drop("id"), made.located, made.lines, made.hashes, made.odd, made.points)
    with written(tmp_path / "out.parquet", Layer.BUILDINGS, narrow) as held:
        assert held.read()["id"].to_pylist() == [None]


def test_row_groups_have_about_a_hundred_thousand_rows(block: Any, tmp_path: Path) -> None:
    made = block([{"pid": "1"}] * 30_000, [(1.0, 2.0)] * 30_000, Layer.PARCELS)
    with written(tmp_path / "out.parquet", Layer.PARCELS, *[made] * 5) as held:
        assert [held.metadata.row_group(i).num_rows for i in range(held.num_row_groups)] == [120_000, 30_000]


def test_large_geometries_make_smaller_row_groups(block: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geoparquet, "GROUP_BYTES", 400_000)
    angles = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    circle = shapely.Polygon(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    made = block([{"pid": "1"}] * 8, [circle.wkt] * 8, Layer.PARCELS)
    with written(tmp_path / "out.parquet", Layer.PARCELS, *[made] * 5) as held:
        assert [held.metadata.row_group(i).num_rows for i in range(held.num_row_groups)] == [16, 16, 8]


def test_two_runs_give_the_same_bytes(streets: Block, tmp_path: Path) -> None:
    for name in ("one", "two"):
        written(tmp_path / name, Layer.ADDRESSES, streets, streets).close()
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_no_rows_make_a_file_that_can_be_read(tmp_path: Path) -> None:
    written(tmp_path / "out.parquet", Layer.PARCELS).close()
    assert len(geopandas.read_parquet(tmp_path / "out.parquet")) == 0
    assert "bbox" not in geo(tmp_path / "out.parquet")


@pytest.mark.parametrize("close", [False, True])
def test_nothing_remains_after_abort(close: bool, streets: Block, tmp_path: Path) -> None:
    writer = GeoParquetWriter(tmp_path / "out.parquet", Layer.ADDRESSES)
    writer.write(streets)
    if close:
        writer.close()
    writer.abort()
    writer.abort()
    del writer
    assert list(tmp_path.iterdir()) == []
