"""What is covered: sources put together by the area they are of, for pictures, for GeoJSON and for counting."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import shapely

from .areas import Area
from .boundaries.topology import DECIMALS
from .render import Painted

GOOD, BAD = "good", "bad"
WEAK_KINDS = frozenset(("country", "state"))
CODES = {"country": "ISO 3166", "subdivision": "ISO 3166-2", "state": "US Census GEOID", "county": "US Census GEOID"}


@dataclass(frozen=True, slots=True)
class Standing:
    """One source file: its area, whether it has addresses, how many, of when, and what is wrong with it if not."""

    source: str  # us/ca/alameda
    area: Area
    good: bool
    addresses: int = 0
    day: date | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Covered:
    """One area and the sources that are of it; good if one of them is."""

    area: Area
    shape: Any
    sources: tuple[Standing, ...]

    @property
    def status(self) -> str:
        """`good` or `bad`."""
        return GOOD if any(one.good for one in self.sources) else BAD

    @property
    def addresses(self) -> int:
        """Of all that are good."""
        return sum(one.addresses for one in self.sources if one.good)


def together(standings: Iterable[Standing]) -> list[Covered]:
    """The areas that can be drawn, in the order of their codes; those without one come last, each a source's own."""
    by_area: dict[tuple[bool, str], list[Standing]] = {}
    for one in standings:
        if one.area.shape is not None:
            key = (False, one.area.code) if one.area.code else (True, one.source)
            by_area.setdefault(key, []).append(one)
    found = []
    for _, sources in sorted(by_area.items()):
        whole = sources[0].area.kind not in ("subdivision", "own")
        shape = sources[0].area.shape if whole else shapely.union_all([one.area.shape for one in sources])
        found.append(Covered(sources[0].area, shape, tuple(sorted(sources, key=lambda one: one.source))))
    return found


def painted(areas: Iterable[Covered]) -> list[Painted]:
    """The same for a picture."""
    return [Painted(one.shape, one.status, "weak" if one.area.kind in WEAK_KINDS else "strong") for one in areas]


def as_geojson(areas: Sequence[Covered]) -> bytes:
    """`render-world.geojson`, with the properties that its readers have always known."""
    out = io.BytesIO()
    out.write(b'{"type":"FeatureCollection","features":[\n')
    for number, one in enumerate(areas):
        feature = {"type": "Feature", "properties": _properties(one), "geometry": geometry(one.shape)}
        text = json.dumps(feature, ensure_ascii=False, separators=(",", ":"))
        out.write((b",\n" if number else b"") + text.encode())
    out.write(b"\n]}\n")
    return out.getvalue()


def _properties(one: Covered) -> dict[str, Any]:
    sources = one.sources
    facts: dict[str, Any] = {
        "name": one.area.name,
        "status": one.status,
        "source paths": ", ".join(f"{each.source}.json" for each in sources),
        "source count": len(sources),
        "source dates": ", ".join(f"{each.day:%Y-%m-%d}" if each.day else "" for each in sources),
        "address count": one.addresses,
    }
    if (name := CODES.get(one.area.kind)) is not None:
        facts[name] = one.area.code
    return facts


def geometry(shape: Any) -> dict[str, Any]:
    """The shape as GeoJSON, rings in the directions that it wants, with as many decimals as boundaries have."""
    held: dict[str, Any] = json.loads(shapely.to_geojson(shapely.orient_polygons(shape, exterior_cw=False)))
    return _rounded(held)


def _rounded(held: dict[str, Any]) -> dict[str, Any]:
    if "geometries" in held:
        return held | {"geometries": [_rounded(each) for each in held["geometries"]]}
    return held | {"coordinates": _short(held["coordinates"])}


def _short(value: Any) -> Any:
    return [_short(part) for part in value] if isinstance(value, list) else round(value, DECIMALS)
