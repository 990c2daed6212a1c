"""Files that know their size and SHA-256 when they are closed."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import polars as pl

from ..task import Output

CHUNK = 1 << 20


class HashedFile:
    """A new file, written once from start to end. Nothing of it remains after `abort`."""

    def __init__(self, path: Path) -> None:
        """Creates the file; one that is there already is replaced."""
        self.path = path
        self._file = path.open("wb")
        self._digest = sha256()
        self._size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Appends."""
        self._file.write(data)
        self._digest.update(data)
        self._size += len(data)

    def close(self, rows: int | None = None) -> Output:
        """What was written; `path` is the file's name."""
        self._file.close()
        return Output(self.path.name, self._size, self._digest.hexdigest(), rows)

    def abort(self) -> None:
        """Removes the file."""
        self._file.close()
        self.path.unlink(missing_ok=True)


def described(path: Path, rows: int | None = None) -> Output:
    """Size and SHA-256 of a file that is complete."""
    digest, size = sha256(), 0
    with path.open("rb") as held:
        while data := held.read(CHUNK):
            digest.update(data)
            size += len(data)
    return Output(path.name, size, digest.hexdigest(), rows)


def text_bytes(texts: pl.Series) -> memoryview:
    """All texts of a column, one after the other, in UTF-8; nulls add nothing."""
    array = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    if data is None or not len(array):
        return memoryview(b"")
    ends = memoryview(offsets).cast("B").cast("q")
    return memoryview(data)[ends[array.offset] : ends[array.offset + len(array)]]
