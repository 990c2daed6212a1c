"""A worker's own log, copied to the store while it grows: the machine that it lies on may be gone tomorrow."""

from __future__ import annotations

import gzip
import hashlib
import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import OAError

if TYPE_CHECKING:
    from ..publish.store import Store

SHIP_SECONDS = 300.0
BLOCK = 4 * 1024 * 1024  # of the log, an object: objects never change, so it goes up in pieces
log = logging.getLogger(__name__)


class ShippedLog:
    """A log file whose new lines go to `logs/workers/<day>/<name>/<number>.txt.gz` in the store."""

    def __init__(self, path: Path, store: Store, name: str, *, every: float = SHIP_SECONDS) -> None:
        """`name`: the worker's, with the instance's."""
        self._path, self._store, self._every = path, store, every
        self._prefix = f"logs/workers/{datetime.now(UTC):%Y-%m-%d}/{name}"
        self._done, self._number, self._due = 0, 0, time.monotonic() + every

    def ship_if_due(self) -> None:
        """Ships what is new, now and then."""
        if time.monotonic() >= self._due:
            self.ship()

    def ship(self) -> None:
        """Ships what is new. What the store does not take is shipped next time."""
        self._due = time.monotonic() + self._every
        try:
            while piece := self._new():
                self._put(piece)
                self._done += len(piece)
                self._number += 1
        except (OAError, OSError) as error:
            log.warning("the worker's log is shipped later: %s", error)

    def _new(self) -> bytes:
        """Whole lines that have not been shipped."""
        with self._path.open("rb") as file:
            file.seek(self._done)
            piece = file.read(BLOCK)
        end = piece.rfind(b"\n") + 1
        return piece[:end] if end else (piece if len(piece) == BLOCK else b"")

    def _put(self, piece: bytes) -> None:
        packed = self._path.with_suffix(".gz")
        packed.write_bytes(gzip.compress(piece, mtime=0))
        sha256 = hashlib.sha256(packed.read_bytes()).hexdigest()
        key = f"{self._prefix}/{self._number:05d}.txt.gz"
        self._store.put(key, packed, content_type="application/gzip", sha256=sha256)
        packed.unlink()
