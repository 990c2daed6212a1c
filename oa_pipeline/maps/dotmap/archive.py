"""PMTiles archives, read from their start to their end in memory that does not depend on their size."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from pmtiles.tile import (
    Compression,
    Entry,
    HeaderDict,
    MagicNumberNotFound,
    SpecVersionUnsupported,
    TileType,
    deserialize_directory,
    deserialize_header,
)

Read = Callable[[int, int], bytes]  # the bytes from the first up to the second
Bounds = tuple[int, int, int, int]  # west, south, east, north, in ten millionths of a degree
HEADER_BYTES = 127
WINDOW = 1 << 20
DEEPEST = 4  # directories below directories


class BrokenArchive(ValueError):  # noqa: N818 - a fact about a file
    """It is no archive of compressed vector tiles, or not whole."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile as it is stored: its number along the curve over all zooms, and its compressed bytes."""

    number: int
    data: bytes


class Archive:
    """An archive of which any bytes can be read."""

    def __init__(self, read: Read, window: int = WINDOW) -> None:
        """`window`: how many bytes of tiles are read at once. Raises BrokenArchive."""
        self._read, self._window = read, window
        self.header = _header(read(0, HEADER_BYTES))
        self._held, self._start = b"", 0

    @classmethod
    def of(cls, file: BinaryIO) -> Archive:
        """The archive in a file that is open."""

        def read(start: int, stop: int) -> bytes:
            file.seek(start)
            return file.read(stop - start)

        return cls(read)

    @property
    def bounds(self) -> Bounds:
        """Where its tiles' features lie."""
        head = self.header
        return head["min_lon_e7"], head["min_lat_e7"], head["max_lon_e7"], head["max_lat_e7"]

    def metadata(self) -> dict[str, Any]:
        """What it says of itself."""
        start, length = self.header["metadata_offset"], self.header["metadata_length"]
        try:
            found = json.loads(gzip.decompress(self._exactly(start, length)))
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise BrokenArchive(f"its metadata cannot be read: {error}") from error
        return found if isinstance(found, dict) else {}

    def entries(self) -> Iterator[Entry]:
        """Where the tiles are, in the order of their numbers."""
        yield from self._directory(self.header["root_offset"], self.header["root_length"], DEEPEST)

    def tiles(self) -> Iterator[Tile]:
        """All tiles, in the order of their numbers."""
        for entry in self.entries():
            data = self._tile(entry)
            for number in range(entry.tile_id, entry.tile_id + entry.run_length):
                yield Tile(number, data)

    def verify(self) -> None:
        """Raises BrokenArchive unless directories and header agree, and every tile lies within the archive."""
        head = self.header
        tiles = entries = 0
        first, after, ends, contents = -1, -1, 0, 0
        for entry in self.entries():
            if entry.tile_id <= after:
                raise BrokenArchive(f"tile {entry.tile_id} comes after tile {after}")
            if entry.offset + entry.length > head["tile_data_length"] or not entry.length:
                raise BrokenArchive(f"tile {entry.tile_id} lies beyond the tiles' bytes")
            after = entry.tile_id + entry.run_length - 1
            first = entry.tile_id if first < 0 else first
            contents += entry.offset >= ends
            ends = max(ends, entry.offset + entry.length)
            tiles += entry.run_length
            entries += 1
        found = (tiles, entries, contents)
        said = (head["addressed_tiles_count"], head["tile_entries_count"], head["tile_contents_count"])
        if found != said:
            raise BrokenArchive(f"its header counts {said} tiles, entries and contents, its directories {found}")
        if tiles and (zoom_of(first), zoom_of(after)) != (head["min_zoom"], head["max_zoom"]):
            raise BrokenArchive(f"its zooms are {zoom_of(first)} to {zoom_of(after)}, and not as its header says")

    def _directory(self, start: int, length: int, deep: int) -> Iterator[Entry]:
        if not deep:
            raise BrokenArchive("its directories are too deep")
        try:
            entries = deserialize_directory(self._exactly(start, length))
        except (OSError, EOFError, zlib.error, IndexError) as error:
            raise BrokenArchive(f"a directory cannot be read: {error}") from error
        for entry in entries:
            if entry.run_length:
                yield entry
            else:
                yield from self._directory(self.header["leaf_directory_offset"] + entry.offset, entry.length, deep - 1)

    def _tile(self, entry: Entry) -> bytes:
        """The tile's bytes, out of those that were read last where they are among them."""
        head = self.header
        at = head["tile_data_offset"] + entry.offset
        if not self._start <= at <= at + entry.length <= self._start + len(self._held):
            end = head["tile_data_offset"] + head["tile_data_length"]
            self._held = self._read(at, min(at + max(self._window, entry.length), end))
            self._start = at
        data = self._held[at - self._start : at - self._start + entry.length]
        if len(data) != entry.length:
            raise BrokenArchive("it ends before its last tile")
        return data

    def _exactly(self, start: int, length: int) -> bytes:
        data = self._read(start, start + length)
        if len(data) != length:
            raise BrokenArchive("it ends too early")
        return data


def zoom_of(number: int) -> int:
    """The zoom of the tile of that number: the numbers of all lower zooms come first."""
    return ((3 * number + 1).bit_length() - 1) // 2


def _header(data: bytes) -> HeaderDict:
    if len(data) != HEADER_BYTES:
        raise BrokenArchive("it is too short for an archive of tiles")
    try:
        header = deserialize_header(data)
    except (MagicNumberNotFound, SpecVersionUnsupported, ValueError) as error:
        raise BrokenArchive("it is no PMTiles archive of version 3") from error
    kinds = (header["tile_type"], header["tile_compression"], header["internal_compression"])
    if kinds != (TileType.MVT, Compression.GZIP, Compression.GZIP):
        raise BrokenArchive("its tiles are not compressed vector tiles")
    return header
