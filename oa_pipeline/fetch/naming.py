"""Names of downloads: one for people and for choosing a reader, and one on disk that nobody outside can choose."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

LONGEST = 120

# The only suffixes a file on disk may have.
KNOWN = frozenset(
    {".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".tar"}
    | {".csv", ".tsv", ".txt", ".xls", ".xlsx", ".dbf", ".parquet", ".html"}
    | {".json", ".geojson", ".geojsonl", ".ndjson", ".jsonl"}
    | {".gml", ".kml", ".kmz", ".gpkg", ".xml", ".shp", ".gdb", ".sqlite", ".fgb"}
)

# What web servers call their programs; says nothing of what they deliver.
_PROGRAMS = frozenset({"", ".cgi", ".php", ".aspx", ".asp", ".do", ".jsp", ".ashx", ".dll", ".exe"})

_BY_TYPE: Mapping[str, str] = {
    "application/zip": ".zip",
    "application/x-zip-compressed": ".zip",
    "application/x-zip": ".zip",
    "application/gzip": ".gz",
    "application/x-gzip": ".gz",
    "application/geo+json": ".geojson",
    "application/vnd.geo+json": ".geojson",
    "application/json": ".json",
    "text/json": ".json",
    "text/csv": ".csv",
    "application/csv": ".csv",
    "application/gml+xml": ".gml",
    "application/vnd.google-earth.kml+xml": ".kml",
    "application/vnd.google-earth.kmz": ".kmz",
    "application/geopackage+sqlite3": ".gpkg",
    "application/geopackage+vnd.sqlite3": ".gpkg",
    "application/xml": ".xml",
    "text/xml": ".xml",
}


def file_name(url: str, content_type: str) -> str:
    """A base name such as "parcels.zip": the address's own, with a suffix from `content_type` where it has none.

    Content-Disposition is not asked. A suffix that means data is believed before the content type, whatever query
    follows it; nothing is ever asked twice to find out.
    """
    name = _base_name(url)
    if suffixes(name)[-1:] and suffixes(name)[-1] in KNOWN:
        return name
    guessed = _suffix_of(content_type)
    own = _own_suffix(name)
    if guessed and own in _PROGRAMS:
        return (name.removesuffix(name[-len(own) :]) if own else name) + guessed
    return name if name.lower().endswith(guessed) else name + guessed


def _base_name(url: str) -> str:
    # A file's name may hold ? and #; a web address's may not.
    path = url if url[:5].lower() == "file:" else urlsplit(url).path
    last = unquote(path).replace("\\", "/").rstrip("/").rpartition("/")[2]
    kept = "".join(c for c in last if c.isprintable() and c not in ':*?"<>|').strip(". ")
    if len(kept) > LONGEST:
        kept = kept[: LONGEST - 20] + kept[-20:]
    return kept or "download"


def _own_suffix(name: str) -> str:
    stem, dot, last = name.rpartition(".")
    return f".{last.lower()}" if dot and stem and 0 < len(last) <= 8 else ""


def _suffix_of(content_type: str) -> str:
    kind = content_type.partition(";")[0].strip().lower()
    return _BY_TYPE.get(kind) or mimetypes.guess_extension(kind) or ""


def suffixes(name: str) -> tuple[str, ...]:
    """The known suffixes at the end of a name, at most two and two only before .gz: (".csv", ".gz")."""
    last = _own_suffix(name)
    if last not in KNOWN:
        return ()
    before = _own_suffix(name[: -len(last)])
    return (before, last) if last == ".gz" and before in KNOWN - {".gz"} else (last,)


def disk_suffix(name: str) -> str:
    """The suffix a download gets on disk: one of ours, or ".bin"."""
    return "".join(suffixes(name)) or ".bin"
