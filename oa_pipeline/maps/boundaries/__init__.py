"""Packaged boundaries: the countries of ISO 3166-1, the states and the counties of the United States by GEOID.

Cut at the antimeridian, valid, in degrees. PROVENANCE.md says where they are from and how exact they are.
"""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Iterator
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
    "features",
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
    import shapely

    found = []
    lines = _lines(file)
    shapes = shapely.from_geojson([line.rpartition(_GEOMETRY)[2].removesuffix(b"}").decode() for line in lines])
    for line, shape in zip(lines, shapes, strict=True):
        facts = json.loads(line.rpartition(_GEOMETRY)[0] + b"}")
        found.append(Feature(facts["id"], facts["properties"]["name"], facts["properties"].get("state", ""), shape))
    return tuple(found)


def _lines(file: str) -> list[bytes]:
    """A feature's text a line."""
    packed = (resources.files(__package__) / f"{file}.geojson.gz").read_bytes()
    return [line.rstrip(b",") for line in gzip.decompress(packed).splitlines()[1:-1]]


@functools.lru_cache(maxsize=64)
def shape(code: str) -> Any | None:
    """The shape of a country, state or county; None where there is none. Reads no more than it has to."""
    import shapely

    start = b'{"type":"Feature","id":"%b",' % code.encode()
    for line in _lines("us" if code.isdigit() else "world"):
        if code and line.startswith(start):
            return shapely.from_geojson(line.rpartition(_GEOMETRY)[2].removesuffix(b"}").decode())
    return None


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
