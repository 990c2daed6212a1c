"""Which of the unpacked files the conform is about.

One candidate is taken; several are narrowed by the `file` tag, else they are an error that lists them. What a file
holds decides whether it can be read at all; its name only breaks ties.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..errors import ConvertError, Problem
from ..sources.model import Conform, Format
from .archive import Unpacked
from .membernames import listing, split_name
from .sniff import Kind, refuse_html, sniff
from .wanted import nearest, picked

Candidates = Callable[[Sequence[Unpacked]], list[Unpacked]]

_SNIFFED = 200  # files looked into when no name tells


def choose(unpacked: Sequence[Unpacked], conform: Conform) -> Path:
    """The file to read, or the directory of a file geodatabase. Raises ConvertError."""
    rule = _RULES.get(conform.format) if conform.format else None
    if rule is None or conform.format is None:
        raise ConvertError(f"unknown format {conform.format_text!r}", problem=Problem.UNKNOWN_FORMAT)
    if len(unpacked) == 1 and conform.format is not Format.GDB:
        return _checked(unpacked[0], conform.format)
    named = _named(unpacked, conform.file)
    if named and conform.format in _ANY_NAME:
        return _checked(named, conform.format)
    candidates = rule(unpacked)
    if len(candidates) > 1 and conform.file:
        candidates = [candidates[i] for i in picked([c.name for c in candidates], conform.file)] or candidates
    if len(candidates) > 1:
        raise ConvertError(
            f"several files could be meant: {listing(sorted(c.name for c in candidates))}",
            cure="name one in `file`",
        )
    if not candidates:
        raise ConvertError(
            f"no {_NOUNS[conform.format]} in the download",
            cure=f"it holds {nearest([u.name for u in unpacked], conform.file or '')}; set `format`, or `file`",
        )
    return _checked(candidates[0], conform.format)


def _named(unpacked: Sequence[Unpacked], file: str | None) -> Unpacked | None:
    """The one file that `file` means, if it means a file."""
    indices = picked([u.name for u in unpacked], file) if file else []
    return unpacked[indices[0]] if len(indices) == 1 else None


def _checked(chosen: Unpacked, wanted: Format) -> Path:
    """The path of `chosen`, when it holds what the format needs."""
    if wanted is Format.GDB:
        return chosen.path
    refuse_html(chosen.path, chosen.name)
    kind = sniff(chosen.path)
    if kind not in _READABLE[wanted]:
        raise ConvertError(
            f"got {kind}, and `format` is {wanted}",
            place=chosen.name,
            cure="correct `format`, or name the right member in `file`",
        )
    if wanted in (Format.SHAPEFILE, Format.SHAPEFILE_POLYGON):
        _check_parts(chosen)
    extension = _NEEDED.get(kind)
    if extension and chosen.path.suffix not in (extension, ".xml"):
        return chosen.path.rename(chosen.path.with_name(chosen.path.name + extension))
    return chosen.path


def _check_parts(shapefile: Unpacked) -> None:
    missing = [part for part in (".shx", ".dbf") if not shapefile.path.with_suffix(part).exists()]
    if missing:
        raise ConvertError(
            f"the shapefile lacks its {' and '.join(missing)}",
            place=shapefile.name,
            cure="point `data` at a zip that holds .shp, .shx and .dbf; name a complete shapefile in `file`",
        )


# ---- candidates, format by format -------------------------------------------------------------------


def _ending(unpacked: Sequence[Unpacked], *endings: str) -> list[Unpacked]:
    return [u for u in unpacked if u.name.casefold().endswith(endings)]


def _holding(unpacked: Sequence[Unpacked], *kinds: Kind) -> list[Unpacked]:
    return [u for u in unpacked[:_SNIFFED] if sniff(u.path) in kinds]


def _shapefiles(unpacked: Sequence[Unpacked]) -> list[Unpacked]:
    """Shapefiles, the complete ones where there are any."""
    every = _ending(unpacked, ".shp")
    complete = [u for u in every if all(u.path.with_suffix(part).exists() for part in (".shx", ".dbf"))]
    return complete or every


def _geodatabases(unpacked: Sequence[Unpacked]) -> list[Unpacked]:
    """One for each directory that holds a file geodatabase, under the directory's name."""
    tables = [u for u in unpacked if u.path.name.casefold() == "a00000001.gdbtable"]
    return [Unpacked(table.path.parent, split_name(table.name)[0] or table.path.parent.name) for table in tables]


def _geopackages(unpacked: Sequence[Unpacked]) -> list[Unpacked]:
    return _ending(unpacked, ".gpkg") or _holding(unpacked, Kind.GPKG)


def _csvs(unpacked: Sequence[Unpacked]) -> list[Unpacked]:
    return (
        _ending(unpacked, ".csv")
        or _ending(unpacked, ".tsv", ".tab", ".dsv", ".psv")
        or [u for u in _ending(unpacked, ".txt", ".asc", ".dat") if sniff(u.path) in _READABLE[Format.CSV]]
        or _holding(unpacked, Kind.TEXT)
    )


def _geojsons(unpacked: Sequence[Unpacked]) -> list[Unpacked]:
    json = _holding(_ending(unpacked, ".geojson", ".json", ".geojsonl", ".geojsons", ".ndjson", ".jsonl"), Kind.JSON)
    named = _ending(json, ".geojson", ".geojsonl", ".geojsons")
    return (named if len(named) == 1 else json) or _holding(unpacked, Kind.JSON)


def _gmls(unpacked: Sequence[Unpacked]) -> list[Unpacked]:
    return _ending(unpacked, ".gml") or _kmls(unpacked) or _holding(unpacked, Kind.GML) or _ending(unpacked, ".xml")


def _kmls(unpacked: Sequence[Unpacked]) -> list[Unpacked]:
    return _ending(unpacked, ".kml") or _holding(unpacked, Kind.KML)


_RULES: Mapping[Format, Candidates] = {
    Format.CSV: _csvs,
    Format.GEOJSON: _geojsons,
    Format.SHAPEFILE: _shapefiles,
    Format.SHAPEFILE_POLYGON: _shapefiles,
    Format.GDB: _geodatabases,
    Format.GPKG: _geopackages,
    Format.XML: _gmls,
    Format.KML: _kmls,
}
_ANY_NAME = frozenset({Format.CSV, Format.GEOJSON, Format.GPKG, Format.XML, Format.KML})
_NOUNS: Mapping[Format, str] = {
    Format.CSV: "csv file",
    Format.GEOJSON: "GeoJSON file",
    Format.SHAPEFILE: "shapefile",
    Format.SHAPEFILE_POLYGON: "shapefile",
    Format.GDB: "file geodatabase",
    Format.GPKG: "GeoPackage",
    Format.XML: "GML or KML file",
    Format.KML: "KML file",
}
_READABLE: Mapping[Format, frozenset[Kind]] = {
    Format.CSV: frozenset({Kind.TEXT, Kind.BINARY}),  # unusual encodings do not look like text
    Format.GEOJSON: frozenset({Kind.JSON}),
    Format.SHAPEFILE: frozenset({Kind.SHP}),
    Format.SHAPEFILE_POLYGON: frozenset({Kind.SHP}),
    Format.GPKG: frozenset({Kind.GPKG, Kind.SQLITE}),
    Format.XML: frozenset({Kind.GML, Kind.KML, Kind.XML}),
    Format.KML: frozenset({Kind.KML, Kind.XML}),
}
_NEEDED: Mapping[Kind, str] = {Kind.GPKG: ".gpkg", Kind.SQLITE: ".gpkg", Kind.GML: ".gml", Kind.KML: ".kml"}
