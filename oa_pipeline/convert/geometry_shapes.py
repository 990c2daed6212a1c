"""Shapely arrays: reprojection, and the point that stands for an address's line or surface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely

from ..counters import Counters
from .batch import Points
from .crs import Projection

KINDS = (
    "Point",
    "LineString",
    "LineString",  # a ring on its own is published as a line
    "Polygon",
    "MultiPoint",
    "MultiLineString",
    "MultiPolygon",
    "GeometryCollection",
)


@dataclass(slots=True)
class Prepared:
    """n reprojected geometries, None where a row has none or cannot be used.

    `bad`: coordinates that are not numbers, or a kind that nobody can publish. `nowhere`: outside the projection's
    domain. `zero`: every coordinate was 0/0 before reprojection.
    """

    geometries: np.ndarray
    bad: np.ndarray
    nowhere: np.ndarray
    zero: np.ndarray


def kinds(geometries: np.ndarray) -> frozenset[str]:
    """The OGR names of the geometries in an array, heights aside."""
    ids = np.unique(shapely.get_type_id(geometries))
    return frozenset(KINDS[i] for i in ids.tolist() if 0 <= i < len(KINDS))


def as_they_are(values: np.ndarray) -> np.ndarray:
    """Every decimal kept: the surface point is looked for before rounding."""
    return values


def only_points(geometries: np.ndarray) -> Points:
    """Points as arrays; null and empty ones are NaN."""
    tall = bool(shapely.has_z(geometries).any())
    held, owner = shapely.get_coordinates(geometries, include_z=tall, return_index=True)
    columns = np.full((len(geometries), held.shape[1]), np.nan)  # GEOS raises for the x of an empty point
    columns[owner] = held
    return Points(columns[:, 0].copy(), columns[:, 1].copy(), columns[:, 2].copy() if tall else None)


def transformed(
    geometries: np.ndarray, projection: Projection, rounded: Callable[[np.ndarray], np.ndarray]
) -> Prepared:
    """All geometries in longitude and latitude, heights kept, measures dropped."""
    made = geometries.copy()
    bad = shapely.get_type_id(made) >= len(KINDS)  # curves that their reader left
    nowhere, zero = np.zeros(len(made), bool), np.zeros(len(made), bool)
    made[bad] = None
    flat = ~shapely.has_z(made)
    for rows, with_z in ((np.flatnonzero(flat), False), (np.flatnonzero(~flat), True)):
        if not len(rows):
            continue
        part = made[rows]
        held, owner = shapely.get_coordinates(part, include_z=with_z, return_index=True)
        lon, lat = projection.lonlat(held[:, 0], held[:, 1])
        bad[rows] |= _any_of(owner, ~np.isfinite(held[:, :2]).all(axis=1), len(rows))
        nowhere[rows] |= _any_of(owner, ~(np.isfinite(lon) & np.isfinite(lat)), len(rows))
        filled = _any_of(owner, np.ones(len(owner), bool), len(rows))
        zero[rows] = filled & ~_any_of(owner, held[:, :2].any(axis=1), len(rows))
        columns = [lon, lat]
        if with_z:
            columns.append(np.where(np.isfinite(held[:, 2]), held[:, 2], 0.0))
        new = np.stack([rounded(column) for column in columns], axis=1)
        unusable = bad[rows] | nowhere[rows]
        if unusable.any():
            new = new[~unusable[owner]]
            part[unusable] = None
        made[rows] = shapely.set_coordinates(_without_measures(part), new)
    return Prepared(made, bad, nowhere & ~bad, zero)


def _any_of(owner: np.ndarray, flags: np.ndarray, rows: int) -> np.ndarray:
    """For each row whether one of its coordinates is flagged."""
    result = np.zeros(rows, bool)
    result[owner[flags]] = True
    return result


def _without_measures(geometries: np.ndarray) -> np.ndarray:
    measured = shapely.has_m(geometries)
    if measured.any():
        part = geometries[measured]
        tall = shapely.has_z(part)
        part[tall] = shapely.force_3d(shapely.transform(part[tall], _same, include_z=True))
        part[~tall] = shapely.force_2d(part[~tall])
        geometries[measured] = part
    return geometries


def _same(coordinates: np.ndarray) -> np.ndarray:
    return coordinates


def edges(geometries: np.ndarray) -> np.ndarray:
    """Rows of west, south, east, north; NaN in rows without a coordinate."""
    return np.asarray(shapely.bounds(geometries), dtype=float)


def surface_points(geometries: np.ndarray, counters: Counters) -> tuple[Points, np.ndarray]:
    """One point that stands for each geometry, and which rows have none although there is a geometry.

    Surfaces give a point inside, in the middle of their widest horizontal section; lines the vertex and multipoints
    the member nearest to their centroid; collections what their members of the highest dimension give. Heights stay
    on points and vertices.
    """
    try:
        chosen = shapely.point_on_surface(geometries)
        bad = np.zeros(len(geometries), bool)
    except shapely.errors.ShapelyError:
        chosen, bad = _one_by_one(geometries, counters)
    found = only_points(chosen)
    x, y = found.x, found.y
    # What GEOS reckons with may overflow where all coordinates are finite: infinity is no place, and not JSON.
    nowhere = ~(np.isfinite(x) & np.isfinite(y))
    bad |= nowhere & ~(shapely.is_missing(geometries) | shapely.is_empty(geometries))
    return Points(x, y, _vertex_heights(geometries, x, y)), bad


def _one_by_one(geometries: np.ndarray, counters: Counters) -> tuple[np.ndarray, np.ndarray]:
    """One hopeless geometry must not take its batch along."""
    chosen = np.full(len(geometries), None, dtype=object)
    bad = np.zeros(len(geometries), bool)
    for row, geometry in enumerate(geometries):
        try:
            chosen[row] = shapely.point_on_surface(geometry)
        except shapely.errors.ShapelyError:
            try:
                chosen[row] = shapely.point_on_surface(shapely.make_valid(geometry))
                counters.add("geometry/made-valid")
            except shapely.errors.ShapelyError:
                bad[row] = True
    return chosen, bad


def _vertex_heights(geometries: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    """GEOS loses the height of the vertex or member it picks, so it is looked up again."""
    rows = np.flatnonzero(shapely.has_z(geometries) & (shapely.get_dimensions(geometries) < 2))
    if not len(rows):
        return None
    held, owner = shapely.get_coordinates(geometries[rows], include_z=True, return_index=True)
    same = (held[:, 0] == x[rows][owner]) & (held[:, 1] == y[rows][owner])
    heights = np.full(len(geometries), np.nan)
    # Written backwards, so that the first of several equal vertices decides.
    heights[rows[owner[same]][::-1]] = held[same, 2][::-1]
    return heights
