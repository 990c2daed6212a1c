"""Which coordinate system a GeoJSON file is in: the conform's `srs`, else the file's `crs` where that is projected."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from .geojson_stream import tail

LONGITUDE_LATITUDE = "EPSG:4326"
_EPSG = re.compile(
    r"(?:EPSG:{1,2}|urn:(?:x-)?ogc:def:crs:EPSG:[^:]*:|https?://www\.opengis\.net/def/crs/EPSG/[^/]+/)(\d{4,6})",
    re.IGNORECASE,
)
_MEMBER = re.compile(rb'"crs"\s*:')


def declared_crs(path: Path, head: bytes | None) -> str | None:
    """The EPSG code that a collection's `crs` member names; `head` is that member where it precedes the features.

    Links are never followed. Of a member behind the features the last 64 KiB of the file tell.
    """
    raw = head if head is not None else _crs_behind(tail(path))
    if raw is None:
        return None
    try:
        member = msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return None
    properties = member.get("properties") if isinstance(member, dict) else None
    return _code(properties) if isinstance(properties, dict) else None


def _code(properties: dict[str, Any]) -> str | None:
    if isinstance(properties.get("code"), int):
        return f"EPSG:{properties['code']}"
    found = _EPSG.fullmatch(str(properties.get("name", "")))
    return f"EPSG:{found[1]}" if found else None


def _crs_behind(text: bytes) -> bytes | None:
    """A member of the outermost object: only there does the text from the name to the end of the file close one."""
    for found in reversed(list(_MEMBER.finditer(text))):
        try:
            members = msgspec.json.decode(b"{" + text[found.start() :], type=dict[str, msgspec.Raw])
        except (ValueError, RecursionError):
            continue
        return bytes(members["crs"])
    return None


def geometry_crs(srs: str | None, declared: str | None) -> str:
    """The first of the two that is there, where it is projected; a geographic one changes nothing.

    What PROJ does not know is passed on if the conform says it, so that whoever transforms can refuse it by name.
    """
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    named = srs or declared
    if not named:
        return LONGITUDE_LATITUDE
    try:
        projected = CRS.from_user_input(named.upper()).is_projected
    except CRSError:
        return srs or LONGITUDE_LATITUDE
    return named if projected else LONGITUDE_LATITUDE
