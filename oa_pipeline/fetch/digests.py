"""What is known of bytes that have passed by: how many, and their digests."""

from __future__ import annotations

import hashlib


class Digests:
    """Of all bytes so far."""

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)

    def add(self, piece: bytes) -> None:
        """The bytes that come next."""
        self.size += len(piece)
        self._sha256.update(piece)
        self._md5.update(piece)

    @property
    def sha256(self) -> str:
        """As hex digits."""
        return self._sha256.hexdigest()

    @property
    def md5(self) -> str:
        """As hex digits."""
        return self._md5.hexdigest()
