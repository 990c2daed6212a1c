"""Reads a dumped ArcGIS layer: gzipped JSON lines, the layer's metadata first, then one Esri feature a line."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
from isal import igzip, igzip_lib
from msgspec import Struct

from ...counters import Counters
from ...errors import ConvertError
from ...sources.model import Conform
from ..batch import BATCH_ROWS, Batch, Points, Shapes
from ..task import Limits
from .cells import MAX_COLUMNS, in_batches, text_columns, tidy
from .esri_geometry import EsriGeometry, EsriPoint, build, points
from .json_lenient import lenient, no_collections
from .named import Named
from .ragged import TOO_MANY_VERTICES, surely_too_many

BLOCK_BYTES = 4 * 1024 * 1024
NOT_A_FEATURE = "rows/dropped/not-a-feature"
_gzip: Any = igzip.IGzipFile  # comes without types
_BROKEN: Any = (EOFError, OSError, zlib.error, igzip_lib.IsalError)


class _Keys(Struct, gc=False):
    attributes: dict[str, msgspec.Raw] | None = None


def _blocks(path: Path, most: int) -> Iterator[bytes]:
    """Whole lines, about BLOCK_BYTES of them at a time."""
    held = b""
    try:
        with _gzip(path, "rb") as file:
            while block := file.read(BLOCK_BYTES):
                cut = block.rfind(b"\n") + 1
                if cut:
                    yield b"".join((held, memoryview(block)[:cut]))
                    held = b""
                held += memoryview(block)[cut:]
                if len(held) > most:
                    raise ConvertError(f"one feature takes more than {most >> 20} MiB", cure="leave that layer out")
    except _BROKEN as error:
        raise ConvertError(f"the dumped layer is damaged: {error}", cure="download it again") from None
    if held.strip():
        yield held


def _float(held: Any) -> float:
    """A fallback coordinate: any number or text that Python reads as a finite float, NaN for the rest."""
    try:
        value = math.nan if held is None or isinstance(held, bool) else float(held)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return value if math.isfinite(value) else math.nan


class _Row:
    """One feature that needed patience, with the attributes of the decoder's struct."""

    __slots__ = ("attributes", "geometry")

    def __init__(self, attributes: Any, geometry: EsriGeometry | None) -> None:
        self.attributes = attributes
        self.geometry = geometry


def _decoder(attributes: Any, geometry: type[Struct]) -> msgspec.json.Decoder[Any]:
    members = [("attributes", attributes, None), ("geometry", geometry | None, None)]
    return msgspec.json.Decoder(msgspec.defstruct("Feature", members, gc=False))


class _Decoding:
    """Decodes the attributes called `names` and the geometry of Esri features.

    `returns`: some text so far may hold a carriage return, which JSON can only say by an escape.
    """

    def __init__(self, names: tuple[str, ...], vertices: int, counters: Counters) -> None:
        self._named = Named(names)
        self.returns = False
        self._vertices = vertices
        self._counters = counters
        attributes = self._named.type | None
        self._decoder = _decoder(attributes, EsriGeometry)
        # Most layers have points and nothing else; the first feature that is none ends the attempt.
        self._points: msgspec.json.Decoder[Any] | None = _decoder(attributes, EsriPoint)

    def features(self, block: bytes) -> list[Any]:
        """All features of some lines; what is none is dropped and counted."""
        self.returns = self.returns or b"\\" in block
        try:
            if surely_too_many(block, self._vertices):
                raise ValueError
            made: list[Any] | None = self._only_points(block)
            return self._decoder.decode_lines(block) if made is None else made
        except (ValueError, msgspec.MsgspecError, RecursionError):
            rows = [self._one(line) for line in block.split(b"\n") if line.strip()]
            return [row for row in rows if row is not None]

    def _only_points(self, block: bytes) -> list[Any] | None:
        """All features, where each has a point or no geometry."""
        if self._points is None:
            return None
        try:
            return self._points.decode_lines(block)
        except (msgspec.MsgspecError, RecursionError):
            self._points = None
            return None

    def _one(self, line: bytes) -> Any:
        if surely_too_many(line, self._vertices):
            self._counters.add("rows/read")
            self._counters.add(TOO_MANY_VERTICES)
            return None
        try:
            return self._decoder.decode(line)
        except (ValueError, msgspec.MsgspecError, RecursionError):
            pass
        self.returns = True  # here it may stand for itself
        try:
            value = lenient(line, self._counters)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            self._counters.add("rows/read")
            self._counters.add(NOT_A_FEATURE)
            return None
        attributes = value.get("attributes")
        held = attributes if isinstance(attributes, dict) else {}
        geometry = value.get("geometry")
        known = set(EsriGeometry.__struct_fields__)
        shape = (
            EsriGeometry(**{k: v for k, v in geometry.items() if k in known}) if isinstance(geometry, dict) else None
        )
        return _Row(self._named.of(held), shape)

    def columns(self, features: list[Any]) -> dict[str, Sequence[Any]]:
        """The values of each name, None where a feature has none."""
        return self._named.columns([one.attributes for one in features])


class EsriReader:
    """A dumped layer whose metadata has been read. See `Reader` for the promises."""

    missing_is_empty = True
    remarks: tuple[str, ...] = ()

    def __init__(
        self, path: Path, columns: tuple[str, ...], conform: Conform, limits: Limits, *, heights: bool = False
    ) -> None:
        """`columns` are the names of the attributes; `heights`: the layer says that its points have some."""
        self.columns = columns
        # The layer was asked for longitude and latitude; `srs` is for servers that do not listen.
        self.crs: str | None = conform.srs or "EPSG:4326"
        self.counters = Counters()
        self._path = path
        self._lat, self._lon = conform.lat, conform.lon
        self._limits = limits
        self._heights = heights

    def batches(self, wanted: frozenset[str]) -> Iterator[Batch]:
        """Yields the features that have a geometry. Raises ConvertError."""
        return in_batches(self._batches(wanted), self._limits.rows)

    def _batches(self, wanted: frozenset[str]) -> Iterator[Batch]:
        places = {self._lat, self._lon} - {None}
        names = [name for name in self.columns if name in wanted or name in places]
        # A frame needs a column to know its height.
        decoding = _Decoding(tuple(names) or self.columns[:1] or ("",), self._limits.vertices, self.counters)
        first = True
        for block in _blocks(self._path, self._limits.feature_bytes):
            lines = block[block.index(b"\n") + 1 :] if first and b"\n" in block else b"" if first else block
            first = False
            with no_collections():
                features = decoding.features(lines)
                starts = range(0, len(features), BATCH_ROWS)
                batches = [self._batch(features[start : start + BATCH_ROWS], decoding) for start in starts]
                features.clear()  # before the collector is back, so that it has nothing to look at
            yield from batches

    def _batch(self, features: list[Any], decoding: _Decoding) -> Batch:
        self.counters.add("rows/read", len(features))
        held = decoding.columns(features)
        fallback = self._fallback(held, len(features))
        shapes = [one.geometry for one in features]
        geometry, keep = self._places(shapes, fallback)
        text = text_columns(held, repr)
        if not keep.all():
            text = text.filter(pl.Series(keep))
        return Batch(tidy(text, self._limits.cell_chars, self.counters, returns=decoding.returns), geometry)

    def _places(self, shapes: list[Any], fallback: Points) -> tuple[Points | Shapes, np.ndarray]:
        # The decoder makes points of all of a block's geometries or of none.
        if shapes and all(shapes) and isinstance(shapes[0], EsriPoint):
            made = points(shapes, heights=self._heights)
            if made is not None:
                return made, np.ones(len(shapes), bool)
        if not self._heights:
            _flatten(shapes)
        return build(shapes, fallback, self._limits.vertices, self.counters)

    def _fallback(self, held: dict[str, Any], rows: int) -> Points:
        """The points of the conform's lat and lon, NaN where there is none."""
        nothing = np.full(rows, math.nan)
        if self._lat not in held or self._lon not in held:
            return Points(nothing, nothing)
        x = np.array([_float(value) for value in held[self._lon]], np.float64)
        y = np.array([_float(value) for value in held[self._lat]], np.float64)
        either = np.isnan(x) | np.isnan(y)
        return Points(np.where(either, math.nan, x), np.where(either, math.nan, y))


def _flatten(shapes: list[Any]) -> None:
    """Servers send a zero height with every point of layers that have none."""
    for one in shapes:
        if one is not None and one.z is not None:
            one.z = None


def _metadata(line: bytes) -> tuple[list[str], bool]:
    """Names of the fields, and whether the layer has heights."""
    try:
        metadata = msgspec.json.decode(line)["metadata"]
        listed = metadata.get("fields") or []
        names = [field["name"] for field in listed if isinstance(field, dict) and isinstance(field.get("name"), str)]
        return names, metadata.get("hasZ") is True
    except (ValueError, msgspec.MsgspecError, LookupError, TypeError, AttributeError, RecursionError):
        raise ConvertError("the dumped layer does not begin with its metadata", cure="download it again") from None


def _keys(lines: list[bytes]) -> Iterator[str]:
    decoder = msgspec.json.Decoder(_Keys)
    for line in lines:
        try:
            yield from decoder.decode(line).attributes or ()
        except (ValueError, msgspec.MsgspecError, RecursionError):
            continue


def open_esri(path: Path, conform: Conform, limits: Limits) -> EsriReader:
    """Opens a dumped layer. `columns` are the metadata's fields and what else the first features have.

    Raises ConvertError where the file is no such dump.
    """
    first = next(_blocks(path, limits.feature_bytes), b"")
    metadata, *lines = first.split(b"\n")[:BATCH_ROWS]
    fields, heights = _metadata(metadata)
    names = dict.fromkeys([*fields, *_keys(lines)])
    return EsriReader(path, tuple(names)[:MAX_COLUMNS], conform, limits, heights=heights)
