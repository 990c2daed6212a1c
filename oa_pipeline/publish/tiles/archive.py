"""One tile's zip: `addresses.csv` and `LICENSE.txt`. The same rows and licences give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from zipfile import ZipFile

from ...zips.members import Deflating, append_bytes, append_deflated
from ..saved import disposition
from ..store import Store, StoredObject

CHUNK = 1 << 20


def write_tile(store: Store, key: str, text: Iterable[bytes], licences: bytes, spool: Path) -> StoredObject:
    """Stores the zip of a csv whose text comes in pieces. `spool` is a file that may be written; it is gone after."""
    deflating = Deflating()
    try:
        with spool.open("wb") as out:
            # The compressor's output depends on how its input is cut, so that is always cut alike.
            for chunk in _cut(text):
                out.write(deflating.pack(chunk))
            out.write(deflating.end())
        writing = store.writer(key, content_type="application/zip", disposition=disposition(key))
        with writing as target, ZipFile(target, "w") as archive:
            append_deflated(
                archive,
                "addresses.csv",
                _read(spool),
                crc=deflating.crc,
                size=deflating.size,
                packed_size=spool.stat().st_size,
            )
            append_bytes(archive, "LICENSE.txt", licences)
    finally:
        spool.unlink(missing_ok=True)
    return target.stored


def _cut(text: Iterable[bytes]) -> Iterator[bytes]:
    waiting = bytearray()
    for piece in text:
        waiting += piece
        whole = len(waiting) - len(waiting) % CHUNK
        for start in range(0, whole, CHUNK):
            yield bytes(waiting[start : start + CHUNK])
        del waiting[:whole]
    if waiting:
        yield bytes(waiting)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as held:
        while data := held.read(CHUNK):
            yield data
