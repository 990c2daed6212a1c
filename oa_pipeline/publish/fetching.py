"""Objects of the store as files."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from .store import Store

CHUNK = 1 << 20


def fetch(store: Store, key: str, path: Path) -> str:
    """Writes the object's bytes to the file; gives their SHA-256. Raises PublishError."""
    digest = hashlib.sha256()
    with contextlib.closing(store.open(key)) as stream, path.open("wb") as file:
        while data := stream.read(CHUNK):
            digest.update(data)
            file.write(data)
    return digest.hexdigest()
