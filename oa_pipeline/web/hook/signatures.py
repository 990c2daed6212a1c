"""Signatures of GitHub's deliveries, and of those that we replay."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable

PREFIX = "sha256="
_SHAPE = re.compile(rf"{PREFIX}[0-9a-f]{{64}}", re.ASCII)


def signature(secret: str, body: bytes) -> str:
    """The value of `X-Hub-Signature-256` for this body."""
    return f"{PREFIX}{_mac(secret, body).hexdigest()}"


def looks_like_one(header: str) -> bool:
    """Whether the header could be the signature of some body; no other body is worth reading."""
    return _SHAPE.fullmatch(header) is not None


class Signatures:
    """The signatures of a body by each of the secrets, made while it arrives."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._macs = [_mac(secret) for secret in secrets]

    def update(self, block: bytes) -> None:
        """Goes on with the body's next bytes."""
        for mac in self._macs:
            mac.update(block)

    def include(self, header: str) -> bool:
        """Whether the header is one of them.

        All are compared, and as bytes in constant time: what is not ASCII is merely wrong.
        """
        given = header.encode("utf-8", "surrogateescape")
        matches = [hmac.compare_digest(given, f"{PREFIX}{mac.hexdigest()}".encode()) for mac in self._macs]
        return any(matches)


def _mac(secret: str, body: bytes = b"") -> hmac.HMAC:
    return hmac.new(secret.encode(), body, hashlib.sha256)
