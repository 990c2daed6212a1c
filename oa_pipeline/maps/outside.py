"""Rows that lie outside of what their source's coverage declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from ..sources.coverage import geoid_kind
from . import boundaries
from .areas import Area, Bounds, How, area_of
from .places import geoid_of

NEAR = 0.1  # degrees around the boundaries, which are drawn coarsely; rows off the coast are not outside
HALF = 0.05  # of a square of a tenth of a degree


@dataclass(frozen=True, slots=True)
class Declared:
    """Where rows ought to be: a shape, and what to call it."""

    name: str
    shape: Any


def declared_area(coverage: Mapping[str, Any], source: str) -> Declared | None:
    """The smallest area that certainly holds all rows, by what the coverage declares; None where it declares none.

    Of a place or a subdivision without a boundary it is the state or the country. A point says nothing of how far the
    rows reach.
    """
    area = area_of(coverage, source)
    if area.shape is not None and shapely.get_dimensions(area.shape) == 2 and area.how is not How.EXTENT:
        return Declared(_called(area), area.shape)
    home = _home(area, geoid_of(coverage))
    found = boundaries.find(home) if home else None
    return Declared(_called_home(found), found.shape) if found else None


def _called(area: Area) -> str:
    return f"{area.name} ({area.code})" if area.name else "the geometry of its coverage"


def _called_home(home: boundaries.Feature) -> str:
    return f"{home.name} ({home.code})"


def _home(area: Area, geoid: str) -> str:
    if geoid_kind(geoid) == "place" and boundaries.STATES.get(geoid[:2]) == area.state:
        return geoid[:2]
    return area.country if area.kind == "subdivision" else ""


def all_near(declared: Declared, bounds: Bounds) -> bool:
    """Whether everything within these bounds is near the area: then nothing need be counted."""
    return bool(shapely.contains(shapely.buffer(declared.shape, NEAR), shapely.box(*bounds)))


def rows_outside(declared: Declared, lon: np.ndarray, lat: np.ndarray, counts: np.ndarray) -> int:
    """How many rows lie in squares of a tenth of a degree, given by their middles, that are nowhere near the area."""
    squares = shapely.box(lon - HALF, lat - HALF, lon + HALF, lat + HALF)
    shapely.prepare(declared.shape)
    return int(counts[~shapely.dwithin(declared.shape, squares, NEAR)].sum())
