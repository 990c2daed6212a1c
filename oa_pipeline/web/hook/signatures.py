"""Signatures of GitHub's deliveries, and of those that we replay."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

PREFIX = b"sha256="


def signature(secret: str, body: bytes) -> str:
    """The value of `X-Hub-Signature-256` for this body."""
    return (PREFIX + _digest(secret, body)).decode()


def signed(header: str, body: bytes, secrets: Iterable[str]) -> bool:
    """Whether the header is the body's signature by one of the secrets.

    All secrets are tried, and bytes are compared in constant time: what is not ASCII is merely wrong.
    """
    given = header.encode("utf-8", "surrogateescape")
    matches = [hmac.compare_digest(given, PREFIX + _digest(secret, body)) for secret in secrets]
    return any(matches)


def _digest(secret: str, body: bytes) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
