"""The packaged countries and states once more, coarse and small: the ground on which a browser draws dots."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Iterable
from importlib import resources
from typing import Any

FILE = "ground.geojson.gz"
TOLERANCE = 0.03  # degrees: less than a dot where all of a country is seen
GRID = 0.01


@functools.cache
def packed() -> bytes:
    """GeoJSON, gzip; a feature's only property is its `kind`, country or state."""
    return (resources.files(__package__) / FILE).read_bytes()


def made(shapes: Iterable[tuple[str, Any]]) -> bytes:
    """The same of kinds and shapes; what is smaller than the grid is left out."""
    import shapely

    lines = []
    for kind, shape in shapes:
        coarse = _joined(shapely.set_precision(shapely.simplify(shape, TOLERANCE), GRID))
        if not coarse.is_empty:
            lines.append(
                f'{{"type":"Feature","properties":{{"kind":"{kind}"}},"geometry":{shapely.to_geojson(coarse)}}}'
            )
    text = '{"type":"FeatureCollection","features":[\n' + ",\n".join(lines) + "\n]}\n"
    return gzip.compress(text.encode(), 9, mtime=0)


def _joined(shape: Any) -> Any:
    """Without the cut at 180 degrees, which would be drawn as a border: what lies beyond it has more than 180."""
    import shapely
    from shapely.affinity import translate

    west, _, east, _ = shape.bounds
    if not (west <= -180 and east >= 180):
        return shape
    parts = shapely.get_parts(shape)
    beyond = [translate(part, 360) for part in parts if part.bounds[0] <= -180]
    rest = [part for part in parts if part.bounds[0] > -180]
    around = any(part.bounds[0] <= -180 and part.bounds[2] >= 180 for part in parts)  # the pole is within it
    return shape if around else shapely.union_all([*rest, *beyond], grid_size=GRID)
