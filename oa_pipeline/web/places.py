"""Where a data source says that it is: its country, and its state in the United States."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..maps.boundaries.codes import STATES
from ..sources.coverage import COUNTRIES, iso_code

US = "US"
ALIASES: Mapping[str, str] = {"UK": "GB", "EL": "GR"}  # as folders are called, too
_NAMES = """
AL Alabama, AK Alaska, AZ Arizona, AR Arkansas, CA California, CO Colorado, CT Connecticut, DE Delaware,
DC District of Columbia, FL Florida, GA Georgia, HI Hawaii, ID Idaho, IL Illinois, IN Indiana, IA Iowa, KS Kansas,
KY Kentucky, LA Louisiana, ME Maine, MD Maryland, MA Massachusetts, MI Michigan, MN Minnesota, MS Mississippi,
MO Missouri, MT Montana, NE Nebraska, NV Nevada, NH New Hampshire, NJ New Jersey, NM New Mexico, NY New York,
NC North Carolina, ND North Dakota, OH Ohio, OK Oklahoma, OR Oregon, PA Pennsylvania, RI Rhode Island,
SC South Carolina, SD South Dakota, TN Tennessee, TX Texas, UT Utah, VT Vermont, VA Virginia, WA Washington,
WV West Virginia, WI Wisconsin, WY Wyoming, AS American Samoa, GU Guam, MP Northern Mariana Islands, PR Puerto Rico,
VI U.S. Virgin Islands
"""
STATE_NAMES: Mapping[str, str] = {one.strip()[:2]: one.strip()[3:] for one in " ".join(_NAMES.split()).split(",")}


class Place(NamedTuple):
    """`country`: ISO 3166-1 alpha-2; `state`: as the mail calls it; `how`: what says so. Empty where nothing does."""

    country: str
    state: str
    how: str


def place_of(source: str, declared: Mapping[str, Any] | None) -> Place:
    """The place of a data source: of the codes in its coverage, else of its country and state, else of its path."""
    held = declared or {}
    folder, _, rest = source.partition("/")
    census, iso = _geoid(held), iso_code(held)
    if census[:2] in STATES:
        return Place(US, STATES[census[:2]], f"US Census {census}")
    if (country := _country(iso[:2])) and iso[2:3] in {"", "-"}:
        return Place(country, _state(country, iso[3:]), f"ISO 3166 {iso}")
    said = "geometry" if held.get("geometry") else ""
    if country := _country(held.get("country")):
        state = _state(country, held.get("state")) or _state(country, rest.partition("/")[0])
        return Place(country, state, said or "country's name")
    country = _country(folder)
    return Place(country, _state(country, rest.partition("/")[0]), said or ("path" if country else ""))


def _country(code: object) -> str:
    upper = code.upper() if isinstance(code, str) else ""
    upper = ALIASES.get(upper, upper)
    return upper if upper in COUNTRIES else ""


def _state(country: str, code: object) -> str:
    upper = code.upper() if isinstance(code, str) else ""
    return upper if country == US and upper in STATE_NAMES else ""


def _geoid(declared: Mapping[str, Any]) -> str:
    census = declared.get("US Census")
    geoid = census.get("geoid") if isinstance(census, Mapping) else census
    return geoid if isinstance(geoid, str) else ""
