"""How many rows lie in each square of a tenth of a degree."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import numpy as np

_ACROSS, _UP = 3600, 1800


class SpatialSummary:
    """Counts points by square; its memory depends on the squares, not on the points."""

    def __init__(self) -> None:
        """Of no points."""
        self._counts: dict[int, int] = {}

    def add(self, lon: np.ndarray, lat: np.ndarray) -> None:
        """Longitudes and latitudes on the earth, in degrees with at most seven decimals."""
        # 180 and 90 belong to the last square.
        across = np.minimum(np.floor(lon * 10).astype(np.int64) + _ACROSS // 2, _ACROSS - 1)
        up = np.minimum(np.floor(lat * 10).astype(np.int64) + _UP // 2, _UP - 1)
        squares, counts = np.unique(up * _ACROSS + across, return_counts=True)
        for square, count in zip(squares.tolist(), counts.tolist(), strict=True):
            self._counts[square] = self._counts.get(square, 0) + count

    def rows(self) -> Iterator[tuple[int, str, str, str]]:
        """Count, the middle's longitude and latitude, and the square as WKT; from south to north, west to east."""
        for square in sorted(self._counts):
            up, across = divmod(square, _ACROSS)
            west, south = across - _ACROSS // 2, up - _UP // 2
            ring = ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))
            area = ",".join(f"{(west + x) / 10:.1f} {(south + y) / 10:.1f}" for x, y in ring)
            middle = f"{(west + 0.5) / 10:.2f}", f"{(south + 0.5) / 10:.2f}"
            yield self._counts[square], *middle, f"POLYGON(({area}))"

    def as_csv(self) -> bytes:
        """Header count, lon, lat, area; then the rows."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(("count", "lon", "lat", "area"))
        writer.writerows(self.rows())
        return text.getvalue().encode()
