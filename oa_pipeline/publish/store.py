"""Where results lie: an S3 bucket, or a folder with the same layout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import quote

from ..errors import PublishError
from .writer import ObjectWriter, StoredObject

__all__ = [
    "Listed",
    "MissingObject",
    "ObjectWriter",
    "Store",
    "StoredObject",
    "changed",
    "checked_key",
    "content_type",
    "different",
    "open_store",
    "quoted",
]

_PLAIN = re.compile(r"[A-Za-z0-9_.~/-]*")  # what is itself in an address
LONGEST_KEY = 1024  # bytes, as S3 allows
CONTENT_TYPES = {
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".zip": "application/zip",
    ".gz": "application/gzip",
    ".parquet": "application/vnd.apache.parquet",
    ".geojson": "application/geo+json",
    ".png": "image/png",
    ".pmtiles": "application/vnd.pmtiles",
}


class MissingObject(PublishError):  # noqa: N818 - a fact about a key, which may be nobody's fault
    """There is no object of that key."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An object that is there."""

    key: str
    size: int
    modified: datetime  # when it was written, in UTC


class Store(Protocol):
    """Objects by key. They are written once and never change, but for what `copy` writes.

    Every failure is a PublishError. A store may be used by many threads and by processes that were forked after it was
    opened; an object that is being written is its process's own.
    """

    location: str

    def put(self, key: str, path: Path, *, content_type: str, sha256: str, disposition: str = "") -> None:
        """Stores the file, whole or not at all, under a key that is free or already holds the same bytes.

        `disposition`: the Content-Disposition with which the store's own public address sends it.
        """

    def writer(self, key: str, *, content_type: str, disposition: str = "") -> AbstractContextManager[ObjectWriter]:
        """A new object, written in one pass in constant memory; `disposition` as of `put`.

        It is whole at the end of the block. At an exception nothing is there, and what was there stays. A key that is
        taken is a PublishError at the end of the block, unless by the same bytes.
        """

    def open(self, key: str, start: int = 0) -> BinaryIO:
        """The object's bytes from byte `start`, nothing where that is past its end. Seekable. Raises MissingObject."""

    def read(self, key: str, start: int, stop: int) -> bytes:
        """Its bytes from `start` up to `stop`, as far as there are any. Raises MissingObject.

        Numbers below 0 count from the end, as in a slice; after such a start, 0 is the end itself.
        """

    def copy(self, key: str, to: str) -> None:
        """Writes `to` whole with the bytes of `key`, replacing what was there in one step. Raises MissingObject.

        Content type and disposition go with them.
        """

    def exists(self, key: str) -> bool:
        """Whether there is an object of that key."""

    def size(self, key: str) -> int:
        """Its bytes. Raises MissingObject."""

    def url(self, key: str) -> str:
        """An address a person can follow."""

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """The objects whose keys start with `prefix`, in the order of their keys' bytes."""

    def delete(self, keys: Iterable[str]) -> int:
        """Removes these objects; one that is not there is no error. Returns how many keys were named."""

    def delete_prefix(self, prefix: str) -> int:
        """Removes all objects below `prefix`, which ends with a slash. Returns how many there were."""

    def sweep(self, before: datetime) -> int:
        """Removes what was begun before `before` and never became an object. Returns how many there were."""


def open_store(location: str, *, endpoint: str = "", url: str = "", role: str = "", below: str = "") -> Store:
    """The store at `s3://bucket/prefix`, or in a folder, which is made.

    `endpoint`: another S3 than Amazon's. `url`: where the public reads what lies at `location`, with that prefix or in
    that folder, if not there itself. `role`: in a bucket, work as that IAM role, which may write below `below` only.
    """
    if location.startswith("s3://"):
        from .s3 import S3Store

        return S3Store(location, endpoint=endpoint, url=url, role=role, below=below)
    if "://" in location:
        raise PublishError(
            f"{location.partition('://')[0]}:// is no store", cure="OA_STORE is s3://bucket/prefix or a folder"
        )
    from .folder import FolderStore

    return FolderStore(Path(location), url=url)


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


def span(start: int, stop: int, size: int) -> tuple[int, int]:
    """The bytes that `Store.read` means by `start` and `stop` in an object of `size` bytes."""
    end = size if start < 0 and stop == 0 else stop
    first, last, _ = slice(start, end).indices(size)
    return first, max(first, last)


def checked_start(start: int) -> int:
    """The start itself. Raises ValueError below 0."""
    if start < 0:
        raise ValueError(f"an object has no byte {start}")
    return start


def address(url: str, key: str) -> str:
    """The address of an object where those below `url` are read."""
    return f"{url.rstrip('/')}/{quoted(key)}"


def quoted(key: str) -> str:
    """The key as a part of an address. Nearly all are as they have to be."""
    return key if _PLAIN.fullmatch(key) else quote(key, safe="/")


def content_type(name: str) -> str:
    """The content type that a file's suffix tells."""
    return CONTENT_TYPES.get(Path(name).suffix.lower(), "application/octet-stream")


def missing(key: str, location: str) -> MissingObject:
    """The error of an object that is not there."""
    return MissingObject(
        f"{key} is not in the store {location}",
        cure="see who removed it, and whether OA_STORE is right; the next run of its data source makes its own anew",
    )


def different(key: str, location: str) -> PublishError:
    """The error of a key that is taken by other bytes."""
    return PublishError(
        f"{key} in {location} already holds something else",
        cure="objects never change: publish under a new run number",
    )


def changed(path: Path, key: str) -> PublishError:
    """The error of a file whose bytes are no longer those that were promised."""
    return PublishError(f"{path.name} changed before it was stored as {key}", cure="process the source again")
