"""Rows of many sources, gathered by cell on disk: as many cells as there are, in constant memory, one file open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from isal import isal_zlib

from .cells import Cell, number_of

HELD = 32 << 20  # bytes of rows in memory before they go to disk
_GZIP = 31


@dataclass(slots=True)
class _Part:
    """One source's rows in one cell: where their compressed pieces lie in the cell's file."""

    rows: int = 0
    pieces: list[tuple[int, int]] = field(default_factory=list)


class Spill:
    """Takes the rows of one source after the other, and gives those of a cell back ordered by the sources' keys."""

    def __init__(self, folder: Path, held: int = HELD) -> None:
        """Files go into `folder`, which exists."""
        self._folder, self._limit = folder, held
        self._waiting: dict[Cell, list[bytes]] = defaultdict(list)
        self._bytes = 0
        self._open: dict[Cell, _Part] = defaultdict(_Part)
        self._parts: dict[Cell, dict[str, _Part]] = defaultdict(dict)

    def add(self, cell: Cell, count: int, text: bytes) -> None:
        """Rows of the source that is being read."""
        self._waiting[cell].append(text)
        self._open[cell].rows += count
        self._bytes += len(text)
        if self._bytes > self._limit:
            self._flush()

    def keep(self, key: str) -> set[Cell]:
        """Ends the source: what was added since the last end is its own. In which cells that is."""
        self._flush()
        cells = set(self._open)
        for cell, part in self._open.items():
            self._parts[cell][key] = part
        self._open.clear()
        return cells

    def drop(self) -> None:
        """Ends the source: nothing was added since the last end."""
        self._waiting.clear()
        self._open.clear()
        self._bytes = 0

    def forget(self, key: str) -> None:
        """Nothing is this source's any more."""
        for parts in self._parts.values():
            parts.pop(key, None)

    def keys(self, cell: Cell) -> list[str]:
        """Whose rows are in the cell."""
        return sorted(self._parts.get(cell, ()))

    def rows(self, cell: Cell) -> int:
        """How many there are."""
        return sum(part.rows for part in self._parts.get(cell, {}).values())

    def text(self, cell: Cell) -> Iterator[bytes]:
        """The rows' text, source by source."""
        parts = self._parts.get(cell, {})
        if not parts:
            return
        with self._path(cell).open("rb") as held:
            for key in sorted(parts):
                for start, stop in parts[key].pieces:
                    held.seek(start)
                    yield isal_zlib.decompress(held.read(stop - start), wbits=_GZIP)

    def remove(self, cell: Cell) -> None:
        """Frees the disk that the cell took."""
        self._parts.pop(cell, None)
        self._path(cell).unlink(missing_ok=True)

    def _flush(self) -> None:
        for cell, texts in self._waiting.items():
            with self._path(cell).open("ab") as out:
                start = out.tell()
                out.write(isal_zlib.compress(b"".join(texts), 1, wbits=_GZIP))
                self._open[cell].pieces.append((start, out.tell()))
        self._waiting.clear()
        self._bytes = 0

    def _path(self, cell: Cell) -> Path:
        return self._folder / f"{number_of(cell)}.rows"
