"""A result's addresses as lines of GeoJSON, block by block out of its GeoParquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from ..mercator import END

BATCH_ROWS = 50_000
ATTRIBUTES = ("number", "street", "unit")
_POINT = 0
_WKB_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("x", "<f8"), ("y", "<f8")])


class Unreadable(ValueError):  # noqa: N818 - a fact about a file
    """The file is not one of ours, or not whole."""


def lines(paths: Iterable[Path], *, attributes: bool) -> Iterator[bytes]:
    """Blocks of whole lines, a feature each, of the rows of these files that lie on the map.

    `attributes`: with those of ATTRIBUTES that the address has, else without any. Raises Unreadable.
    """
    for path in paths:
        for batch in batches(path, ["geometry", *ATTRIBUTES] if attributes else ["geometry"]):
            block = text(batch, *places(batch.column("geometry")))
            if block:
                yield block


def batches(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """These columns of the file, as far as it has them. Raises Unreadable."""
    try:
        with pq.ParquetFile(path, pre_buffer=False) as parquet:
            if "geometry" not in parquet.schema_arrow.names:
                raise Unreadable("it has no geometries")
            held = [name for name in columns if name in parquet.schema_arrow.names]
            yield from parquet.iter_batches(BATCH_ROWS, columns=held)
    except (pa.ArrowException, OSError) as error:
        raise Unreadable(f"it is no Parquet that can be read: {error}") from error


def text(batch: pa.RecordBatch, x: np.ndarray, y: np.ndarray) -> bytes:
    """A line for each row that lies on the map, at this longitude and latitude, with the batch's attributes."""
    with np.errstate(invalid="ignore"):
        on_map = (np.abs(x) <= 180) & (np.abs(y) <= END)
    names = [name for name in batch.schema.names if name != "geometry"]
    frame = pl.DataFrame({"x": x, "y": y}).with_columns(pl.col("x", "y").round(7))
    parts: list[Any] = [pl.lit('{"type":"Feature","properties":')]
    if names:
        held: Any = pl.from_arrow(batch.select(names))
        frame = frame.hstack(held.with_columns(pl.col(names).replace("", None)))
        parts.append(pl.struct(names).struct.json_encode())
    else:
        parts.append(pl.lit("{}"))
    parts += [pl.lit(',"geometry":{"type":"Point","coordinates":['), "x", pl.lit(","), "y", pl.lit("]}}\n")]
    found = frame.filter(pl.Series(on_map)).select(pl.concat_str(parts).str.join("")).item()
    return str(found or "").encode()


def places(geometry: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of each: of a point its own, else of a point on its surface; NaN where there is none.

    Raises Unreadable.
    """
    if (points := _points(geometry)) is not None:
        return points["x"], points["y"]
    try:
        shapes = shapely.from_wkb(geometry.to_numpy(zero_copy_only=False))
    except shapely.errors.GEOSException as error:
        raise Unreadable(f"a geometry cannot be read: {error}") from error
    others = shapely.get_type_id(shapes) != _POINT
    if others.any():
        shapes[others] = shapely.point_on_surface(shapes[others])
    return shapely.get_x(shapes), shapely.get_y(shapes)


def _points(geometry: pa.Array) -> np.ndarray | None:
    """Where nothing but points without heights lies side by side, as it always is with addresses: those, unparsed."""
    if geometry.type != pa.binary() or geometry.null_count:
        return None
    _, offsets, data = geometry.buffers()
    if data is None:
        return None
    ends = np.frombuffer(offsets, np.int32)[geometry.offset : geometry.offset + len(geometry) + 1]
    if not (np.diff(ends) == _WKB_POINT.itemsize).all():
        return None
    points = np.frombuffer(data, _WKB_POINT, count=len(geometry), offset=int(ends[0]))
    return points if (points["order"] == 1).all() and (points["kind"] == 1).all() else None
