"""How much of each country, and of each state of the United States, has addresses, and what is missing next.

Land is measured in an equal-area projection, with what is covered cut to the country or state that it is counted with.
Areas of broken sources are not covered. A source that gives only a point counts for ten kilometres around it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from . import boundaries
from .coverage import Standing
from .projections import EQUAL_AREA

if TYPE_CHECKING:
    from geopandas import GeoSeries

AROUND_KM = 10.0
KM_A_DEGREE = 111.195
COUNTRY, STATE = "country", "state"
FIRST = 20  # of what is missing
ENOUGH = 0.5  # of a county that is covered: then it is not missing
SQUARE_KM = 1e6
US = "US"


@dataclass(frozen=True, slots=True)
class Missing:
    """What would cover more: a broken source to be mended, or an area without any (`source` is then empty)."""

    code: str
    name: str
    source: str
    why: str
    km2: float


@dataclass(frozen=True, slots=True)
class Share:
    """A country (`FI`) or a state (`CA`, of the United States). `missing` are the largest of `missing_count`."""

    level: str
    code: str
    name: str
    sources: int = 0
    good: int = 0
    addresses: int = 0
    land_km2: float = 0.0
    covered_km2: float = 0.0
    missing: Sequence[Missing] = field(default=())
    missing_count: int = 0

    @property
    def land_share(self) -> float:
        """Of the land, from 0 to 1."""
        return min(1.0, self.covered_km2 / self.land_km2) if self.land_km2 else 0.0


def shares(standings: Sequence[Standing]) -> list[Share]:
    """All countries, then all states, each in the order of their codes; those without any source, too."""
    states = _shares(STATE, _state_homes(), standings, {code: one.name for code, one in _states().items()})
    countries = _shares(COUNTRY, _country_homes(), standings, boundaries.NAMES)
    return [_of_the_states(one, states, standings) if one.code == US else one for one in countries] + states


def _shares(level: str, homes: GeoSeries, standings: Sequence[Standing], names: Mapping[str, str]) -> list[Share]:
    mine: dict[str, list[Standing]] = {code: [] for code in homes.index}
    for one in standings:
        place = one.area.state if level == STATE else one.area.country
        if place in mine:
            mine[place].append(one)
    covered = _covered(homes, mine, everywhere=level == STATE and _all_of_it(standings))
    land, had = _land(level), _km2(covered)
    found = []
    for code in homes.index:
        missing = _missing(level, code, covered[code], mine[code], had[code] < land[code] * ENOUGH)
        found.append(
            Share(
                level,
                code,
                names[code],
                sources=len(mine[code]),
                good=sum(one.good for one in mine[code]),
                addresses=sum(one.addresses for one in mine[code] if one.good),
                land_km2=round(float(land[code]), 1),
                covered_km2=round(float(min(land[code], had[code])), 1),
                missing=missing[:FIRST],
                missing_count=len(missing),
            )
        )
    return found


def _all_of_it(standings: Iterable[Standing]) -> bool:
    return any(one.good and one.area.code == US for one in standings)


def _of_the_states(whole: Share, states: Sequence[Share], standings: Sequence[Standing]) -> Share:
    """The United States, measured as the sum of their states, so that whole counties make a whole country."""
    own = [one for one in states if one.code not in boundaries.TERRITORIES]
    poor = sorted((one for one in own if one.land_share < ENOUGH), key=lambda one: one.covered_km2 - one.land_km2)
    missing = [
        Missing(
            one.code,
            one.name,
            "",
            f"{one.land_share:.0%} of it has addresses",
            round(one.land_km2 - one.covered_km2, 1),
        )
        for one in poor
    ]
    return Share(
        whole.level,
        whole.code,
        whole.name,
        whole.sources,
        whole.good,
        whole.addresses,
        round(sum(one.land_km2 for one in own), 1),
        round(sum(one.covered_km2 for one in own), 1),
        missing[:FIRST],
        len(missing),
    )


def _covered(homes: GeoSeries, mine: Mapping[str, Sequence[Standing]], *, everywhere: bool) -> GeoSeries:
    """What of each home is covered, by its code."""
    import geopandas

    pieces = [(code, around(one.area.shape)) for code, found in mine.items() for one in found if _counts(one)]
    frame = geopandas.GeoDataFrame(
        {"home": [code for code, _ in pieces]}, geometry=[shape for _, shape in pieces], crs=homes.crs
    )
    whole = frame.dissolve("home").geometry.reindex(homes.index)
    whole = whole.where(whole.notna(), shapely.Polygon())
    return homes if everywhere else whole.intersection(homes, align=False)


def _counts(one: Standing) -> bool:
    return one.good and one.area.shape is not None


def around(shape: Any) -> Any:
    """The shape; of points and lines the land around them."""
    if shapely.get_dimensions(shape) == 2:
        return shape
    wide = 1 / max(0.05, float(np.cos(np.radians(shape.centroid.y))))
    flat = shapely.transform(shape, lambda xy: xy / [wide, 1])
    near: Any = shapely.transform(shapely.buffer(flat, AROUND_KM / KM_A_DEGREE), lambda xy: xy * [wide, 1])
    return near


def _missing(level: str, code: str, covered: Any, mine: Sequence[Standing], poor: bool) -> list[Missing]:
    """Counties that have no addresses, the largest first; elsewhere what is broken."""
    broken = [one for one in mine if not one.good]
    if level == STATE:
        return _counties_without(code, covered, broken)
    found = [Missing(one.area.code, one.area.name or "", one.source, one.problem, 0.0) for one in broken]
    return found or ([Missing(code, "", "", "no source covers the rest of it", 0.0)] if poor else [])


def _counties_without(state: str, covered: Any, broken: Sequence[Standing]) -> list[Missing]:
    counties, land = _counties(state)
    had = _km2(counties.geometry.intersection(covered)) if not covered.is_empty else land * 0
    at = {one.area.code: one for one in broken}
    found = []
    for code in counties.index[had < land * ENOUGH]:
        one = at.get(code)
        name = str(counties["name"][code])
        why = one.problem if one else "no source"
        found.append(Missing(code, name, one.source if one else "", why, round(float(land[code] - had[code]), 1)))
    return sorted(found, key=lambda one: (-one.km2, one.code))


@functools.cache
def _counties(state: str) -> tuple[Any, Any]:
    """The counties of a state, and their square kilometres."""
    counties = boundaries.counties()
    mine = counties[counties["state"] == state]
    return mine, _km2(mine.geometry)


def _km2(shapes: GeoSeries) -> Any:
    return shapes.to_crs(EQUAL_AREA).area / SQUARE_KM


@functools.cache
def _land(level: str) -> Any:
    return _km2(_state_homes() if level == STATE else _country_homes())


@functools.cache
def _states() -> dict[str, boundaries.Feature]:
    return {one.state: one for one in boundaries.features("us") if one.kind == "state"}


@functools.cache
def _state_homes() -> GeoSeries:
    states = boundaries.states()
    homes: GeoSeries = states.set_index("state").geometry.sort_index()
    return homes


@functools.cache
def _country_homes() -> GeoSeries:
    """Of territories the finer shape that their counties make."""
    homes: GeoSeries = boundaries.countries().geometry.copy()
    for code in boundaries.TERRITORIES:
        homes[code] = _states()[code].shape
    return homes.sort_index()
