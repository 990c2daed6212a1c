"""Reads GeoJSON of any size: collections, lists, single features, one feature a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from ...counters import Counters
from ...sources.model import Column, Columns, Conform
from ..batch import BATCH_ROWS, Batch
from ..task import Limits
from .cells import MAX_COLUMNS, in_batches, integral_float_text, text_columns, tidy
from .geojson_crs import declared_crs, geometry_crs
from .geojson_features import FeatureDecoding, KeyDecoding
from .geojson_geometry import build
from .geojson_stream import BLOCK_BYTES, FeatureStream
from .json_lenient import no_collections

_COLUMN_TAGS = {"field", "fields", "field_to_remove"}


def conform_columns(conform: Conform) -> frozenset[str]:
    """Every name that a conform uses as a column's."""
    return frozenset(name for _, value in conform.attributes for name in _column_names(value))


def _column_names(value: Any) -> Iterator[str]:
    if isinstance(value, Column):
        yield value.name
    elif isinstance(value, Columns):
        yield from value.names
    elif is_dataclass(value):
        for spec in fields(value):
            held = getattr(value, spec.name)
            if spec.name in _COLUMN_TAGS:
                yield from (held,) if isinstance(held, str) else held
            elif spec.name == "steps":
                for step in held:
                    yield from _column_names(step)


def occurring(path: Path, names: frozenset[str]) -> set[str]:
    """Which of `names` stand anywhere in a file as JSON strings, in plain UTF-8 or with escapes."""
    spelt = {name: {msgspec.json.encode(name), _escaped(name)} for name in names}
    longest = max((len(text) for texts in spelt.values() for text in texts), default=0)
    found: set[str] = set()
    with path.open("rb") as file:
        before = b""
        while len(found) < len(names) and (block := file.read(BLOCK_BYTES)):
            text = before + block
            found |= {name for name in spelt.keys() - found if any(one in text for one in spelt[name])}
            before = text[-longest:]
    return found


def _escaped(name: str) -> bytes:
    return json.dumps(name).encode()


class GeoJsonReader:
    """A GeoJSON file whose columns are known. See `Reader` for the promises."""

    missing_is_empty = False
    remarks: tuple[str, ...] = ()

    def __init__(self, path: Path, columns: tuple[str, ...], crs: str, limits: Limits) -> None:
        """`columns` are the properties' names, `crs` what the coordinates are in."""
        self.columns = columns
        self.crs: str | None = crs
        self.counters = Counters()
        self._path = path
        self._limits = limits

    def batches(self, wanted: frozenset[str]) -> Iterator[Batch]:
        """Yields the features that have a geometry. Raises ConvertError."""
        return in_batches(self._blocks(wanted), self._limits.rows)

    def _blocks(self, wanted: frozenset[str]) -> Iterator[Batch]:
        names = [name for name in self.columns if name in wanted]
        # A frame needs a column to know its height.
        decoding = FeatureDecoding(names or self.columns[:1] or ("",), self._limits.vertices, self.counters)
        stream = FeatureStream(self._path, decoding, self._limits.feature_bytes)
        found = stream.lists()
        while True:
            with no_collections():
                features = next(found, None)
                if features is None:
                    return
                starts = range(0, len(features), BATCH_ROWS)
                batches = [self._batch(features[start : start + BATCH_ROWS], decoding) for start in starts]
                features.clear()  # before the collector is back, so that it has nothing to look at
            yield from batches

    def _batch(self, features: list[Any], decoding: FeatureDecoding) -> Batch:
        self.counters.add("rows/read", len(features))
        geometry, keep = build([one.geometry for one in features], self._limits.vertices, self.counters)
        held = decoding.columns(features)
        text = text_columns(held, integral_float_text)
        if not keep.all():
            text = text.filter(pl.Series(keep))
        text = tidy(text, self._limits.cell_chars, self.counters, returns=decoding.returns)
        return Batch(text, geometry)


def open_geojson(path: Path, conform: Conform, limits: Limits) -> GeoJsonReader:
    """Opens a GeoJSON file and looks at its first features.

    `columns` are their properties, in order, and what else the conform names and the file has somewhere.
    Raises ConvertError where the file is no GeoJSON.
    """
    stream = FeatureStream(path, KeyDecoding(), limits.feature_bytes)
    columns: dict[str, None] = {}
    for keys in islice(stream.lists(), 1):
        for names in keys[:BATCH_ROWS]:
            columns.update(dict.fromkeys(names))
            if len(columns) > MAX_COLUMNS:
                break
    known = dict.fromkeys(list(columns)[:MAX_COLUMNS])
    absent = conform_columns(conform) - known.keys()
    later = occurring(path, absent) if absent else set()
    crs = geometry_crs(conform.srs, None if conform.srs else declared_crs(path, stream.members.get("crs")))
    return GeoJsonReader(path, (*known, *sorted(later)), crs, limits)
