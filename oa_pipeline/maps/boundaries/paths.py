"""The boundaries laid out as paths of SVG, small enough for a page: made once, packaged, read without any library.

python -m oa_pipeline.maps.boundaries.paths [FOLDER]
"""

from __future__ import annotations

import functools
import gzip
import io
import json
import sys
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

FILE = "paths.json.gz"
WORLD_WIDTH, DETAIL = 1000.0, 400.0
US_SIZE = (975.0, 610.0)
EQUAL_EARTH = "EPSG:8857"
SMALL = 6.0  # square pixels: what is smaller gets a spot besides, to be seen and hit
# Conic equal-area maps of the lower states, of Alaska at 0.35 of their scale, and of Hawaii: standard parallels, the
# middle's longitude and latitude, where it lies of the map's width and height, the scale.
SPHERE = 1300.0
CONES: Mapping[str, tuple[tuple[float, float], float, tuple[float, float], tuple[float, float], float]] = {
    "": ((29.5, 45.5), -96, (-96.6, 38.7), (0, 0), 1.0),
    "02": ((55, 65), -154, (-156, 58.5), (-0.307, 0.201), 0.35),
    "15": ((8, 18), -157, (-160, 19.9), (-0.205, 0.212), 1.0),
}


@functools.cache
def held() -> Mapping[str, Any]:
    """`world`: `size`, `paths` by country. `us`: `size`, `states`, `counties` by GEOID. `countries`: `size`, `path`.

    Each path is `[d, x, y, area]`: its drawing, its middle, and its size in square pixels.
    """
    packed = (resources.files(__package__) / FILE).read_bytes()
    found: Mapping[str, Any] = json.loads(gzip.decompress(packed))
    return found


def make(folder: Path) -> None:
    """Writes the file anew from the packaged boundaries."""
    made = {"world": _world(), "us": _us(), "countries": _countries()}
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9, mtime=0, filename="") as file:
        file.write(json.dumps(made, separators=(",", ":")).encode())
    (folder / FILE).write_bytes(out.getvalue())


def _world() -> dict[str, Any]:
    import shapely

    from ..projections import projected
    from . import features

    mine = [one for one in features("world") if one.code != "AQ"]
    flat = projected([one.shape for one in mine], EQUAL_EARTH, 0, 0, 1e-4)
    west, north, east, south = shapely.total_bounds(flat)
    scale = WORLD_WIDTH / (east - west)
    flat = shapely.transform(flat, lambda xy: (xy - [west, north]) * scale)
    paths = _paths([one.code for one in mine], flat, tolerance=0.6, smallest=0.6)
    paths.pop("", None)
    return {"size": [WORLD_WIDTH, round((south - north) * scale, 1)], "paths": paths}


def _us() -> dict[str, Any]:
    from . import TERRITORIES, features

    mine = [one for one in features("us") if one.state not in TERRITORIES]
    flat = [_albers(one.shape, one.code[:2]) for one in mine]
    found = {}
    for kind, tolerance in (("state", 0.5), ("county", 0.15)):
        chosen = [number for number, one in enumerate(mine) if one.kind == kind]
        codes, shapes = [mine[number].code for number in chosen], [flat[number] for number in chosen]
        found[kind] = _paths(codes, shapes, tolerance=tolerance, smallest=tolerance)
    return {"size": list(US_SIZE), "states": found["state"], "counties": found["county"]}


def _albers(shape: Any, state: str) -> Any:
    import numpy as np
    import shapely
    from pyproj import Proj

    (one, two), middle, (lon, lat), (right, down), scale = CONES.get(state, CONES[""])
    cone = Proj(f"+proj=aea +lat_1={one} +lat_2={two} +lat_0=0 +lon_0={middle} +R={SPHERE * scale}")
    x0, y0 = cone(lon, lat)
    left, top = US_SIZE[0] / 2 + right * SPHERE, US_SIZE[1] / 2 + down * SPHERE

    def pixels(xy: np.ndarray) -> np.ndarray:
        # The Aleutians go on beyond 180 degrees.
        east = np.where((state == "02") & (xy[:, 0] > 0), xy[:, 0] - 360, xy[:, 0])
        x, y = cone(east, xy[:, 1])
        return np.column_stack((left + np.asarray(x) - x0, top - (np.asarray(y) - y0)))

    return shapely.transform(shape, pixels)


def _countries() -> dict[str, Any]:
    """Each country for itself, in an equal-area projection around its middle."""
    from . import features

    return {one.code: _alone(one.code, one.shape) for one in features("world") if one.code}


def _alone(code: str, shape: Any) -> dict[str, Any]:
    import shapely

    from ..projections import projected

    moved = _unwrapped(shape)
    middle = moved.centroid
    lat = -90 if code == "AQ" else middle.y
    crs = f"+proj=laea +lat_0={lat:.4f} +lon_0={middle.x:.4f} +datum=WGS84"
    (flat,) = projected([moved], crs, 0, 0, 1e-3)
    west, north, east, south = flat.bounds
    scale = DETAIL / max(east - west, south - north)
    flat = shapely.transform(flat, lambda xy: (xy - [west, north]) * scale)
    path = _paths([code], [flat], tolerance=0.4, smallest=0.3)[code]
    return {"size": [round((east - west) * scale, 1), round((south - north) * scale, 1)], "path": path}


def _unwrapped(shape: Any) -> Any:
    """What lies on both sides of 180 degrees, on one side."""
    import numpy as np
    import shapely

    west, _, east, _ = shape.bounds
    if east - west < 300 or shape.geom_type == "Polygon":
        return shape
    return shapely.transform(
        shape, lambda xy: np.column_stack((np.where(xy[:, 0] < 0, xy[:, 0] + 360, xy[:, 0]), xy[:, 1]))
    )


def _paths(codes: Sequence[str], flat: Sequence[Any], *, tolerance: float, smallest: float) -> dict[str, list[Any]]:
    """Simplified together, so that neighbours still share their borders."""
    import shapely

    simple = shapely.coverage_simplify(flat, tolerance) if len(flat) > 1 else [shapely.simplify(flat[0], tolerance)]
    found = {}
    for code, shape, full in zip(codes, simple, flat, strict=True):
        parts = sorted(
            (one for one in shapely.get_parts(shape) if len(one.exterior.coords) > 3), key=lambda one: -one.area
        )
        kept = [part for number, part in enumerate(parts) if not number or part.area >= smallest]
        at = max(shapely.get_parts(full), key=lambda part: part.area).representative_point()
        found[code] = ["".join(map(_drawn, kept)), round(at.x, 1), round(at.y, 1), round(full.area, 1)]
    return found


def _drawn(polygon: Any) -> str:
    return "".join(_ring(ring) for ring in (polygon.exterior, *polygon.interiors))


def _ring(ring: Any) -> str:
    """In tenths of a pixel, relative to the point before; empty where nothing is left."""
    import numpy as np

    points = np.round(np.asarray(ring.coords)[:-1] * 10).astype(int)
    steps = np.diff(points, axis=0)
    steps = steps[np.any(steps != 0, axis=1)]
    if len(steps) < 2:
        return ""
    start = _tenth(points[0][0]) + "," + _tenth(points[0][1])
    return f"M{start}l" + " ".join(f"{_tenth(x)},{_tenth(y)}" for x, y in steps) + "z"


def _tenth(tenths: int) -> str:
    sign, (whole, rest) = "-" if tenths < 0 else "", divmod(abs(int(tenths)), 10)
    text = f"{whole or ''}.{rest}" if rest else str(whole)
    return sign + text


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
