"""What a dotmap looks like from afar, drawn of its own tiles."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from itertools import takewhile

import numpy as np
from PIL import Image
from pmtiles.tile import tileid_to_zxy

from .. import boundaries
from ..preview import render
from .archive import Archive, Tile, zoom_of
from .mvt import places, unpacked

MOST_BYTES = 4 << 20  # of the tiles that are looked at: they say how many dots there are


def picture(archive: Archive) -> Image.Image | None:
    """All dots over outlines, as many as the highest zoom has that is not too much to look at; None without any."""
    sizes: Counter[int] = Counter()
    for entry in archive.entries():
        zoom = zoom_of(entry.tile_id)
        sizes[zoom] += entry.length
        if sizes[zoom] > MOST_BYTES:  # and higher ones have more
            break
    fitting = [zoom for zoom, size in sizes.items() if size <= MOST_BYTES]
    if not fitting:
        return None
    found = list(_dots(archive, max(fitting)))
    if not found:
        return None
    longitude, latitude = np.array(found).T
    return render(lambda: [(longitude, latitude)], boundaries.outlines)


def _dots(archive: Archive, zoom: int) -> Iterator[tuple[float, float]]:
    """Longitude and latitude of each dot of a zoom."""
    for tile in takewhile(lambda tile: zoom_of(tile.number) <= zoom, archive.tiles()):
        if zoom_of(tile.number) == zoom:
            yield from _on_earth(tile)


def _on_earth(tile: Tile) -> Iterator[tuple[float, float]]:
    zoom, x, y = tileid_to_zxy(tile.number)
    for across, down in places(unpacked(tile.data)):
        if 0 <= across < 1 and 0 <= down < 1:  # others are a neighbour's, who has them too
            north = math.pi * (1 - 2 * (y + down) / 2**zoom)
            yield (x + across) / 2**zoom * 360 - 180, math.degrees(math.atan(math.sinh(north)))
