"""Where a data source's rows ought to lie: matched from its coverage, else from where its rows are.

In this order: the GEOID of a state or a county of the United States; the ISO 3166 code of a country or a state; the
coverage's own geometry; the extent of the rows. What could not be matched is told.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import shapely

from ..sources.coverage import COUNTRIES, geoid_kind, iso_code, iso_known
from . import boundaries
from .boundaries.topology import on_the_map, polygons

Bounds = Sequence[float]  # west, south, east, north
MOST_POINTS = 100_000  # of a geometry; a finer one is drawn simpler
FINE = 1e-4  # degrees, to which it then is
CAPE = 90.0


class How(StrEnum):
    """What an area was matched by."""

    GEOID = "geoid"
    ISO = "iso"
    GEOMETRY = "geometry"
    EXTENT = "extent"
    NONE = "none"


# Subdivisions that have a code of their own among the countries.
SAME: Mapping[str, str] = {
    "FR-971": "GP", "FR-972": "MQ", "FR-973": "GF", "FR-974": "RE", "FR-976": "YT", "FR-GP": "GP", "FR-MQ": "MQ",
    "FR-GF": "GF", "FR-RE": "RE", "FR-YT": "YT", "FR-BL": "BL", "FR-MF": "MF", "FR-PM": "PM", "FR-PF": "PF",
    "FR-NC": "NC", "FR-WF": "WF", "FR-TF": "TF", "NL-AW": "AW", "NL-CW": "CW", "NL-SX": "SX", "CN-HK": "HK",
    "CN-MO": "MO", "CN-TW": "TW", "FI-01": "AX", "NO-21": "SJ", "NO-22": "SJ", "AU-CX": "CX", "AU-CC": "CC",
    "AU-NF": "NF", "AU-HM": "HM",
}  # fmt: skip
FOLDERS: Mapping[str, str] = {"uk": "GB", "el": "GR"}  # of the source repository, which are no codes
_GEOIDS = {state: geoid for geoid, state in boundaries.STATES.items()}


@dataclass(frozen=True)
class Area:
    """A data source's area. `code` is a GEOID or of ISO 3166, empty where it is neither; `why`: what did not match.

    `country` and `state` (as the mail calls it) are where it is counted, empty where that is not known.
    """

    how: How
    code: str = ""
    name: str | None = None
    country: str = ""
    state: str = ""
    why: str = ""
    shape: Any | None = field(default=None, repr=False, compare=False)  # in degrees; None where nothing is known

    @property
    def kind(self) -> str:
        """`country`, `state`, `county`; `subdivision` of another country; `own` of an area without a code."""
        if not self.code:
            return "own"
        return "subdivision" if self.code[2:3] == "-" else boundaries.kind_of(self.code)


def area_of(coverage: Mapping[str, Any], source: str, bounds: Bounds | None = None) -> Area:
    """The area that `coverage` declares for the file `source` (`us/ca/alameda`), whose rows lie within `bounds`."""
    said: list[str] = []
    country, state = place_of(coverage, source)
    found = _by_geoid(geoid_of(coverage), _folder(source), said) or _by_iso(coverage, said)
    if found is not None:
        how, packaged = found
        return Area(how, packaged.code, packaged.name, country, state, "; ".join(said), packaged.shape)
    shape = own_geometry(coverage, said)
    how = How.GEOMETRY
    if shape is None:
        shape, how = extent(bounds, country, state, said), How.EXTENT
    code, name = _subdivision(coverage)
    return Area(how if shape is not None else How.NONE, code, name, country, state, "; ".join(said), shape)


def place_of(coverage: Mapping[str, Any], source: str) -> tuple[str, str]:
    """The country and, within the United States, the state that a source is counted with; empty where not known."""
    iso, geoid = iso_code(coverage), geoid_of(coverage)
    if state := _folder(source):
        return _of_state(state)
    if geoid_kind(geoid) and geoid[:2] in boundaries.STATES:
        return _of_state(boundaries.STATES[geoid[:2]])
    if iso_known(iso):
        country = SAME.get(iso, iso[:2])
        return _of_state(iso[3:]) if country == "US" and iso[3:] in _GEOIDS else (country, "")
    first = source.split("/", 1)[0]
    folder = FOLDERS.get(first, first.upper())
    return (folder, "") if folder in COUNTRIES else ("", "")


def _folder(source: str) -> str:
    """The state in whose folder a source of the United States lies; empty where it lies in none."""
    folders = source.upper().split("/")
    return folders[1] if len(folders) > 2 and folders[0] == "US" and folders[1] in _GEOIDS else ""


def _of_state(state: str) -> tuple[str, str]:
    """A territory is a state, and a country of its own."""
    return (state if state in boundaries.TERRITORIES else "US"), state


def geoid_of(coverage: Mapping[str, Any]) -> str:
    """The GEOID that the coverage gives, whatever it is; empty where it gives none."""
    held = coverage.get("US Census")
    geoid = held.get("geoid") if isinstance(held, Mapping) else held
    return geoid.strip() if isinstance(geoid, str) else ""


def _by_geoid(geoid: str, folder: str, said: list[str]) -> tuple[How, boundaries.Feature] | None:
    kind = geoid_kind(geoid)
    if not geoid:
        return None
    if kind is None:
        digits = f"{len(geoid)} digits" if geoid.isdigit() else "not only digits"
        said.append(f"GEOID {geoid[:20]!r} has {digits}: a state has 2, a county 5, a place 7")
    elif folder and geoid[:2] != _GEOIDS[folder]:
        said.append(f"GEOID {geoid} is of {boundaries.STATES.get(geoid[:2], 'no state')}, the file of {folder}")
    elif kind == "place":
        said.append(f"no boundary of the place {geoid} is packaged")
    elif (found := boundaries.find(geoid)) is not None:
        return How.GEOID, found
    else:
        said.append(f"no boundary of the {kind} {geoid} is packaged")
    return None


def _by_iso(coverage: Mapping[str, Any], said: list[str]) -> tuple[How, boundaries.Feature] | None:
    code = iso_code(coverage)
    if not code:
        return None
    if not iso_known(code):
        said.append(f"ISO 3166 has no {code[:20]!r}")
        return None
    packaged = _GEOIDS.get(code[3:], "") if code.startswith("US-") else SAME.get(code, code)
    if (found := boundaries.find(packaged)) is not None:
        return How.ISO, found
    said.append(f"no boundary of {code} is packaged")
    return None


def _subdivision(coverage: Mapping[str, Any]) -> tuple[str, str | None]:
    """The code and the name of a subdivision of which there is no boundary."""
    code = iso_code(coverage)
    if len(code) < 4 or not iso_known(code):
        return "", None
    held = coverage.get("ISO 3166")
    names = (
        [held.get(name) for name in ("subdivision", "state", "prefecture", "region")]
        if isinstance(held, Mapping)
        else []
    )
    return code, next((name for name in names if isinstance(name, str) and name), None)


def own_geometry(coverage: Mapping[str, Any], said: list[str]) -> Any | None:
    """The coverage's GeoJSON geometry, repaired and brought between -180 and 180 degrees; None where there is none."""
    held = coverage.get("geometry")
    if not isinstance(held, Mapping):
        return None
    try:
        found = shapely.from_geojson(json.dumps(held))
    except (ValueError, RecursionError, shapely.errors.GEOSException) as error:
        said.append(f"the geometry cannot be read ({type(error).__name__})")
        return None
    if found is None or found.is_empty or not _finite(found):
        said.append("the geometry is empty, or its coordinates are no numbers")
        return None
    return _repaired(shapely.force_2d(found), said)


def _finite(shape: Any) -> bool:
    west, south, east, north = shape.bounds
    return all(map(math.isfinite, shape.bounds)) and -CAPE <= south <= north <= CAPE and -540 <= west <= east <= 540


def _repaired(shape: Any, said: list[str]) -> Any | None:
    if shapely.get_num_coordinates(shape) > MOST_POINTS:
        shape = shapely.simplify(shape, FINE)
        said.append(f"the geometry has more than {MOST_POINTS:,} points: a simpler one is drawn")
    if not shape.is_valid:
        said.append("the geometry was repaired")
        shape = shapely.make_valid(shape)
    if shape.bounds[0] < -180 or shape.bounds[2] > 180:
        said.append("the geometry goes beyond 180 degrees: it was cut there")
        shape = shapely.union_all(on_the_map(shape))
    parts = polygons(shape)
    whole = shapely.union_all(parts) if parts else shape
    return None if whole.is_empty else whole


def extent(bounds: Bounds | None, country: str, state: str, said: list[str]) -> Any | None:
    """Where rows are, as far as that is within the state or country they should be in."""
    if not bounds:
        said.append("where its rows are is not known")
        return None
    box = shapely.box(*bounds)
    if box.area == 0:  # rows in a line, or one row
        return box.centroid if box.length == 0 else shapely.LineString([bounds[:2], bounds[2:]])
    home = boundaries.shape(_GEOIDS[state] if state else country) if state or country else None
    within = box.intersection(home) if home is not None else box
    parts = polygons(within)
    if not parts:
        said.append(f"no row is in {state or country}")
        return box
    return shapely.union_all(parts)


def counted(areas: Sequence[Area]) -> dict[str, int]:
    """How many areas were matched by what."""
    return {how.value: sum(area.how is how for area in areas) for how in How}
