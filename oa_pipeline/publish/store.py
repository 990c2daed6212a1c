"""Where results lie: an S3 bucket, or a folder with the same layout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from ..errors import PublishError

LONGEST_KEY = 1024  # bytes, as S3 allows
CONTENT_TYPES = {
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".zip": "application/zip",
    ".gz": "application/gzip",
    ".parquet": "application/vnd.apache.parquet",
    ".geojson": "application/geo+json",
}


class MissingObject(PublishError):  # noqa: N818 - a fact about a key, which may be nobody's fault
    """There is no object of that key."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that was put."""

    key: str
    size: int
    sha256: str
    content_type: str = ""
    rows: int | None = None

    def as_json(self) -> dict[str, Any]:
        """A dictionary of JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Listed:
    """An object that is there."""

    key: str
    size: int


class Store(Protocol):
    """Objects by key. They are written once and never change; every failure is a PublishError."""

    location: str

    def put(self, key: str, path: Path, *, content_type: str, sha256: str) -> None:
        """Stores the file, whole or not at all, under a key that is free or already holds the same bytes."""

    def open(self, key: str) -> BinaryIO:
        """The object's bytes, from the start. Raises MissingObject."""

    def exists(self, key: str) -> bool:
        """Whether there is an object of that key."""

    def size(self, key: str) -> int:
        """Its bytes. Raises MissingObject."""

    def url(self, key: str) -> str:
        """An address a person can follow."""

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """The objects whose keys start with `prefix`, in the order of their keys' bytes."""

    def delete_prefix(self, prefix: str) -> int:
        """Removes all objects below `prefix`, which ends with a slash. Returns how many there were."""


def open_store(location: str, *, endpoint: str = "") -> Store:
    """The store at `s3://bucket/prefix`, or in a folder, which is made. `endpoint`: another S3 than Amazon's."""
    if location.startswith("s3://"):
        from .s3 import S3Store

        return S3Store(location, endpoint=endpoint)
    if "://" in location:
        raise PublishError(
            f"{location.partition('://')[0]}:// is no store", cure="OA_STORE is s3://bucket/prefix or a folder"
        )
    from .folder import FolderStore

    return FolderStore(Path(location))


def checked_key(key: str) -> str:
    """The key itself. Raises PublishError for one that would not be the same name everywhere."""
    parts = key.split("/")
    if not key or "\0" in key or any(part in {"", ".", ".."} for part in parts):
        raise PublishError(f"{key!r} is no key for an object", cure="a key has no empty, '.' or '..' parts")
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        raise PublishError(f"{key!r} is no key for an object", cure="a key is Unicode text") from None
    if size > LONGEST_KEY:
        raise PublishError(f"the key {key[:80]!r}... is longer than {LONGEST_KEY} bytes", cure="shorten its name")
    return key


def content_type(name: str) -> str:
    """The content type that a file's suffix tells."""
    return CONTENT_TYPES.get(Path(name).suffix.lower(), "application/octet-stream")


def different(key: str, location: str) -> PublishError:
    """The error of a key that is taken by other bytes."""
    return PublishError(
        f"{key} in {location} already holds something else",
        cure="objects never change: publish under a new run number",
    )


def changed(path: Path, key: str) -> PublishError:
    """The error of a file whose bytes are no longer those that were promised."""
    return PublishError(f"{path.name} changed before it was stored as {key}", cure="process the source again")
