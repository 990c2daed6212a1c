"""Where rows lie: their bounding boxes, and their places along a curve that keeps neighbours together."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

ORDER = 16  # the curve passes through squares of 360/65536 of a degree: some 600 m
BITS = 2 * ORDER
_WKB_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("x", "<f8"), ("y", "<f8")])


def boxes(geometry: pa.Array) -> np.ndarray:
    """West, south, east, north of each WKB geometry, in rows of four."""
    points = _points(geometry)
    if points is not None:
        return np.column_stack((points["x"], points["y"], points["x"], points["y"]))
    import shapely

    found: np.ndarray = shapely.bounds(shapely.from_wkb(geometry.to_numpy(zero_copy_only=False)))
    return found


def _points(geometry: pa.Array) -> np.ndarray | None:
    """The records of an array that holds nothing but points without a height, little end first; else None."""
    if geometry.null_count or not len(geometry):
        return None
    offsets = np.frombuffer(geometry.buffers()[1], np.int32)[geometry.offset : geometry.offset + len(geometry) + 1]
    size = _WKB_POINT.itemsize
    if offsets[-1] - offsets[0] != size * len(geometry) or (np.diff(offsets) != size).any():
        return None
    records = np.frombuffer(geometry.buffers()[2], _WKB_POINT, count=len(geometry), offset=int(offsets[0]))
    plain = (records["order"] == 1).all() and (records["kind"] == 1).all()
    return records if plain else None


def along_curve(west: np.ndarray, south: np.ndarray, east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """The place of each box's middle on a Hilbert curve over the whole earth, as uint32."""
    across = _square((west + east) / 2, 360.0)
    up = _square((south + north) / 2, 180.0)
    place = np.zeros(len(across), np.uint32)
    side = np.uint32(1 << (ORDER - 1))
    last = np.uint32((1 << ORDER) - 1)
    while side:
        right, above = (across & side) > 0, (up & side) > 0
        place += side * side * ((np.uint32(3) * right) ^ above).astype(np.uint32)
        # Turn the quarter so that the curve through it begins and ends where its neighbours do.
        mirrored = ~above & right
        across, up = np.where(mirrored, last - across, across), np.where(mirrored, last - up, up)
        across, up = np.where(above, across, up), np.where(above, up, across)
        side >>= np.uint32(1)
    return place


def _square(degrees: np.ndarray, around: float) -> np.ndarray:
    scaled = np.nan_to_num((degrees / around + 0.5) * (1 << ORDER), nan=0.0)
    return np.clip(scaled, 0, (1 << ORDER) - 1).astype(np.uint32)


def outward(box: np.ndarray) -> np.ndarray:
    """The boxes in 32 bits, rounded so that they still hold what they held."""
    narrow = box.astype(np.float32)
    down, up = np.float32(-np.inf), np.float32(np.inf)
    low, high = narrow[:, :2], narrow[:, 2:]
    low = np.where(low > box[:, :2], np.nextafter(low, down), low)
    high = np.where(high < box[:, 2:], np.nextafter(high, up), high)
    return np.hstack((low, high)).astype(np.float32)
