"""Which files a data source gets, and who writes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from ...sources.model import Layer
from ..task import FORMATS, Output
from .block import Block
from .csvzip import CsvZipWriter, Readme
from .geojson import GeoJsonWriter
from .geoparquet import GeoParquetWriter


class Writer(Protocol):
    """One output file. Used by one thread; `close` or `abort` ends it, and `abort` may follow anything."""

    def write(self, block: Block) -> None:
        """Adds the rows of the block that belong into this file."""
        ...

    def close(self) -> Output:
        """Completes the file."""
        ...

    def abort(self) -> None:
        """Removes whatever there is of the file."""
        ...


def open_writers(
    folder: Path,
    source: str,
    layer: Layer,
    name: str,
    attributes: tuple[str, ...],
    formats: tuple[str, ...] = FORMATS,
    *,
    website: str = "",
    licence: str = "",
    member: str = "",
    plain: bool = False,
) -> dict[str, Writer]:
    """Writers by kind: `geojson` (out.geojson.gz), `parquet` (out.parquet), `csv` (addresses only: {base}.zip).

    `source` is the full path, "us/ca/alameda"; `member` replaces it in the names of the zip and its members, for a
    source's second addresses data source. `attributes` are the published ones. `plain` adds `geojson-plain`
    (out.geojson) beside the packed one, or without it where `formats` has "geojson-plain" and not "geojson".
    """
    readme = Readme(source, name, website, licence)
    wanted = (*formats, "geojson-plain") if plain and "geojson" in formats else formats
    makers: dict[str, Callable[[], Writer]] = {
        "geojson": lambda: GeoJsonWriter(folder / "out.geojson.gz", packed=True),
        "geojson-plain": lambda: GeoJsonWriter(folder / "out.geojson", packed=False),
        "parquet": lambda: GeoParquetWriter(folder / "out.parquet", layer),
    }
    if layer is Layer.ADDRESSES:
        makers["csv"] = lambda: CsvZipWriter(folder, member or source, readme)
    opened: dict[str, Writer] = {}
    try:
        for kind in dict.fromkeys(wanted):
            if kind in makers:
                opened[kind] = makers[kind]()
    except BaseException:
        for writer in opened.values():
            writer.abort()
        raise
    return opened
