"""TopoJSON read into polygons without streaks: cut at the antimeridian, closed at the poles, valid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import shapely

HALF, WHOLE = 180.0, 360.0
POLE = 90.0
NEAR_POLE = 89.9  # a ring that stays beyond it is the pole itself, drawn as a line
DECIMALS = 4  # finer than the files' own grid
MOST_DEGENERATE = 3  # points, the first one twice: no area
SPOT = 0.005  # degrees around what was simplified to nothing
SLIVER = 1e-6  # square degrees: what a repair leaves along a line


def features(topology: Mapping[str, Any], name: str) -> Iterator[tuple[str, str, Any]]:
    """Identifier, name and shape of every polygon of the object `name`; empty texts where it has none."""
    arcs = _arcs(topology)
    for held in topology["objects"][name]["geometries"]:
        many = {"MultiPolygon": held.get("arcs"), "Polygon": [held.get("arcs")]}.get(held["type"])
        if many is None:
            raise ValueError(f"{held['type']} is no polygon")
        rings = [[_ring(arcs, ring) for ring in polygon] for polygon in many]
        parts = [part for polygon in rings for part in cut(polygon)] or [_spot(rings)]
        yield str(held.get("id", "")), held.get("properties", {}).get("name", ""), whole(parts)


def _arcs(topology: Mapping[str, Any]) -> list[np.ndarray]:
    scale, move = (np.asarray(topology["transform"][name]) for name in ("scale", "translate"))
    return [np.cumsum(np.asarray(arc, float), axis=0) * scale + move for arc in topology["arcs"]]


def _ring(arcs: Sequence[np.ndarray], numbers: Sequence[int]) -> np.ndarray:
    parts = [arcs[n] if n >= 0 else arcs[~n][::-1] for n in numbers]
    return np.vstack([parts[0], *(part[1:] for part in parts[1:])])


def _spot(polygons: Sequence[Sequence[np.ndarray]]) -> Any:
    """What was simplified to a line, as the small box around it."""
    west, south, east, north = shapely.total_bounds(shapely.linestrings(np.vstack([ring for (ring, *_) in polygons])))
    return shapely.box(west - SPOT, south - SPOT, east + SPOT, north + SPOT)


def cut(rings: Sequence[np.ndarray]) -> list[Any]:
    """The polygon of these rings, outer one first, in pieces none of which crosses 180 degrees."""
    open_, closed = [], []
    for ring in map(unwrapped, (ring for ring in rings if len(ring) > MOST_DEGENERATE)):
        around = abs(ring[-1, 0] - ring[0, 0]) > HALF
        if not around:
            closed.append(ring)
        elif np.abs(ring[:, 1]).min() < NEAR_POLE:
            open_.append(_closed_at_the_pole(ring))
    if not open_ and not closed:
        return []
    outer, *holes = [*open_, *closed]
    middle = (outer[:, 0].min() + outer[:, 0].max()) / 2
    moved = [np.add(hole, (WHOLE * np.round((middle - hole[:, 0].mean()) / WHOLE), 0)) for hole in holes]
    return on_the_map(shapely.make_valid(shapely.Polygon(outer, moved)))


def on_the_map(shape: Any) -> list[Any]:
    """The shape's pieces by turns around the earth, each moved to where it lies between -180 and 180 degrees."""
    west, _, east, _ = shape.bounds
    pieces = []
    for turn in range(int(np.floor((west + HALF) / WHOLE)), int(np.ceil((east + HALF) / WHOLE))):
        piece = shapely.intersection(shape, shapely.box(turn * WHOLE - HALF, -POLE, turn * WHOLE + HALF, POLE))
        pieces.append(shapely.transform(piece, lambda xy, by=turn * WHOLE: xy - [by, 0]))
    return pieces


def unwrapped(ring: np.ndarray) -> np.ndarray:
    """The ring without jumps: beyond 180 degrees its longitudes go on."""
    jumps = np.diff(ring[:, 0])
    turns = np.concatenate(([0.0], np.cumsum(-np.round(jumps / WHOLE))))
    return np.column_stack((ring[:, 0] + turns * WHOLE, ring[:, 1]))


def _closed_at_the_pole(ring: np.ndarray) -> np.ndarray:
    """A line once around the earth, as the border of all that lies between it and the nearer pole."""
    pole = POLE if ring[:, 1].mean() > 0 else -POLE
    ends = [[ring[-1, 0], pole], [ring[0, 0], pole], ring[0]]
    return np.vstack((ring, ends))


def whole(parts: Sequence[Any]) -> Any:
    """The parts as one valid shape of polygons only, on the grid of the packaged files."""
    rounded = [shapely.transform(part, lambda xy: np.round(xy, DECIMALS)) for part in parts]
    valid = [polygon for part in shapely.make_valid(rounded) for polygon in polygons(part)]
    together = shapely.MultiPolygon(valid)
    if not together.is_valid:  # parts that touch along a line
        together = shapely.MultiPolygon(polygons(shapely.union_all(valid)))
    return together.geoms[0] if len(together.geoms) == 1 else together


def polygons(shape: Any) -> list[Any]:
    """The polygons that a shape has, however it holds them; without slivers."""
    parts = shapely.get_parts(shape)
    nested = [piece for part in parts for piece in (polygons(part) if hasattr(part, "geoms") else [part])]
    return [piece for piece in nested if piece.geom_type == "Polygon" and piece.area > SLIVER]
