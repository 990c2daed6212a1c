"""Coverage: codes that name a place, and geometry that can be drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..coverage import geoid_kind, iso_code, iso_known
from ..model import Coverage
from .findings import Finding, Site, shown, text_of
from .shapes import Shape

VERTEX_CAP = 200_000


def places(site: Site) -> Iterator[Finding]:
    """What is wrong with the coverage of a file."""
    held = site.held.get("coverage")
    if not isinstance(held, dict):
        return
    if not Coverage(held).complete:
        cure = "add 'US Census', 'ISO 3166' or 'geometry'"
        yield site.warning("incomplete-coverage", ("coverage",), "the coverage cannot be drawn", cure)
    yield from _country(site, held)
    yield from _census(site, held)
    yield from _iso(site, held)
    if isinstance(held.get("geometry"), dict):
        yield from _geometry(site, held["geometry"])


def _country(site: Site, held: dict[str, Any]) -> Iterator[Finding]:
    country, folder = text_of(held, "country"), site.source.partition("/")[0]
    where = ("coverage", "country")
    if country and (len(country) != 2 or not iso_known(country)):
        yield site.warning("unknown-country", where, f"unknown country {shown(country)}", "use its ISO 3166-1 code")
    elif country and "/" in site.source and len(folder) == 2 and country.lower() != folder.lower():
        message = f"the country is {shown(country)} and the file is in the folder {shown(folder)}"
        yield site.warning("country-folder", where, message, "correct one of them")


def _census(site: Site, held: dict[str, Any]) -> Iterator[Finding]:
    census = held.get("US Census")
    if not isinstance(census, dict):
        return
    geoid = census.get("geoid")
    if isinstance(geoid, str) and geoid_kind(geoid) is None:
        message = f"the GEOID {shown(geoid)} names nothing"
        cure = "2 digits name a state, 5 a county, 7 a place"
        yield site.warning("geoid", ("coverage", "US Census", "geoid"), message, cure)


def _iso(site: Site, held: dict[str, Any]) -> Iterator[Finding]:
    code = iso_code(held)
    if code and not iso_known(code):
        where = ("coverage", "ISO 3166", "alpha2") if isinstance(held["ISO 3166"], dict) else ("coverage", "ISO 3166")
        message = f"unknown ISO 3166 code {shown(code)}"
        yield site.warning("unknown-iso", where, message, "use FI for a country, FI-01 for a part of one")


def _geometry(site: Site, geometry: dict[str, Any]) -> Iterator[Finding]:
    where = ("coverage", "geometry")
    shape = Shape(geometry, VERTEX_CAP)
    if shape.fault:
        yield site.error("bad-geometry", where, f"the geometry {shape.fault}", "draw it again, in degrees, as GeoJSON")
    elif shape.vertices > VERTEX_CAP:
        message = f"the geometry has {shape.vertices:,} vertices; at most {VERTEX_CAP:,} are drawn"
        yield site.error("bad-geometry", where, message, "simplify it")
    elif shape.crosses_itself():
        yield site.error("bad-geometry", where, "a ring of the geometry crosses itself", "draw it again")
