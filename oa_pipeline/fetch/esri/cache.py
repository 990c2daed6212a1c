"""The growing dump on disk, and the checkpoint that lets a broken one go on.

While a dump runs, its folder holds `esri.part.gz`, one gzip member a page, and `esri.checkpoint.json`, replaced
after each page, which says how many bytes of the former count. What a killed process wrote beyond is cut off.
At the end the pages are packed again as one stream, so that equal features give equal bytes however they came.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from isal import igzip, igzip_lib

from ...crash import point
from ...errors import FetchError
from ..digests import Digests

_gzip: Any = igzip.IGzipFile  # comes without types
_BROKEN: Any = igzip_lib.IsalError

NAME = "cache.esri.jsonl.gz"
_CHUNK = 1 << 20  # fixed: the packer's output depends on the sizes of what it is given


@dataclass(slots=True)
class Position:
    """How far a dump has come. `identity` names layer, state and plan; another one makes the rest void."""

    identity: str
    plan: str
    done: int
    size: int = 0
    features: int = 0
    left_out: int = 0
    highest: int | None = None


@dataclass(frozen=True, slots=True)
class Packed:
    """The finished file."""

    path: Path
    size: int
    sha256: str
    md5: str


class Cache:
    """One dump's files in `folder`, which belongs to it alone."""

    def __init__(self, folder: Path) -> None:
        """Creates the folder where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._part = folder / "esri.part.gz"
        self._checkpoint = folder / "esri.checkpoint.json"
        self.position = Position("", "", 0)

    def begun_with(self) -> str | None:
        """The plan of the dump that lies here unfinished, if one does."""
        held = self._held()
        return held.plan if held else None

    def open(self, identity: str, plan: str, start: int, metadata: bytes) -> bool:
        """Goes on with the dump that lies here if it is the same one, else begins anew. True when it goes on."""
        held = self._held()
        if held is not None and held.identity == identity and self._size() >= held.size:
            with self._part.open("r+b") as file:
                file.truncate(held.size)
            self.position = held
            return True
        self.discard()
        self.position = Position(identity, plan, start)
        self._append(b'{"metadata":' + metadata + b"}\n")
        return False

    def add(self, features: Sequence[msgspec.Raw], done: int, highest: int | None) -> None:
        """A page's features. When it returns they are safe from the process's death."""
        point("fetch.first-byte")
        self.position.done = done
        self.position.highest = highest
        self.position.features += len(features)
        self._append(b"\n".join((*features, b"")) if features else b"")

    def leave_out(self, count: int, done: int) -> None:
        """Passes over features that cannot be had."""
        self.position.left_out += count
        self.position.done = done
        self._append(b"")

    def features(self) -> Iterator[bytes]:
        """The features in the cache so far, in order."""
        with self._part.open("rb") as packed, _gzip(fileobj=packed, mode="rb") as lines:
            next(lines, None)
            for line in lines:
                yield line.rstrip(b"\n")

    def pack(self) -> Packed:
        """Writes the finished file and removes the unfinished one."""
        target = self._folder / NAME
        beside = self._folder / f"{NAME}.part"
        try:
            with beside.open("wb") as file:
                hashed = _Hashed(file)
                self._repack(hashed)
                held = hashed.held
        except (OSError, EOFError, _BROKEN) as error:
            beside.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.errno is not None:
                raise
            self.discard()
            raise FetchError(
                "what was downloaded is damaged on disk", cure="run it again, and look at the disk", transient=True
            ) from error
        beside.replace(target)
        self.discard()
        return Packed(target, held.size, held.sha256, held.md5)

    def discard(self) -> None:
        """Removes what is unfinished."""
        self._checkpoint.unlink(missing_ok=True)
        self._part.unlink(missing_ok=True)

    def _repack(self, target: _Hashed) -> None:
        with (
            self._part.open("rb") as packed,
            _gzip(fileobj=packed, mode="rb") as plain,
            _gzip(filename="", mode="wb", compresslevel=2, fileobj=target, mtime=0) as repacked,
        ):
            while chunk := _exactly(plain, _CHUNK):
                repacked.write(chunk)

    def _append(self, lines: bytes) -> None:
        if lines:
            member = igzip.compress(lines, 1, mtime=0)
            with self._part.open("ab") as file:
                file.write(member)
            self.position.size += len(member)
        beside = self._checkpoint.with_suffix(".part")
        beside.write_text(json.dumps(asdict(self.position)))
        beside.replace(self._checkpoint)

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _held(self) -> Position | None:
        try:
            return msgspec.json.decode(self._checkpoint.read_bytes(), type=Position)
        except (OSError, ValueError):
            return None


class _Hashed:
    """A file, and the digests of what was written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.held = Digests()

    def write(self, content: bytes) -> int:
        self.held.add(content)
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()


def _exactly(file: Any, size: int) -> bytes:
    """`size` bytes, fewer only at the end."""
    parts = []
    while size and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
