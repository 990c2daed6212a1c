"""Where a data source says that it is, in words: its country, its state in the United States, and what says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..maps.boundaries.codes import NAMES
from ..maps.places import geoid_of, place_of
from ..sources.coverage import geoid_kind, iso_code, iso_known
from ..text import one_line

LONGEST_NAME = 100  # characters of a name that a source gives
# Under which names the parts of a coverage say what a place is called.
CALLED: Mapping[str, tuple[str, ...]] = {
    "US Census": ("name", "place", "county"),
    "ISO 3166": (
        "city", "region", "prefecture", "subdivision (en)", "subdivision", "state", "subdivision (fi)",
        "subdivision (sv)",
    ),
}  # fmt: skip
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


def place(source: str, declared: Mapping[str, Any] | None) -> Place:
    """The place of a data source, as it is counted everywhere."""
    held = declared or {}
    country, state = place_of(held, source)
    return Place(country, state, _how(held, country))


def named(where: Place) -> tuple[str, str]:
    """The names, in English, of its country and of its state; empty where there is none."""
    return NAMES.get(where.country, ""), STATE_NAMES.get(where.state, "")


def called(declared: Mapping[str, Any] | None) -> tuple[str, ...]:
    """What its source says that its county, town or region is called; the nearest first."""
    found = []
    for kind, names in CALLED.items():
        part = (declared or {}).get(kind)
        if isinstance(part, Mapping):
            found += [one_line(text)[:LONGEST_NAME] for name in names if isinstance(text := part.get(name), str)]
    return tuple(filter(None, found))


def _how(declared: Mapping[str, Any], country: str) -> str:
    geoid, iso = geoid_of(declared), iso_code(declared)
    if geoid_kind(geoid):
        return f"US Census {geoid}"
    if iso_known(iso):
        return f"ISO 3166 {iso}"
    return "geometry" if declared.get("geometry") else "path" if country else ""
