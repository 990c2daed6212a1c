"""The squares of one degree, each named by its south-western corner in whole degrees."""

from __future__ import annotations

Cell = tuple[int, int]  # longitude of the western edge, latitude of the southern edge

ROWS = 180  # squares from pole to pole


def tile_key(build: int, cell: Cell) -> str:
    """Where the tile lies in the store."""
    lon, lat = cell
    return f"tiles/{build}/{lon:.1f}/{lat:.1f}.zip"


def number_of(cell: Cell) -> int:
    """The cell as one number, from the south-western corner of the map."""
    lon, lat = cell
    return (lon + 180) * ROWS + lat + 90


def cell_of(number: int) -> Cell:
    """The cell of that number."""
    across, up = divmod(number, ROWS)
    return across - 180, up - 90
