"""What a PMTiles archive says of itself, believed only as far as it can be checked."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pmtiles.tile import Compression, TileType, deserialize_header

from ..errors import MapError

HEADER_BYTES = 127
LARGEST_METADATA = 4 * 1024**2  # unpacked
_PLACES = ("root", "metadata", "leaf_directory", "tile_data")
# How features were left out, as tippecanoe counts them for each zoom.
DROPS = ("dropped_by_rate", "dropped_by_gamma", "dropped_as_needed", "coalesced_as_needed", "truncated_zooms")


@dataclass(frozen=True, slots=True)
class TileFile:
    """A whole archive of vector tiles. `drops`: for each zoom, features that its tiles leave out, by cause."""

    size: int
    tiles: int
    min_zoom: int
    max_zoom: int
    bounds: tuple[float, float, float, float]
    metadata: Mapping[str, Any] = field(repr=False)
    drops: Mapping[int, Mapping[str, int]]

    @property
    def left_out(self) -> int:
        """Features that even the highest zoom leaves out."""
        return sum(self.drops.get(self.max_zoom, {}).values())


def look_into(path: Path) -> TileFile:
    """Raises MapError unless the file is a whole archive of vector tiles with at least one tile."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(HEADER_BYTES)
            header: Mapping[str, Any] = {**deserialize_header(head)} if len(head) == HEADER_BYTES else {}
            _whole(header, size)
            file.seek(header["metadata_offset"])
            metadata = _metadata(file.read(header["metadata_length"]), header["internal_compression"])
    except MapError as error:
        raise MapError(f"{path.name} {error.message}") from None
    except OSError as error:
        raise MapError(f"{path.name} cannot be read: {error.strerror}") from error
    except Exception as error:  # the library's exceptions have no base of their own
        raise MapError(f"{path.name} is no PMTiles archive: {type(error).__name__}") from error
    west, south, east, north = (header[f"{edge}_e7"] / 1e7 for edge in ("min_lon", "min_lat", "max_lon", "max_lat"))
    return TileFile(
        size=size,
        tiles=header["addressed_tiles_count"],
        min_zoom=header["min_zoom"],
        max_zoom=header["max_zoom"],
        bounds=(west, south, east, north),
        metadata=metadata,
        drops=drops_of(metadata.get("strategies")),
    )


def _whole(header: Mapping[str, Any], size: int) -> None:
    if not header:
        raise MapError("is shorter than the header of an archive")
    for place in _PLACES:
        start, length = header[f"{place}_offset"], header[f"{place}_length"]
        if start + length > size:
            raise MapError(f"ends before its {place.replace('_', ' ')} does")
    if header["tile_type"] is not TileType.MVT:
        raise MapError("holds no vector tiles")
    if not header["addressed_tiles_count"]:
        raise MapError("holds no tiles at all")


def _metadata(data: bytes, compression: Compression) -> Mapping[str, Any]:
    if compression is Compression.GZIP:
        unpacking = zlib.decompressobj(wbits=31)
        data = unpacking.decompress(data, LARGEST_METADATA)
        if unpacking.unconsumed_tail:
            raise MapError(f"has more than {LARGEST_METADATA} bytes of metadata")
    found = json.loads(data)
    if not isinstance(found, dict):
        raise MapError("has metadata that are no object")
    return found


def drops_of(strategies: object) -> dict[int, dict[str, int]]:
    """By zoom and cause how many features were left out, from tippecanoe's own account; zooms without any are not."""
    if not isinstance(strategies, Sequence) or isinstance(strategies, str):
        return {}
    found = {}
    for zoom, said in enumerate(strategies):
        held = said if isinstance(said, dict) else {}
        causes = {cause: held[cause] for cause in DROPS if type(held.get(cause)) is int and held[cause] > 0}
        if causes:
            found[zoom] = causes
    return found
