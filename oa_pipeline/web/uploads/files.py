"""How an uploaded file may be called, and where in the store it goes."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from ..endpoints import BadRequest

PREFIX = "cache/uploads/"
LEAST = 16  # bytes: less is no data
MIB = 1024 * 1024
TYPES: Mapping[str, str] = {
    ".zip": "application/zip",
    ".gz": "application/gzip",
    ".csv": "text/csv; charset=utf-8",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".gpkg": "application/geopackage+sqlite3",
    ".gml": "application/gml+xml",
    ".kml": "application/vnd.google-earth.kml+xml",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


def content_type(name: str) -> str:
    """The type that a file of this name is stored with. Raises BadRequest for a name that no file may have."""
    kind = TYPES.get(f".{name.rpartition('.')[2].lower()}")
    if kind is None or not _NAME.fullmatch(name):
        endings = ", ".join(TYPES)
        raise BadRequest(
            "A file cannot be called that",
            cure=f"letters, digits, dots, hyphens and underscores, at most 100, ending in one of {endings}",
        )
    return kind


def new_key(login: str, name: str) -> str:
    """A key that nobody can guess and that no object has."""
    return f"{PREFIX}{login}/{secrets.token_hex(8)}/{name}"
