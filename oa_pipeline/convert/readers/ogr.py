"""Shapefiles, file geodatabases, GeoPackages, GML and KML, through GDAL and Arrow, one batch of rows after another."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyogrio
import pyogrio.errors
import pyogrio.raw

from ...counters import Counters
from ...errors import ConvertError
from ...sources.model import Conform, Format
from ..batch import BATCH_ROWS, Batch, Points, Shapes
from ..drivers import DRIVERS, check_registered
from ..sniff import Kind, sniff
from ..task import Limits
from .ogr_encoding import UNICODE, Encoding, likely_codec, shapefile_encoding
from .ogr_geometry import read_geometry
from .ogr_layers import Layer, pick_layer
from .ogr_shapefile import check_shapefile, field_names
from .ogr_text import TextRules, decode_name
from .ogr_xml import check_well_formed

# GDAL's warnings are for those who wrote the file, and there may be one a row.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=re.escape(__name__))

_DAMAGED_SHARE = 0.01
_SAMPLE_ROWS = 1000
# Drivers whose count of rows is what can be read; a shapefile counts deleted rows too.
_COUNTING = ("GPKG", "OpenFileGDB", "GML")
_SHAPEFILES = (Format.SHAPEFILE, Format.SHAPEFILE_POLYGON)
# Without a schema GML's types are guessed, and a guessed date would not come out as it was written.
_DATES_AS_TEXT = json.dumps(
    {
        "layers": [
            {"name": "*", "fields": [{"srcType": kind, "type": "String"} for kind in ("Date", "DateTime", "Time")]}
        ]
    }
)


def open_ogr(path: Path, conform: Conform, limits: Limits) -> OgrReader:
    """A reader of the layer that the conform means. Raises ConvertError; WallError when GDAL could open anything."""
    check_registered(pyogrio.list_drivers())
    if conform.format is None or conform.format not in DRIVERS:
        raise ConvertError(f"{conform.format_text} is not read by GDAL", place=path.name)
    path = path.resolve(strict=True)  # an absolute path is never taken for an address or a virtual file system
    source = _Source(path, conform.format)
    if conform.format in _SHAPEFILES:
        check_shapefile(path)
        source = _shapefile(path, conform)
    elif conform.format in (Format.XML, Format.KML) and sniff(path) in (Kind.GML, Kind.KML, Kind.XML):
        check_well_formed(path)
    with _gdal_errors(path):
        layer = pick_layer(path, conform.layer)
        info = pyogrio.read_info(path, layer=layer.index, encoding=source.read_as, **source.options)
    if info["driver"] not in DRIVERS[conform.format]:
        raise ConvertError(
            f"the file is {info['driver']}, and `format` is {conform.format}", place=path.name, cure="correct `format`"
        )
    return OgrReader(source, layer, info, conform.srs or info["crs"], limits)


@dataclass(frozen=True, slots=True)
class _Source:
    """One file and how its strings are to be read."""

    path: Path
    format: Format
    encoding: Encoding = UNICODE
    read_as: str | None = None  # what GDAL is told; ISO-8859-1 hands every byte through

    @property
    def trick(self) -> bool:
        return self.read_as == "ISO-8859-1"

    @property
    def options(self) -> dict[str, str]:
        guessed = self.format is Format.XML and not self.path.with_suffix(".xsd").exists()
        return {"OGR_SCHEMA": _DATES_AS_TEXT} if guessed and sniff(self.path) is Kind.GML else {}


def _shapefile(path: Path, conform: Conform) -> _Source:
    encoding = shapefile_encoding(path, conform.encoding)
    ascii_names = all(name.isascii() for name in field_names(path.with_suffix(".dbf")))
    unicode = encoding.codec == UNICODE.codec and ascii_names
    return _Source(path, Format.SHAPEFILE, encoding, "UTF-8" if unicode else "ISO-8859-1")


@dataclass(slots=True)
class OgrReader:
    """See `Reader`. The coordinate system is the conform's, else the layer's own, else None."""

    _source: _Source
    _layer: Layer
    _info: Mapping[str, Any]
    crs: str | None
    _limits: Limits
    columns: tuple[str, ...] = ()
    missing_is_empty: bool = False
    counters: Counters = field(default_factory=Counters)
    _names: dict[str, list[str]] = field(default_factory=dict)  # GDAL's names, and ours in order
    _types: dict[str, str] = field(default_factory=dict)  # OGR's types by our names

    @property
    def remarks(self) -> tuple[str, ...]:
        """See `Reader`."""
        return (self._layer.remark,) if self._layer.remark else ()

    def __post_init__(self) -> None:
        """Works out the columns' names: decoded, and two of one name told apart."""
        columns: list[str] = []
        for given, kind in zip(self._info["fields"], self._info["ogr_types"], strict=True):
            name = decode_name(given, self._source.encoding) if self._source.trick else str(given)
            unique, number = name, 2
            while unique in columns:
                unique, number = f"{name}_{number}", number + 1
            columns.append(unique)
            self._types[unique] = str(kind)
            self._names.setdefault(str(given), []).append(unique)
        self.columns = tuple(columns)

    def batches(self, wanted: frozenset[str]) -> Iterator[Batch]:
        """Yields the rows. Raises ConvertError."""
        needed = [given for given, ours in self._names.items() if wanted.intersection(ours)]
        rules = TextRules(
            str(self._info["driver"]),
            self._source.encoding,
            self._source.trick,
            self._limits.cell_chars,
            self.counters,
        )
        damaged = 0
        for records in self._records(needed):
            marks = np.zeros(records.num_rows, dtype=bool)
            yield self._batch(records, rules, marks)
            damaged += int(marks.sum())
        self._check_count()
        self._check_damage(damaged, rules)

    def _records(self, needed: list[str]) -> Iterator[pa.RecordBatch]:
        """Arrow batches as GDAL names their columns, up to the limit of rows."""
        left = self._limits.rows
        with (
            _gdal_errors(self._source.path),
            pyogrio.raw.open_arrow(
                self._source.path,
                layer=self._layer.index,
                encoding=self._source.read_as,
                columns=needed,
                batch_size=BATCH_ROWS,
                use_pyarrow=True,
                datetime_as_string=True,
                **self._source.options,
            ) as (_, stream),
        ):
            for records in stream:
                if left is not None:
                    records = records.slice(0, left)
                    left -= records.num_rows
                yield records
                if left == 0:
                    return

    def _batch(self, records: pa.RecordBatch, rules: TextRules, damaged: np.ndarray) -> Batch:
        self.counters.add("rows/read", records.num_rows)
        geometry_at = records.num_columns - 1 if self._layer.spatial else None  # always the last
        text: dict[str, pl.Series] = {}
        for at, given in enumerate(records.schema.names):
            if at != geometry_at:
                name = next(ours for ours in self._names[given] if ours not in text)
                text[name] = rules.text(records.column(at), self._types[name], damaged)
        geometry: Points | Shapes = _none(records.num_rows)
        keep = np.ones(records.num_rows, dtype=bool)
        if geometry_at is not None:
            geometry, keep = read_geometry(records.column(geometry_at), self._limits.vertices, self.counters)
        frame = pl.DataFrame(text or {"": [""] * records.num_rows})  # a frame without columns has no rows
        if keep.all():
            return Batch(frame, geometry)
        assert isinstance(geometry, Shapes)
        return Batch(frame.filter(pl.Series(keep)), Shapes(geometry.geometries[keep]))

    def _check_count(self) -> None:
        """Holds the rows that came against those that the file says it has: GDAL ends early without a word.

        A few rows that could not be read are dropped and counted; more mean that the file is cut off or damaged.
        """
        promised, read = int(self._info["features"]), self.counters["rows/read"]
        lost = promised - read
        if self._limits.rows is not None or self._info["driver"] not in _COUNTING or lost <= 0:
            return
        if lost > promised * _DAMAGED_SHARE:
            raise ConvertError(
                f"the file says it has {promised:,} rows, and only {read:,} can be read",
                place=self._source.path.name,
                cure="it is cut off or damaged: ask the publisher for a sound one",
            )
        self.counters.add("rows/read", lost)
        self.counters.add("rows/dropped/unreadable", lost)

    def _check_damage(self, damaged: int, rules: TextRules) -> None:
        rows = self.counters["rows/read"]
        sampled = self._limits.rows is not None and rows < _SAMPLE_ROWS  # too few to judge by
        if sampled or damaged <= rows * _DAMAGED_SHARE:
            return
        origin = rules.encoding.origin
        cure = "name the right encoding in `encoding`"
        if origin == "its .cpg":
            cure = "a .cpg counts more than `encoding`: ask the publisher to correct it"
        elif origin == UNICODE.origin:
            cure = "ask the publisher for a sound file"
        raise ConvertError(
            f"{damaged:,} of {rows:,} rows are not {rules.encoding.codec}, which {origin} says"
            f"; their text looks like {likely_codec(rules.unreadable)}",
            place=self._source.path.name,
            cure=cure,
        )


def _none(count: int) -> Points:
    return Points(np.full(count, np.nan), np.full(count, np.nan))


@contextmanager
def _gdal_errors(path: Path) -> Iterator[None]:
    """GDAL's complaints as ConvertError."""
    try:
        yield
    except UnboundLocalError as error:  # pyogrio stumbles over a system that GDAL reads and cannot write
        raise ConvertError(
            "the file's coordinate system is damaged", place=path.name, cure="ask the publisher for a sound .prj"
        ) from error
    except (
        pyogrio.errors.DataSourceError,
        pyogrio.errors.DataLayerError,
        RuntimeError,
        UnicodeDecodeError,
        pa.ArrowException,
        OSError,
    ) as error:
        said = " ".join(str(error).replace(str(path), path.name).split())[:400]
        raise ConvertError(
            f"GDAL cannot read the file: {said}", place=path.name, cure="open it in QGIS to see what is wrong with it"
        ) from error
