"""One reader for each kind of data; `open_reader` picks it. Each is imported only when it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Literal, cast

from ...errors import ConvertError, Problem
from ...sources.model import Conform, Format
from ..batch import Reader
from ..task import Limits

Opener = Callable[[Path, Conform, Limits], Reader]

# Module and function by format; ESRI dumps have one reader whatever format their conform names.
READERS: Mapping[Format, tuple[str, str]] = {
    Format.CSV: ("csv_reader", "open_csv"),
    Format.GEOJSON: ("geojson_reader", "open_geojson"),
    Format.SHAPEFILE: ("ogr", "open_ogr"),
    Format.SHAPEFILE_POLYGON: ("ogr", "open_ogr"),
    Format.GDB: ("ogr", "open_ogr"),
    Format.GPKG: ("ogr", "open_ogr"),
    Format.XML: ("ogr", "open_ogr"),
    Format.KML: ("ogr", "open_ogr"),
}
_ESRI = ("esri_reader", "open_esri")


def open_reader(path: Path, conform: Conform, limits: Limits, *, form: Literal["file", "esri"]) -> Reader:
    """The reader of what was downloaded: `form` "esri" is a dumped ArcGIS layer, else the conform's format decides.

    Raises ConvertError where the format is unknown or the file is not of that format.
    """
    if form == "esri":
        module, name = _ESRI
    elif conform.format is None:
        raise ConvertError(
            f"unknown format {conform.format_text!r}",
            cure="use one of " + ", ".join(sorted(READERS)),
            place="conform.format",
            problem=Problem.UNKNOWN_FORMAT,
        )
    else:
        module, name = READERS[conform.format]
    opener = cast(Opener, getattr(import_module(f".{module}", __name__), name))
    return opener(path, conform, limits)
