"""From what a source says about its coordinate system to longitudes and latitudes.

x is always east and y north, whatever order the registry lists the axes in. Deprecated codes mean their successor
where there is exactly one (Monte Mario / Italy zone 1 as EPSG:26591 would otherwise land 12 degrees away).
Nothing is ever fetched: only the grids that are installed are used. Heights pass through untouched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import pyproj
import pyproj.network
from pyproj import CRS, Transformer
from pyproj.database import get_codes
from pyproj.enums import PJType
from pyproj.exceptions import CRSError, ProjError

from ..errors import ConvertError

LONLAT = "EPSG:4326"
TEXT_LIMIT = 32 * 1024  # the longest definition in the registry has under 10 kB

_CODE = re.compile(r"(EPSG|ESRI|OGC|IAU_\d{4}|IGNF|NKG)\s*:\s*([A-Za-z0-9_.]{1,64})", re.IGNORECASE)
_URN = re.compile(r"urn:(?:x-)?ogc:def:crs:([A-Za-z0-9_]+):[^:]*:([A-Za-z0-9]{1,32})", re.IGNORECASE)
_WKT = re.compile(
    r"(GEOGCS|PROJCS|COMPD_CS|GEOGCRS|GEODCRS|PROJCRS|BOUNDCRS|COMPOUNDCRS|GEODETICCRS|GEOGRAPHICCRS|PROJECTEDCRS"
    r"|GEOCCS|LOCAL_CS|VERT_CS|ENGCRS|VERTCRS)\s*[\[(]",
    re.IGNORECASE,
)
_GRIDS = re.compile(r"(?:nad|geoid|shift_)?grids\s*=\s*(?!@null\b)|PARAMETERFILE\s*[\[(]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Projection:
    """One way from a coordinate system to longitude and latitude. Not to be shared between threads."""

    name: str
    transformer: Transformer | None = field(default=None, repr=False, compare=False)

    @property
    def identity(self) -> bool:
        """Whether coordinates are longitudes and latitudes already."""
        return self.transformer is None

    def lonlat(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Arrays of the same length; NaN stays NaN, and inf where the projection has no such place."""
        if self.transformer is None:
            return x, y
        lon, lat = (np.asarray(values) for values in self.transformer.transform(x, y))
        missing = np.isnan(x)
        if missing.any():  # PROJ gives inf for NaN where it chooses among several operations
            lon[missing] = lat[missing] = np.nan
        return lon, lat


def to_lonlat(crs: str | None, place: str) -> Projection:
    """The projection for `EPSG:n` (in any case), a registry's URN or WKT; `place` is named in a ConvertError."""
    if crs is None or not crs.strip():
        raise ConvertError(
            "nothing tells the coordinate system of the data", place=place, cure='add "srs": "EPSG:..." to the conform'
        )
    text = crs.strip()
    if len(text) > TEXT_LIMIT:
        raise ConvertError(
            f"the definition of the coordinate system has {len(text):,} characters",
            place=place,
            cure='name it by its code, "srs": "EPSG:..."',
        )
    if text.upper().replace(" ", "") == LONLAT:
        return Projection(LONLAT)
    pyproj.network.set_network_enabled(active=False)  # type: ignore[attr-defined]
    system = _horizontal(_parsed(text, place), text, place)
    try:
        transformer = Transformer.from_crs(system, LONLAT, always_xy=True)
    except ProjError as error:
        raise ConvertError(
            f"no way from {_short(text)} to longitude and latitude: {error}", place=place, cure="check srs"
        ) from None
    name = ":".join(system.to_authority() or ()) or system.name
    return Projection(name) if _does_nothing(transformer) else Projection(name, transformer)


def _does_nothing(transformer: Transformer) -> bool:
    return bool(transformer.definition.startswith("proj=noop"))


def _parsed(text: str, place: str) -> CRS:
    named = _CODE.fullmatch(text) or _URN.fullmatch(text)
    if named:
        return _by_code(named[1].upper(), named[2], text, place)
    # PROJ would also open URLs, files and pipelines; a source has no business there.
    if not _WKT.match(text) or _GRIDS.search(text):
        raise ConvertError(
            f"{_short(text)} is not accepted as a coordinate system", place=place, cure='write it as "EPSG:" and a code'
        )
    try:
        return CRS.from_wkt(text)
    except CRSError as error:
        raise ConvertError(
            f"the coordinate system cannot be read: {_short(str(error))}", place=place, cure='add "srs": "EPSG:..."'
        ) from None


def _by_code(authority: str, code: str, text: str, place: str) -> CRS:
    try:
        system = CRS.from_authority(authority, code.upper())
    except CRSError:
        raise ConvertError(
            f"no coordinate system is known as {_short(text)} to PROJ {pyproj.proj_version_str}",
            place=place,
            cure=_nearest(authority, code),
        ) from None
    if system.is_deprecated:
        successors = system.get_non_deprecated()
        if len(successors) == 1:
            return successors[0]
    return system


def _nearest(authority: str, code: str) -> str:
    known = get_codes(authority, PJType.CRS) if authority in pyproj.database.get_authorities() else []
    # Mistyped codes differ in one digit, seldom in two.
    slips = [(sum(a != b for a, b in zip(code, k, strict=True)), k) for k in known if len(k) == len(code)]
    near = sorted((wrong, abs(int(k) - int(code)), k) for wrong, k in slips if wrong <= 2 and (k + code).isdecimal())
    if not near:
        return "check the code in the EPSG registry"
    return "near it are " + ", ".join(f"{authority}:{k}" for _, _, k in near[:3])


def _horizontal(system: CRS, text: str, place: str) -> CRS:
    if system.is_geographic or system.is_projected:
        return system.to_2d()
    raise ConvertError(
        f"{_short(text)} ({system.type_name}) has no longitudes and latitudes",
        place=place,
        cure="name a geographic or projected system in srs",
    )


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 80 else flat[:77] + "..."
