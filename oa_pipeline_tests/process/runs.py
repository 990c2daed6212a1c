"""Whole runs in a line: bytes or a server's address in, published rows and the run's own account out."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oa_pipeline.convert.sandbox import Converter
from oa_pipeline.convert.task import FORMATS
from oa_pipeline.process import Result, Wanted, process
from oa_pipeline.settings import Settings
from oa_pipeline.sources.model import DataSource
from oa_pipeline.sources.parse import parse_source

LOCAL = Settings(allow_local_sources=True)
CSV = {"format": "csv", "lon": "x", "lat": "y", "number": "n"}


@dataclass(frozen=True)
class Ran:
    """A run that is over."""

    result: Result
    folder: Path

    @property
    def features(self) -> list[dict[str, Any]]:
        """What out.geojson.gz holds, in order."""
        return [
            json.loads(line) for line in gzip.decompress((self.folder / "out.geojson.gz").read_bytes()).splitlines()
        ]

    def values(self, attribute: str) -> list[Any]:
        """One published attribute of all rows."""
        return [feature["properties"][attribute] for feature in self.features]

    @property
    def places(self) -> list[Any]:
        """The published coordinates of all rows; None where there is no geometry."""
        return [f["geometry"] and f["geometry"].get("coordinates") for f in self.features]

    @property
    def csv(self) -> list[dict[str, str]]:
        """The rows of the csv in the zip."""
        with zipfile.ZipFile(next(self.folder.glob("*.zip"))) as archive:
            member = next(name for name in archive.namelist() if name.endswith("/somewhere.csv"))
            return list(csv.DictReader(io.StringIO(archive.read(member).decode(), newline="")))

    @property
    def problem(self) -> str:
        """Why there is no output, "" where there is."""
        outcome = self.result.outcome
        return "" if outcome.problem is None else f"{outcome.problem}: {outcome.detail} ({outcome.cure})"

    @property
    def counters(self) -> Mapping[str, int]:
        return self.result.outcome.counters

    @property
    def dropped(self) -> dict[str, int]:
        """Dropped rows by cause."""
        held: dict[str, int] = self.result.index["rows"]["dropped"]
        return held

    @property
    def kept(self) -> dict[str, int]:
        """Rows that are in GeoJSON only, by cause."""
        held: dict[str, int] = self.result.index["rows"]["kept for geojson only"]
        return held

    @property
    def warnings(self) -> str:
        return "\n".join(self.result.outcome.warnings)

    @property
    def log(self) -> str:
        return (self.folder / "output.txt").read_text()


@dataclass
class Runs:
    """Runs one data source after another, each in a folder of its own."""

    root: Path
    converter: Converter
    settings: Settings = LOCAL
    maps: Wanted = field(default_factory=Wanted)
    formats: tuple[str, ...] = FORMATS
    _count: int = field(default=0)

    def __call__(
        self,
        data: bytes | str | Path,
        conform: dict[str, Any],
        *,
        name: str = "data",
        layer: str = "addresses",
        settings: Settings | None = None,
        **more: Any,
    ) -> Ran:
        """Runs `data` (a file, a file's content or an http address); `more` goes into the data source's object."""
        self._count += 1
        address = self._address(data, name)
        one = {"name": "county", "protocol": "http", "data": address, "conform": conform, **more}
        folder = self.root / f"run{self._count}"
        result = process(
            parsed(one, layer),
            folder,
            settings=settings or self.settings,
            converter=self.converter,
            formats=self.formats,
            maps=self.maps,
        )
        return Ran(result, folder)

    def csv(self, text: str | bytes, **conform: Any) -> Ran:
        """Runs a csv with the columns x, y and n, mapped to the point and the number unless tags say otherwise."""
        held = {key: value for key, value in {**CSV, **conform}.items() if value is not None}
        return self(text if isinstance(text, bytes) else text.encode(), held, name="data.csv")

    def geojson(self, data: Any, *, layer: str = "addresses", **conform: Any) -> Ran:
        """Runs GeoJSON from bytes, or from a value to be made JSON."""
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        return self(raw, {"format": "geojson", "number": "n", **conform}, name="data.geojson", layer=layer)

    def _address(self, data: bytes | str | Path, name: str) -> str:
        if isinstance(data, str):
            return data
        if isinstance(data, bytes):
            path = self.root / f"given{self._count}" / name
            path.parent.mkdir()
            path.write_bytes(data)
            data = path
        return f"file://{data}"


def parsed(one: dict[str, Any], layer: str = "addresses") -> DataSource:
    """The data source that `one` declares."""
    held = {"schema": 2, "coverage": {"country": "us"}, "layers": {layer: [one]}}
    return parse_source(json.dumps(held).encode(), "us/zz/somewhere").data_sources[0]


def feature(geometry: Any, **properties: Any) -> dict[str, Any]:
    """A GeoJSON feature."""
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def point(x: Any, y: Any, **properties: Any) -> dict[str, Any]:
    """A GeoJSON feature with a point."""
    return feature({"type": "Point", "coordinates": [x, y]}, **properties)


def collection(*features: Any, **members: Any) -> dict[str, Any]:
    """A GeoJSON collection."""
    return {"type": "FeatureCollection", **members, "features": list(features)}
