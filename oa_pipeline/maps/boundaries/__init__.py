"""Packaged boundaries: the countries of ISO 3166-1, the states and the counties of the United States by GEOID.

Cut at the antimeridian, valid, in degrees. PROVENANCE.md says where they are from and how exact they are.
"""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from .codes import NAMES, STATES, TERRITORIES

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = [
    "NAMES",
    "STATES",
    "TERRITORIES",
    "Feature",
    "counties",
    "countries",
    "county_names",
    "features",
    "find",
    "geometries",
    "land",
    "outlines",
    "shape",
    "states",
]

Box = tuple[float, float, float, float]
_FILES = ("world", "us")
_GEOMETRY = b',"geometry":'


@dataclass(frozen=True, slots=True)
class Feature:
    """One country (`FI`), state (`06`) or county (`06001`); of land that is of no country the code is empty."""

    code: str
    name: str
    state: str  # of states and counties: what the mail calls the state
    shape: Any

    @property
    def kind(self) -> str:
        """`country`, `state` or `county`."""
        return kind_of(self.code)


def kind_of(code: str) -> str:
    """`state` or `county` of a GEOID, else `country`."""
    return {2: "state", 5: "county"}[len(code)] if code.isdigit() else "country"


@functools.cache
def features(file: str) -> tuple[Feature, ...]:
    """All of one file, `world` or `us`, in the order of their codes, states before counties."""
    return tuple(_read(_lines(file)))


def _read(lines: Sequence[bytes]) -> Iterator[Feature]:
    import shapely

    parts = [line.rpartition(_GEOMETRY) for line in lines]
    shapes = shapely.from_geojson([text.removesuffix(b"}").decode() for _, _, text in parts])
    for (facts, _, _), shape in zip(parts, shapes, strict=True):
        held = json.loads(facts + b"}")
        yield Feature(held["id"], held["properties"]["name"], held["properties"].get("state", ""), shape)


def _lines(file: str) -> list[bytes]:
    """A feature's text a line."""
    packed = (resources.files(__package__) / f"{file}.geojson.gz").read_bytes()
    return [line.rstrip(b",") for line in gzip.decompress(packed).splitlines()[1:-1]]


def find(code: str) -> Feature | None:
    """The country, state or county of this code; None where there is none. Reads no more than it has to."""
    file = "us" if code.isdigit() else "world"
    if features.cache_info().currsize:
        return _by_code(file).get(code)
    start = b'{"type":"Feature","id":"%b",' % code.encode()
    line = next((line for line in _lines(file) if code and line.startswith(start)), None)
    return next(iter(_read([line]))) if line else None


@functools.cache
def _by_code(file: str) -> dict[str, Feature]:
    return {one.code: one for one in features(file) if one.code}


def shape(code: str) -> Any | None:
    """The shape of a country, state or county; None where there is none."""
    found = find(code)
    return found.shape if found else None


@functools.cache
def county_names(state: str) -> dict[str, str]:
    """The counties of the state with this GEOID: name by GEOID. No library is loaded."""
    facts = (json.loads(line.rpartition(_GEOMETRY)[0] + b"}") for line in _lines("us"))
    return {one["id"]: one["properties"]["name"] for one in facts if one["id"][:2] == state and one["id"] != state}


@functools.cache
def geometries(file: str) -> dict[str, Any]:
    """GeoJSON geometries of one file by code, for those who only pass them on: no library is loaded."""
    parts = [line.rpartition(_GEOMETRY) for line in _lines(file)]
    # Counties are many, and nobody asks for them.
    found = {json.loads(facts + b"}")["id"]: json.loads(text.removesuffix(b"}")) for facts, _, text in parts}
    return {code: geometry for code, geometry in found.items() if len(code) < len("06001")}


def outlines(box: Box) -> Iterator[Feature]:
    """What lies at least in part within west, south, east, north: countries, then states, then counties."""
    import shapely

    window = shapely.box(*box)
    for file in _FILES:
        found = features(file)
        near = shapely.intersects(shapely.envelope([one.shape for one in found]), window)
        yield from (one for one, is_near in zip(found, near, strict=True) if is_near)


def countries() -> GeoDataFrame:
    """By code: `name`, `geometry`."""
    return _frame("world", "country")


def states() -> GeoDataFrame:
    """By GEOID: `name`, `state`, `geometry`; the territories, too, which are among the countries as well."""
    return _frame("us", "state")


def counties() -> GeoDataFrame:
    """By GEOID: `name`, `state`, `geometry`."""
    return _frame("us", "county")


def land() -> list[Any]:
    """All shapes of the world, those of no country, too."""
    return [one.shape for one in features("world")]


@functools.cache
def _frame(file: str, kind: str) -> GeoDataFrame:
    import geopandas

    held = [one for one in features(file) if one.code and one.kind == kind]
    frame = geopandas.GeoDataFrame(
        {"name": [one.name for one in held], "state": [one.state for one in held]},
        geometry=[one.shape for one in held],
        index=[one.code for one in held],
        crs="EPSG:4326",
    )
    return frame if file == "us" else frame.drop(columns="state")
