"""What a fetch is allowed to cost, and what it brought."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one data source's download may take. Bytes are counted after content decoding."""

    bytes: int = 20 * 1024**3
    seconds: float = 6 * 3600.0
    minimum_rate: float = 1024.0  # bytes a second, judged over `rate_window` seconds
    rate_window: float = 60.0
    connect_seconds: float = 20.0
    read_seconds: float = 120.0
    redirects: int = 10
    attempts: int = 5  # per request, with back-off
    requests: int = 200_000  # per data source (ESRI pages)


@dataclass(frozen=True, slots=True)
class Validators:
    """What a publisher says that lets us ask "has it changed?" without downloading."""

    etag: str = ""
    last_modified: str = ""
    edit_date: int | None = None  # ESRI editingInfo, epoch milliseconds
    count: int | None = None  # ESRI feature count

    def as_json(self) -> dict[str, Any]:
        """A dictionary for the ledger."""
        return {
            "etag": self.etag,
            "last_modified": self.last_modified,
            "edit_date": self.edit_date,
            "count": self.count,
        }

    @classmethod
    def from_json(cls, held: dict[str, Any]) -> Validators:
        """The inverse of `as_json`; tolerates missing keys."""
        return cls(
            held.get("etag") or "",
            held.get("last_modified") or "",
            held.get("edit_date"),
            held.get("count"),
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is. `total` is None where the publisher does not say."""

    done: int
    total: int | None
    unit: Literal["bytes", "features"]


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A complete download on disk.

    `form` is "file" for what the publisher serves, byte for byte, and "esri" for a dumped ArcGIS layer: gzipped JSON
    lines, the first an object {"metadata": <layer metadata>}, each other one ESRI feature {"attributes", "geometry"}.
    """

    path: Path
    form: Literal["file", "esri"]
    size: int
    sha256: str
    md5: str
    file_name: str  # the base name that URL, redirects and content type suggest; for show and for choosing readers
    content_type: str
    final_url: str
    validators: Validators
    notes: tuple[str, ...] = ()  # what a person should know: unverified TLS, http downgrade ...
    seconds: float = 0.0
    requests: int = 1
