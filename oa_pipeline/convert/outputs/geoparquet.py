"""GeoParquet 1.1: `hash` and all attributes of the layer as text, geometry as WKB in OGC:CRS84. Usable rows only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ...sources.model import ATTRIBUTES, Layer
from ..batch import Points, Shapes
from ..geometry import Bounds, chosen, merged_bounds
from ..task import Output
from .block import Block
from .sinks import described

GROUP_ROWS = 100_000
GROUP_BYTES = 64 << 20
_DISTINCT = frozenset({"id", "pid"})  # hardly a value twice: a dictionary would only cost
_WKB_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("x", "<f8"), ("y", "<f8")])


class GeoParquetWriter:
    """Writes row groups of about a hundred thousand rows, or 64 MiB where geometries are large."""

    def __init__(self, path: Path, layer: Layer) -> None:
        """Opens the file; its columns depend on the layer only."""
        self._names = ATTRIBUTES[layer]
        self._schema = pa.schema(
            [
                pa.field("hash", pa.string()),
                *(pa.field(name, pa.string()) for name in self._names),
                pa.field("geometry", pa.binary()),
            ]
        )
        self._path = path
        self._file = pa.OSFile(str(path), mode="w")
        self._parquet = pq.ParquetWriter(
            self._file,
            self._schema,
            compression="zstd",
            use_dictionary=[name for name in self._names if name not in _DISTINCT],
            write_statistics=True,
        )
        self._waiting: list[pa.Table] = []
        self._rows = self._waiting_rows = self._waiting_bytes = 0
        self._bounds: Bounds | None = None
        self._heights: tuple[float, float] | None = None
        self._types: set[str] = set()

    def write(self, block: Block) -> None:
        """The block's usable rows."""
        rows = block.located.usable
        if not rows.any():
            return
        table = self._table(block, rows)
        self._waiting.append(table)
        self._rows += len(table)
        self._waiting_rows += len(table)
        self._waiting_bytes += table.nbytes
        if self._waiting_rows >= GROUP_ROWS or self._waiting_bytes >= GROUP_BYTES:
            self._flush()

    def close(self) -> Output:
        """Writes the last group and the geo metadata."""
        self._flush()
        self._parquet.add_key_value_metadata({"geo": json.dumps(self._geo(), separators=(",", ":"))})
        self._parquet.close()
        self._file.close()
        return described(self._path, self._rows)

    def abort(self) -> None:
        """Removes the file."""
        self._waiting.clear()
        self._parquet.is_open = False  # its own close would write a footer into a file that is gone
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _table(self, block: Block, rows: np.ndarray) -> pa.Table:
        held = block.attributes
        columns = [block.hashes.alias("hash")]
        for name in self._names:
            missing = pl.Series(name, [None], dtype=pl.String).new_from_index(0, len(block))
            columns.append(held[name] if name in held.columns else missing)
        frame = pl.DataFrame(columns)
        located = block.located
        if not rows.all():
            frame = frame.filter(pl.Series(rows))
        self._bounds = merged_bounds(self._bounds, located.bounds)
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        return table.append_column("geometry", self._wkb(chosen(located.geometry, rows))).cast(self._schema)

    def _wkb(self, geometry: Points | Shapes) -> pa.Array:
        if isinstance(geometry, Points) and geometry.z is None:
            self._types.add("Point")
            return _point_wkb(geometry)
        import shapely

        shapes = _tall_points(shapely, geometry) if isinstance(geometry, Points) else geometry.geometries
        self._note(shapely, shapes)
        return pa.array(shapely.to_wkb(shapes, flavor="iso", byte_order=1), pa.binary())

    def _note(self, shapely: Any, shapes: np.ndarray) -> None:
        """Remembers kinds and heights for the metadata."""
        from ..geometry_shapes import KINDS

        tall = shapely.has_z(shapes)
        for z in (False, True):
            ids = np.unique(shapely.get_type_id(shapes[tall == z])).tolist()
            self._types.update(KINDS[i] + (" Z" if z else "") for i in ids)
        if tall.any():
            heights = shapely.get_coordinates(shapes[tall], include_z=True)[:, 2]
            low, high = self._heights or (np.inf, -np.inf)
            self._heights = min(low, float(heights.min())), max(high, float(heights.max()))

    def _flush(self) -> None:
        if self._waiting:
            table = pa.concat_tables(self._waiting)
            self._parquet.write_table(table, row_group_size=len(table))
        self._waiting = []
        self._waiting_rows = self._waiting_bytes = 0

    def _geo(self) -> dict[str, Any]:
        geometry: dict[str, Any] = {"encoding": "WKB", "geometry_types": sorted(self._types)}
        if self._bounds:
            west, south, east, north = self._bounds
            low, high = ([self._heights[0]], [self._heights[1]]) if self._heights else ([], [])
            geometry["bbox"] = [west, south, *low, east, north, *high]
        return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}


def _tall_points(shapely: Any, points: Points) -> np.ndarray:
    """Points with the height that they have; some may have none."""
    heights = np.full(len(points.x), np.nan) if points.z is None else points.z
    shapes: np.ndarray = shapely.points(points.x, points.y, heights)
    flat = np.isnan(heights)
    shapes[flat] = shapely.force_2d(shapes[flat])
    return shapes


def _point_wkb(points: Points) -> pa.Array:
    rows = len(points.x)
    cells = np.empty(rows, _WKB_POINT)
    cells["order"], cells["kind"], cells["x"], cells["y"] = 1, 1, points.x, points.y
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(_WKB_POINT.itemsize)
    return pa.Array.from_buffers(pa.binary(), rows, [None, pa.py_buffer(offsets), pa.py_buffer(cells)])
