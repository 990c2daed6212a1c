"""Reads a file through a reader and gives plain Python values to compare with."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oa_pipeline.convert.batch import Points, Reader
from oa_pipeline.convert.readers import open_reader
from oa_pipeline.convert.task import Limits
from oa_pipeline.sources.model import Column, Conform, Format


@dataclass
class Read:
    """Everything a reader gave: rows as dictionaries, geometries as WKT (None where there is none)."""

    rows: list[dict[str, str]]
    shapes: list[str | None]
    counters: dict[str, int]
    columns: tuple[str, ...]
    crs: str | None

    def column(self, name: str) -> list[str]:
        return [row[name] for row in self.rows]


def _wkt_of_points(points: Points) -> list[str | None]:
    z = [math.nan] * len(points.x) if points.z is None else points.z
    made: list[str | None] = []
    for x, y, height in zip(points.x.tolist(), points.y.tolist(), z, strict=True):
        text = f"POINT ({x:g} {y:g})" if math.isnan(height) else f"POINT Z ({x:g} {y:g} {height:g})"
        made.append(None if math.isnan(x) or math.isnan(y) else text)
    return made


def read(reader: Reader, wanted: Sequence[str] | None = None) -> Read:
    """Reads all; `wanted` defaults to all columns."""
    rows: list[dict[str, str]] = []
    shapes: list[str | None] = []
    for batch in reader.batches(frozenset(reader.columns if wanted is None else wanted)):
        assert sum(batch.text.null_count().row(0)) == 0
        part = (
            _wkt_of_points(batch.geometry)
            if isinstance(batch.geometry, Points)
            else [None if one is None else one.wkt for one in batch.geometry.geometries]
        )
        assert len(part) == len(batch.text)
        rows += batch.text.to_dicts()
        shapes += part
    return Read(rows, shapes, dict(reader.counters), reader.columns, reader.crs)


def conform_of(form: Format, mapped: Sequence[str] = (), **tags: Any) -> Conform:
    """A conform that maps made-up attributes to the columns `mapped`."""
    return Conform(form, form.value, tuple((f"a{i}", Column(name)) for i, name in enumerate(mapped)), **tags)


def read_csv(
    folder: Path, data: bytes | str, limits: Limits | None = None, wanted: Sequence[str] | None = None, **tags: Any
) -> Read:
    """Reads a csv whose points are in the columns x and y unless tags say otherwise."""
    path = folder / "data.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    conform = conform_of(Format.CSV, **{"lon": "x", "lat": "y", **tags})
    return read(open_reader(path, conform, limits or Limits(), form="file"), wanted)


def read_geojson(
    folder: Path,
    data: Any,
    limits: Limits | None = None,
    wanted: Sequence[str] | None = None,
    mapped: Sequence[str] = (),
    **tags: Any,
) -> Read:
    """Reads GeoJSON from bytes, text, or values to be made JSON."""
    path = folder / "data.geojson"
    raw = data if isinstance(data, bytes) else (data if isinstance(data, str) else json.dumps(data)).encode()
    path.write_bytes(raw)
    conform = conform_of(Format.GEOJSON, mapped, **tags)
    return read(open_reader(path, conform, limits or Limits(), form="file"), wanted)


def read_esri(
    folder: Path,
    features: Sequence[Any],
    fields: Sequence[str] = ("n",),
    limits: Limits | None = None,
    wanted: Sequence[str] | None = None,
    *,
    heights: bool = True,
    **tags: Any,
) -> Read:
    """Reads a dump of `features`, each a value to be made JSON or a line as it is."""
    path = folder / "data.jsonl.gz"
    metadata = {"metadata": {"fields": [{"name": name} for name in fields], "hasZ": heights}}
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for one in (metadata, *features):
            file.write((one if isinstance(one, str) else json.dumps(one)) + "\n")
    return read(open_reader(path, conform_of(Format.GEOJSON, **tags), limits or Limits(), form="esri"), wanted)
