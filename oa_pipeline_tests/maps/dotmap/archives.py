"""Archives of tiles for tests, written and read by the library that browsers' readers come with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from pmtiles.reader import MmapSource, Reader, all_tiles
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from oa_pipeline.maps.dotmap.archive import Archive

Place = tuple[int, int, int]  # zoom, x, y
BOX = (-10_000_000, -20_000_000, 30_000_000, 40_000_000)


def write(path: Path, tiles: Mapping[Place, bytes], bounds: tuple[int, int, int, int] = BOX) -> Path:
    """An archive as somebody else writes it."""
    with path.open("wb") as out:
        writer = Writer(out)
        for number, data in sorted((zxy_to_tileid(*place), data) for place, data in tiles.items()):
            writer.write_tile(number, data)
        header = {
            "tile_type": TileType.MVT, "tile_compression": Compression.GZIP, "min_lon_e7": bounds[0],
            "min_lat_e7": bounds[1], "max_lon_e7": bounds[2], "max_lat_e7": bounds[3],
        }  # fmt: skip
        writer.finalize(header, {"name": "test"})
    return path


def opened(path: Path, window: int = 1 << 20) -> Archive:
    """The archive for our own reader, which holds no file open."""

    def read(start: int, stop: int) -> bytes:
        with path.open("rb") as held:
            held.seek(start)
            return held.read(stop - start)

    return Archive(read, window)


def read_pmtiles(path: Path) -> dict[Place, bytes]:
    """All tiles, as somebody else reads them, each also asked for by its place."""
    with path.open("rb") as held:
        source = MmapSource(held)
        reader = Reader(source)
        found: dict[Place, bytes] = dict(all_tiles(source))
        for place in list(found)[:: max(1, len(found) // 50)]:
            assert reader.get(*place) == found[place]
        return found


def read_mbtiles(path: Path) -> dict[Place, bytes]:
    """All tiles, with rows counted from the north as everywhere else."""
    with sqlite3.connect(path) as db:
        rows: Iterable[tuple[int, int, int, bytes]] = db.execute("SELECT * FROM tiles").fetchall()
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()
    return {(zoom, x, (1 << zoom) - 1 - y): data for zoom, x, y, data in rows}
