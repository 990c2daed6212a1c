"""How the earth is laid out on maps: what each shows, and shapes in degrees turned into its pixels."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

if TYPE_CHECKING:
    from pyproj import Transformer

STEP = 1.0  # degrees: longer edges are bent with the projection
EQUAL_AREA = "EPSG:6933"  # where areas are measured


@dataclass(frozen=True, slots=True)
class View:
    """A map of fixed size: projected metres at its edges, and the degrees outside of which nothing is drawn."""

    name: str
    crs: str
    west: float
    north: float
    east: float
    south: float
    window: tuple[float, float, float, float]
    width: int = 1920

    @property
    def height(self) -> int:
        """In pixels."""
        return round(self.width * (self.north - self.south) / (self.east - self.west))

    @property
    def scale(self) -> float:
        """Pixels a metre."""
        return self.width / (self.east - self.west)


VAN_DER_GRINTEN = "ESRI:54029"
WORLD = View("world", VAN_DER_GRINTEN, -18_000_000, 14_050_000, 19_500_000, -7_500_000, (-180, -62, 180, 84))
EUROPE = View("europe", VAN_DER_GRINTEN, -2_700_000, 8_700_000, 5_800_000, 3_600_000, (-45, 20, 75, 76))
USA = View("usa", "EPSG:2163", -2_040_000, 740_000, 2_525_000, -2_130_000, (-150, 8, -50, 68))
VIEWS: Mapping[str, View] = {view.name: view for view in (WORLD, USA, EUROPE)}


def on_view(shapes: Sequence[Any], view: View) -> np.ndarray:
    """The shapes in the view's pixels, y downwards; what lies outside its window is cut off and may leave nothing."""
    clipped = shapely.clip_by_rect(np.asarray(shapes, object), *view.window)
    return projected(clipped, view.crs, view.west, view.north, view.scale)


def projected(shapes: Any, crs: str, west: float, north: float, scale: float) -> np.ndarray:
    """The shapes in pixels of a map whose upper left corner lies at `west`, `north` of the projection."""
    turn = transformer(crs)

    def pixels(xy: np.ndarray) -> np.ndarray:
        x, y = turn.transform(xy[:, 0], xy[:, 1])
        return np.column_stack(((np.asarray(x) - west) * scale, (north - np.asarray(y)) * scale))

    return np.asarray(shapely.transform(shapely.segmentize(shapes, STEP), pixels), object)


@functools.cache
def transformer(crs: str) -> Transformer:
    """From degrees to this projection."""
    from pyproj import Transformer

    return Transformer.from_crs("EPSG:4326", crs, always_xy=True)
