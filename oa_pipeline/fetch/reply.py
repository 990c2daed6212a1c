"""What a request brought back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .model import Validators


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer in memory. `headers` may be asked in any case; `body` is decoded; `url` is where it came from."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Spent:
    """What a transport has used of its budget so far."""

    bytes: int
    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Download:
    """A complete file on disk, or, where `not_modified`, the publisher's word that nothing changed and no file."""

    path: Path
    size: int
    sha256: str
    md5: str
    url: str
    content_type: str
    validators: Validators
    seconds: float
    not_modified: bool = False
