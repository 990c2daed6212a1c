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

import numpy as np
import shapely

from ..sources.coverage import geoid_kind, iso_code, iso_known
from ..text import one_line
from . import boundaries
from .boundaries.topology import on_the_map, polygons
from .places import GEOIDS, SAME, geoid_of, place_of, state_folder

Bounds = Sequence[float]  # west, south, east, north
MOST_POINTS = 100_000  # of a geometry; a finer one is drawn simpler
LONGEST = 200  # characters of a name
FINE = 1e-4  # degrees, to which it then is
MEETINGS, MEETINGS_A_POINT = 20_000, 8  # of edges, as far as their boxes tell: more of them are not disentangled
PAIRS = 4_000_000  # of edges that are looked at at once
CAPE = 90.0


class How(StrEnum):
    """What an area was matched by."""

    GEOID = "geoid"
    ISO = "iso"
    GEOMETRY = "geometry"
    EXTENT = "extent"
    NONE = "none"


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
    found = _by_geoid(geoid_of(coverage), state_folder(source), said) or _by_iso(coverage, said)
    if found is not None:
        how, packaged = found
        return Area(how, packaged.code, packaged.name, country, state, "; ".join(said), packaged.shape)
    shape = own_geometry(coverage, said)
    how = How.GEOMETRY
    if shape is None:
        shape, how = extent(bounds, country, state, said), How.EXTENT
    code, name = _subdivision(coverage)
    return Area(how if shape is not None else How.NONE, code, name, country, state, "; ".join(said), shape)


def _by_geoid(geoid: str, folder: str, said: list[str]) -> tuple[How, boundaries.Feature] | None:
    kind = geoid_kind(geoid)
    if not geoid:
        return None
    if kind is None:
        digits = f"{len(geoid)} digits" if geoid.isdigit() else "not only digits"
        said.append(f"GEOID {geoid[:20]!r} has {digits}: a state has 2, a county 5, a place 7")
    elif folder and geoid[:2] != GEOIDS[folder]:
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
    packaged = GEOIDS.get(code[3:], "") if code.startswith("US-") else SAME.get(code, code)
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
    return code, next((one_line(name)[:LONGEST] for name in names if isinstance(name, str) and name.strip()), None)


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
    if _tangled(shape):
        shape = shape.convex_hull
        said.append("the geometry's edges cross too often: its hull is drawn")
    if shapely.get_num_coordinates(shape) > MOST_POINTS:
        shape = shapely.simplify(shape, FINE)
        said.append(f"the geometry has more than {MOST_POINTS:,} points: a simpler one is drawn")
    if not shape.is_valid:
        said.append("the geometry was repaired")
        shape = shapely.make_valid(shape, method="structure")  # the other one takes minutes over some hundred crossings
    if shape.bounds[0] < -180 or shape.bounds[2] > 180:
        said.append("the geometry goes beyond 180 degrees: it was cut there")
        shape = shapely.union_all(on_the_map(shape))
    parts = polygons(shape)
    whole = shapely.union_all(parts) if parts else shape
    return None if whole.is_empty else whole


def _tangled(shape: Any) -> bool:
    """Whether so many of its edges may cross each other that repairing it would take minutes, or all memory."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    flat = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    lines = np.concatenate((shapely.get_rings(parts[flat]), parts[~flat]))
    points, line = shapely.get_coordinates(lines, return_index=True)
    edges = shapely.linestrings(np.stack((points[:-1], points[1:]), axis=1)[line[:-1] == line[1:]])
    left, step = MEETINGS + MEETINGS_A_POINT * len(edges), max(1, PAIRS // max(1, len(edges)))
    tree = shapely.STRtree(edges)
    for start in range(0, len(edges), step):
        left -= tree.query(edges[start : start + step]).shape[1]
        if left < 0:
            return True
    return False


def extent(bounds: Bounds | None, country: str, state: str, said: list[str]) -> Any | None:
    """Where rows are, as far as that is within the state or country they should be in."""
    if not bounds:
        said.append("where its rows are is not known")
        return None
    box = shapely.box(*bounds)
    if box.area == 0:  # rows in a line, or one row
        return box.centroid if box.length == 0 else shapely.LineString([bounds[:2], bounds[2:]])
    home = boundaries.shape(GEOIDS[state] if state else country) if state or country else None
    within = box.intersection(home) if home is not None else box
    parts = polygons(within)
    if not parts:
        said.append(f"no row is in {state or country}")
        return box
    return shapely.union_all(parts)


def counted(areas: Sequence[Area]) -> dict[str, int]:
    """How many areas were matched by what."""
    return {how.value: sum(area.how is how for area in areas) for how in How}
