"""The maps of the coverage pages: each country or state a link, with the facts of its row in the table as its title."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from ...ledger.reading import Row
from ...maps import boundaries, choropleth
from ...maps.choropleth import Region
from ..forms import Feature
from ..places import STATE_NAMES
from ..rendering import number

_GEOIDS = {state: geoid for geoid, state in boundaries.STATES.items()}
COUNTRIES, STATES = "countries", "states"
WITHIN, WITHOUT = "within the source of the whole state", "no source of its own"
GEOMETRY_FILES: Mapping[str, str] = {COUNTRIES: "world", STATES: "us"}


def map_of(table: str, told: Iterable[Mapping[str, Any]]) -> Markup:
    """All countries or all states; those that are not told of have no source. Empty before land was measured."""
    rows = {one["code"]: one for one in told}
    measured = {code: region_of(one) for code, one in rows.items() if one["land_share"] is not None}
    if not measured:
        return Markup("")
    names, below = (boundaries.NAMES, "") if table == COUNTRIES else (STATE_NAMES, "us/")
    regions = {
        code: Region(f"{name}: no source", 0.0, f"/coverage/{below}{code.lower()}/")
        for code, name in names.items()
        if code not in rows
    }
    regions |= measured
    if table == COUNTRIES:
        drawn = choropleth.world(regions, label="Land with addresses, by country")
    else:
        by_geoid = {_GEOIDS[code]: region for code, region in regions.items()}
        drawn = choropleth.states(by_geoid, label="Land with addresses, by state")
    return Markup(drawn)  # noqa: S704 - its texts are escaped where it is made


def country_map(one: Mapping[str, Any]) -> Markup:
    """One country for itself; empty before land was measured."""
    if one["land_share"] is None:
        return Markup("")
    region = region_of({**one, "url": ""})
    return Markup(choropleth.country(one["code"], region, label=f"Map of {one['name']}"))  # noqa: S704 - the same


def state_map(state: str, sources: Iterable[Row]) -> Markup:
    """The counties of a state, each with its own source or within the state's; empty where nothing was drawn yet."""
    geoid, mine = _GEOIDS[state], list(sources)
    if not mine:
        return Markup("")
    whole = any(one["good"] and one["code"] == geoid for one in mine)
    names = boundaries.county_names(geoid)
    regions = {code: Region(f"{name}: {WITHIN if whole else WITHOUT}", float(whole)) for code, name in names.items()}
    for one in sorted(mine, key=lambda one: bool(one["good"])):
        if one["code"] in names:
            said = f"{number(one['addresses'])} addresses" if one["good"] else "its source does not work"
            share = float(one["good"] or whole)
            link = f"/sources/{quote(one['source'])}"
            regions[one["code"]] = Region(f"{names[one['code']]}: {said}", share, link, broken=not one["good"])
    return Markup(choropleth.counties(geoid, regions, label="Counties with addresses"))  # noqa: S704 - the same


def region_of(one: Mapping[str, Any]) -> Region:
    """What the map tells of a row of the table."""
    works = f"{one['good']} of {one['data_sources']} data sources work"
    said = f"{one['name']}: {one['land_share']:.0%} of the land, {number(one['addresses'])} addresses, {works}"
    return Region(said, one["land_share"], one["url"], broken=bool(one["data_sources"]) and not one["good"])


def features_of(table: str, told: Iterable[Mapping[str, Any]]) -> list[Feature]:
    """The rows of the table with their shapes, for GeoJSON."""
    shapes = boundaries.geometries(GEOMETRY_FILES[table])
    found = []
    for one in told:
        code = _GEOIDS.get(one["code"], "") if table == STATES else one["code"]
        properties = {name: value for name, value in one.items() if name != "missing"}
        found.append(Feature(one["code"], shapes.get(code), properties))
    return found
