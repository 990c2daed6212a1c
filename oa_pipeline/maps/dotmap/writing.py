"""Archives that are written in one pass: PMTiles, as browsers read them by ranges, and MBTiles, as Mapbox takes them.

Tiles come in the order of their numbers. Neither writer's memory depends on how many there are.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from pmtiles.tile import (
    Compression,
    Entry,
    HeaderDict,
    TileType,
    serialize_directory,
    serialize_header,
    tileid_to_zxy,
)

from .archive import HEADER_BYTES, Bounds, zoom_of

FRONT = 16_384  # within which header and first directory lie, so that one request gets both
LEAF = 4096  # entries of a directory below the first, at least
_ENTRY = struct.Struct("<QQIQ")  # tile, offset, length, run
SQLITE_CACHE_KIB = 16 * 1024
COMMIT = 100_000  # tiles
E7 = 10_000_000


class Sink(Protocol):
    """Takes tiles in the order of their numbers, each number once."""

    path: Path

    def add(self, number: int, data: bytes) -> None:
        """The next tile, compressed."""

    def close(self, bounds: Bounds, metadata: Mapping[str, Any]) -> None:
        """Ends the archive, which has at least one tile."""

    def abort(self) -> None:
        """Removes what was written."""


class PmtilesWriter:
    """Version 3: the tiles, then the directories below the first, then the metadata; equal neighbours are one."""

    def __init__(self, path: Path) -> None:
        """`path` is made, and for the time of writing a second file beside it."""
        self.path = path
        self._entries_path = path.with_name(f"{path.name}.entries")
        self._out = path.open("wb")
        self._out.write(bytes(FRONT))
        self._spool = self._entries_path.open("w+b")
        self._last: tuple[int, int, int, int] | None = None  # tile, offset, length, run
        self._data = b""
        self._end = 0
        self._tiles = self._entries = self._contents = 0
        self._first = 0

    def add(self, number: int, data: bytes) -> None:
        """See Sink."""
        last = self._last
        self._tiles += 1
        if last is not None:
            if number < last[0] + last[3]:
                raise ValueError(f"tile {number} comes too late")
            if number == last[0] + last[3] and data == self._data:
                self._last = (*last[:3], last[3] + 1)
                return
            self._keep(last)
        else:
            self._first = number
        if last is not None and data == self._data:
            self._last = (number, last[1], last[2], 1)
            return
        self._out.write(data)
        self._contents += 1
        self._last, self._data = (number, self._end, len(data), 1), data
        self._end += len(data)

    def close(self, bounds: Bounds, metadata: Mapping[str, Any]) -> None:
        """See Sink."""
        if self._last is None:
            raise ValueError("an archive without tiles")
        self._keep(self._last)
        root, leaves = self._directories(self._out)
        said = gzip.compress(json.dumps(metadata, ensure_ascii=False).encode(), mtime=0)
        self._out.write(said)
        after = FRONT + self._end
        header: HeaderDict = {
            "version": 3,
            "root_offset": HEADER_BYTES,
            "root_length": len(root),
            "metadata_offset": after + leaves,
            "metadata_length": len(said),
            "leaf_directory_offset": after,
            "leaf_directory_length": leaves,
            "tile_data_offset": FRONT,
            "tile_data_length": self._end,
            "addressed_tiles_count": self._tiles,
            "tile_entries_count": self._entries,
            "tile_contents_count": self._contents,
            "clustered": True,
            "internal_compression": Compression.GZIP,
            "tile_compression": Compression.GZIP,
            "tile_type": TileType.MVT,
            "min_zoom": zoom_of(self._first),
            "max_zoom": zoom_of(self._last[0] + self._last[3] - 1),
            "min_lon_e7": bounds[0],
            "min_lat_e7": bounds[1],
            "max_lon_e7": bounds[2],
            "max_lat_e7": bounds[3],
            "center_zoom": zoom_of(self._first),
            "center_lon_e7": (bounds[0] + bounds[2]) // 2,
            "center_lat_e7": (bounds[1] + bounds[3]) // 2,
        }
        self._out.seek(0)
        self._out.write(serialize_header(header) + root)
        self._out.close()
        self._drop_spool()

    def abort(self) -> None:
        """See Sink."""
        self._out.close()
        self._drop_spool()
        self.path.unlink(missing_ok=True)

    def _keep(self, entry: tuple[int, int, int, int]) -> None:
        self._spool.write(_ENTRY.pack(*entry))
        self._entries += 1

    def _drop_spool(self) -> None:
        self._spool.close()
        self._entries_path.unlink(missing_ok=True)

    def _directories(self, out: BinaryIO) -> tuple[bytes, int]:
        """Writes what does not fit into the first directory; that one, and how many bytes were written."""
        if self._entries <= LEAF:
            root = serialize_directory(next(self._blocks(LEAF)))
            if len(root) <= FRONT - HEADER_BYTES:
                return root, 0
        start, size = out.tell(), LEAF
        while True:
            links = []
            for block in self._blocks(size):
                leaf = serialize_directory(block)
                links.append(Entry(block[0].tile_id, out.tell() - start, len(leaf), 0))
                out.write(leaf)
            root = serialize_directory(links)
            if len(root) <= FRONT - HEADER_BYTES:
                return root, out.tell() - start
            size *= 2
            out.seek(start)
            out.truncate()

    def _blocks(self, size: int) -> Iterator[list[Entry]]:
        self._spool.seek(0)
        while data := self._spool.read(size * _ENTRY.size):
            yield [Entry(tile, offset, length, run) for tile, offset, length, run in _ENTRY.iter_unpack(data)]


class MbtilesWriter:
    """Version 1.3: an SQLite file with a row for each tile."""

    def __init__(self, path: Path) -> None:
        """`path` must not exist."""
        self.path = path
        self._db = sqlite3.connect(path, isolation_level=None)
        # Nobody else reads it before it is whole, and one that is not whole is thrown away.
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{SQLITE_CACHE_KIB}"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("CREATE TABLE metadata (name text, value text)")
        self._db.execute(
            "CREATE TABLE tiles (zoom_level integer, tile_column integer, tile_row integer, tile_data blob)"
        )
        self._db.execute("BEGIN")
        self._tiles = 0
        self._zooms: set[int] = set()

    def add(self, number: int, data: bytes) -> None:
        """See Sink."""
        zoom, x, y = tileid_to_zxy(number)
        self._zooms.add(zoom)
        self._db.execute("INSERT INTO tiles VALUES (?, ?, ?, ?)", (zoom, x, (1 << zoom) - 1 - y, data))
        self._tiles += 1
        if not self._tiles % COMMIT:
            self._db.execute("COMMIT")
            self._db.execute("BEGIN")

    def close(self, bounds: Bounds, metadata: Mapping[str, Any]) -> None:
        """See Sink."""
        west, south, east, north = (degrees / E7 for degrees in bounds)
        said = {name: value for name, value in metadata.items() if isinstance(value, str)}
        said |= {
            "format": "pbf",
            "minzoom": str(min(self._zooms)),
            "maxzoom": str(max(self._zooms)),
            "bounds": f"{west:.7f},{south:.7f},{east:.7f},{north:.7f}",
            "center": f"{(west + east) / 2:.7f},{(south + north) / 2:.7f},{min(self._zooms)}",
            "json": json.dumps({"vector_layers": metadata.get("vector_layers", [])}, ensure_ascii=False),
        }
        self._db.executemany("INSERT INTO metadata VALUES (?, ?)", sorted(said.items()))
        self._db.execute("COMMIT")
        self._db.execute("CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row)")
        self._db.close()

    def abort(self) -> None:
        """See Sink."""
        self._db.close()
        self.path.unlink(missing_ok=True)
