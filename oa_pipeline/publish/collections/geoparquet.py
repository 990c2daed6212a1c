"""GeoParquet 1.1 of many sources: rows sorted by place, each with its box, for readers that want a part of the map.

The columns are `source` (the data source's key), those of a single result, and `bbox`. A global file holds the areas
one after the other, each sorted, and then what is of no area.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...sources.model import ATTRIBUTES, Layer
from ..store import MissingObject, Store
from ..writer import ObjectWriter
from .directory import Unfit
from .places import along_curve, boxes, outward
from .regions import AREAS, GLOBAL, LICENCES, file_name, home_of
from .snapshot import PARQUET, Collected, LeftOut, Snapshot
from .sorting import PLACE, Sorter
from .zips import Made

GROUP_ROWS = 100_000
GROUP_BYTES = 32 << 20
BATCH_ROWS = 16_384
CHUNK = 1 << 20
CONTENT_TYPE = "application/vnd.apache.parquet"
CORNERS = ("xmin", "ymin", "xmax", "ymax")
_BBOX = pa.struct([pa.field(corner, pa.float32(), nullable=False) for corner in CORNERS])
_CORNER_PATHS = tuple(f"bbox.{corner}" for corner in CORNERS)
_DISTINCT = frozenset({"hash", "id", "pid", "geometry"})  # hardly a value twice: a dictionary would only cost
OnProgress = Callable[[Collected, int], None]


def schema_of(layer: Layer) -> pa.Schema:
    """The columns of a collection of this layer."""
    names = ("source", "hash", *ATTRIBUTES[layer])
    return pa.schema([*(pa.field(n, pa.string()) for n in names), pa.field("geometry", pa.binary()), ("bbox", _BBOX)])


def write_geoparquet(
    store: Store, prefix: str, snapshot: Snapshot, folder: Path, on_progress: OnProgress
) -> tuple[list[Made], list[LeftOut]]:
    """Writes the files of all layers, licences and areas below `prefix`, and names the results that could not be read.

    `folder` is for what does not fit into memory.
    """
    made: list[Made] = []
    left_out: list[LeftOut] = []
    for layer in Layer:
        for licence in LICENCES:
            sources = [s for s in snapshot.having(PARQUET, layer) if s.suffix == licence]
            if sources:
                work = _Work(store, prefix, layer, licence, folder, on_progress)
                made += work.write(sources)
                left_out += work.left_out
    return made, left_out


@dataclass
class _Work:
    """The files of one layer and licence."""

    store: Store
    prefix: str
    layer: Layer
    licence: str
    folder: Path
    on_progress: OnProgress
    left_out: list[LeftOut] = field(default_factory=list)

    def write(self, sources: Sequence[Collected]) -> list[Made]:
        with self._file(GLOBAL) as whole:
            files = [self._area(home, sources, whole) for home in (*AREAS[1:], None)]
        if not whole.facts.sources:
            self.store.delete([whole.writer.key])
        return [self._made(file) for file in (whole, *files) if file is not None and file.facts.sources]

    def _area(self, home: str | None, sources: Sequence[Collected], whole: _File) -> _File | None:
        """Writes the rows of an area into its file, where it has one, and into the global one."""
        facts = _Facts()
        with contextlib.closing(Sorter(self.folder)) as sorter:
            for source in sources:
                if home_of(source.source) == home:
                    self._add(source, sorter, facts)
            whole.facts.merge(facts)
            if home is None or not facts.sources:
                _pour(sorter, [whole])
                return None
            with self._file(home) as file:
                file.facts.merge(facts)
                _pour(sorter, [whole, file])
            return file

    def _add(self, source: Collected, sorter: Sorter, facts: _Facts) -> None:
        path = self.folder / "source.parquet"
        try:
            _fetch(self.store, source, path)
            with _opened(path) as parquet:
                facts.add(_geo(parquet))
                for batch in parquet.iter_batches(BATCH_ROWS):
                    sorter.add(_placed(source, self.layer, batch))
        except Unfit as unfit:
            self.left_out.append(LeftOut(source.key, source.run, PARQUET, str(unfit)))
        else:
            self.on_progress(source, source.outputs[PARQUET].size)
        finally:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _file(self, area: str) -> Iterator[_File]:
        key = f"{self.prefix}{file_name(area, self.licence, f'-{self.layer}.parquet')}"
        with self.store.writer(key, content_type=CONTENT_TYPE) as writer:
            file = _File(area, writer, schema_of(self.layer))
            try:
                yield file
            except BaseException:
                file.abandon()
                raise
            file.close()

    def _made(self, file: _File) -> Made:
        stored = file.writer.stored
        return Made(file.area, self.licence, str(self.layer), "parquet", stored, file.rows, file.facts.sources)


@dataclass
class _Facts:
    """What the metadata says of the geometries of so many sources."""

    sources: int = 0
    types: set[str] = field(default_factory=set)
    low: list[float] | None = None
    high: list[float] | None = None

    def add(self, geometry: Mapping[str, Any]) -> None:
        """Takes in those of one file."""
        box = geometry.get("bbox") or []
        half = len(box) // 2
        low, high = (box[:half], box[half:]) if box else (None, None)
        self.merge(_Facts(1, set(geometry["geometry_types"]), low, high))

    def merge(self, other: _Facts) -> None:
        """Takes in those of others."""
        self.sources += other.sources
        self.types |= other.types
        self.low, self.high = _further(min, self.low, other.low), _further(max, self.high, other.high)

    def as_json(self) -> dict[str, Any]:
        """The metadata `geo`."""
        geometry: dict[str, Any] = {"encoding": "WKB", "geometry_types": sorted(self.types)}
        if self.low is not None and self.high is not None:
            geometry["bbox"] = [*self.low, *self.high]
        geometry["covering"] = {"bbox": {corner: ["bbox", corner] for corner in CORNERS}}
        return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}


def _further(
    choose: Callable[[float, float], float], one: list[float] | None, other: list[float] | None
) -> list[float] | None:
    if one is None or other is None:
        return one if other is None else other
    # Heights are told where all have them or not; a box with them beside one without keeps those there are.
    both = [choose(a, b) for a, b in zip(one, other, strict=False)]
    return both + (one if len(one) > len(other) else other)[len(both) :]


class _File:
    """One file in its making: row groups of a hundred thousand rows, or fewer large ones."""

    def __init__(self, area: str, writer: ObjectWriter, schema: pa.Schema) -> None:
        self.area, self.writer = area, writer
        self.facts = _Facts()
        self.rows = 0
        self._schema = schema
        self._parquet = pq.ParquetWriter(
            writer,
            schema,
            compression="zstd",
            use_dictionary=[n for n in schema.names if n not in _DISTINCT],
            write_statistics=[*(n for n in schema.names if n not in {"geometry", "bbox"}), *_CORNER_PATHS],
        )
        self._waiting: list[pa.Table] = []

    def write(self, table: pa.Table) -> None:
        self.rows += len(table)
        self._waiting.append(table.cast(self._schema))
        if sum(len(t) for t in self._waiting) >= GROUP_ROWS or sum(t.nbytes for t in self._waiting) >= GROUP_BYTES:
            self._flush(last=False)

    def close(self) -> None:
        self._flush(last=True)
        self._parquet.add_key_value_metadata({"geo": json.dumps(self.facts.as_json(), separators=(",", ":"))})
        self._parquet.close()

    def abandon(self) -> None:
        self._waiting.clear()
        self._parquet.is_open = False  # its own close would write a footer into a file that is gone

    def _flush(self, *, last: bool) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting)
        self._waiting.clear()
        group = max(1, min(GROUP_ROWS, GROUP_BYTES * len(table) // max(1, table.nbytes)))
        while len(table) >= group or (last and len(table)):
            self._parquet.write_table(table.slice(0, group), row_group_size=group)
            table = table.slice(group)
        if len(table):
            self._waiting.append(table)


def _pour(sorter: Sorter, files: Sequence[_File]) -> None:
    for table in sorter.tables():
        rows = table.drop_columns([PLACE])
        for file in files:
            file.write(rows)


def _fetch(store: Store, source: Collected, path: Path) -> None:
    """Downloads the result. Raises Unfit where it is not what was stored."""
    held = source.outputs[PARQUET]
    digest = hashlib.sha256()
    try:
        with contextlib.closing(store.open(held.key)) as stream, path.open("wb") as file:
            while data := stream.read(CHUNK):
                digest.update(data)
                file.write(data)
    except MissingObject:
        raise Unfit("it is not in the store") from None
    if digest.hexdigest() != held.sha256:
        raise Unfit("its bytes are not those that were stored")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        parquet = pq.ParquetFile(path, pre_buffer=False)
    except pa.ArrowInvalid as error:
        raise Unfit(f"it is no Parquet: {error}") from error
    with parquet:
        if "geometry" not in parquet.schema_arrow.names or b"geo" not in (parquet.metadata.metadata or {}):
            raise Unfit("it has no geometries")
        yield parquet


def _geo(parquet: pq.ParquetFile) -> dict[str, Any]:
    """What the file says of its geometries."""
    found: dict[str, Any] = json.loads(parquet.metadata.metadata[b"geo"])["columns"]["geometry"]
    return found


def _placed(source: Collected, layer: Layer, batch: pa.RecordBatch) -> pa.Table:
    """The batch's rows with their source, box and place. What an older result does not have is null."""
    schema = schema_of(layer)
    rows = len(batch)
    geometry = batch.column("geometry")
    box = boxes(geometry)
    columns: dict[str, pa.Array] = {
        name: batch.column(name) if name in batch.schema.names else pa.nulls(rows, pa.string())
        for name in schema.names
        if name not in {"source", "geometry", "bbox"}
    }
    columns["source"] = pa.repeat(pa.scalar(source.key, pa.string()), rows)
    columns["geometry"] = geometry
    corners = [pa.array(corner) for corner in np.ascontiguousarray(outward(box).T)]
    columns["bbox"] = pa.StructArray.from_arrays(corners, fields=list(_BBOX))
    made = pa.Table.from_arrays([columns[name] for name in schema.names], names=schema.names)
    return made.append_column(PLACE, pa.array(along_curve(*box.T)))
