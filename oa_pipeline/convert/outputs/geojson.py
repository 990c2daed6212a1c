"""GeoJSON lines: one Feature a line, in input order; rows without a usable place included."""

from __future__ import annotations

from pathlib import Path

from isal import isal_zlib

from ..task import Output
from .block import Block
from .sinks import HashedFile, text_bytes

_LEVEL = 2
_GZIP = 31  # zlib's window bits that mean a gzip header: without name, and with time 0


class GeoJsonWriter:
    """Writes `out.geojson`, or `out.geojson.gz` when packed."""

    def __init__(self, path: Path, *, packed: bool) -> None:
        """Opens the file."""
        self._sink = HashedFile(path)
        self._packing = isal_zlib.compressobj(_LEVEL, wbits=_GZIP) if packed else None
        self._rows = 0

    def write(self, block: Block) -> None:
        """All rows of the block."""
        data = text_bytes(block.lines)
        self._sink.write(self._packing.compress(data) if self._packing else data)
        self._rows += len(block)

    def close(self) -> Output:
        """Ends the file."""
        if self._packing:
            self._sink.write(self._packing.flush())
        return self._sink.close(self._rows)

    def abort(self) -> None:
        """Removes the file."""
        self._sink.abort()
