"""A download that is not complete yet: beside its destination, hashed as it grows, resumable by a later process."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from ..crash import point
from ..errors import OAError, PublishError
from .digests import Digests
from .model import Validators
from .reply import Download

READ = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Version:
    """Which version of the publisher's file the partial holds. `total` is its size where that is known."""

    address: str  # digest of the address: it may hold a password
    etag: str = ""
    last_modified: str = ""
    total: int | None = None

    @property
    def condition(self) -> str:
        """What `If-Range` may say: a strong ETag, else the date; empty where parts cannot safely be joined."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return "" if self.etag else self.last_modified


def address_digest(url: str) -> str:
    """What a `Version` calls an address."""
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()


@contextmanager
def _our_disk(path: Path) -> Iterator[None]:
    """What fails within is no publisher's fault."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        raise PublishError(
            f"the download cannot be written{', the disk is full' if full else ''}: {error.strerror}",
            place=str(path),
            cure="make room on the disk under OA_HOME" if full else "look at the disk under OA_HOME",
        ) from error


class Partial:
    """The growing file, its hashes and what it is a part of. Close it; what stays on disk can be resumed."""

    def __init__(self, to: Path, url: str) -> None:
        """Takes up what an earlier process left beside `to` for the same address, else begins empty."""
        self.to = to
        self._path = to.with_name(f"{to.name}.part")
        self._memo = to.with_name(f"{to.name}.part.json")
        self._address = address_digest(url)
        self.version = self._remembered()
        with _our_disk(self._path):
            to.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = self._path.open("r+b" if self.version else "w+b", buffering=0)
        self._held = Digests()
        if self.version:
            while piece := self._file.read(READ):
                self._held.add(piece)

    def _remembered(self) -> Version | None:
        try:
            held: Any = json.loads(self._memo.read_text())
            version = Version(**held)
        except (OSError, ValueError, TypeError):
            return None
        usable = version.address == self._address and self._path.is_file()
        return version if usable else None

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self._held.size

    def begin(self, etag: str = "", last_modified: str = "", total: int | None = None) -> None:
        """Empties the file for a version that now begins to arrive."""
        self._file.seek(0)
        self._file.truncate()
        self._held = Digests()
        self.version = Version(self._address, etag, last_modified, total)
        self._memo.unlink(missing_ok=True)
        self._remember(self.version)

    def expect(self, total: int | None) -> None:
        """Notes the size of the whole, where the answer that the parts began with did not say it."""
        if self.version and self.version.total != total:
            self.version = replace(self.version, total=total)
            self._remember(self.version)

    def _remember(self, version: Version) -> None:
        if version.condition:
            with _our_disk(self._memo):
                self._memo.write_text(json.dumps(asdict(version)))

    def write(self, piece: bytes) -> None:
        """Appends `piece`; raises PublishError where the disk takes no more."""
        view = memoryview(piece)
        with _our_disk(self._path):
            while view:
                view = view[self._file.write(view) :]
        if not self.size:
            point("fetch.first-byte")
        self._held.add(piece)

    def finish(self) -> Path:
        """Puts the complete file in its place."""
        self._file.close()
        self._path.replace(self.to)
        self._memo.unlink(missing_ok=True)
        return self.to

    def downloaded(self, url: str, validators: Validators, seconds: float, content_type: str = "") -> Download:
        """Finishes, and says what has come."""
        return Download(
            path=self.finish(),
            size=self.size,
            sha256=self._held.sha256,
            md5=self._held.md5,
            url=url,
            content_type=content_type,
            validators=validators,
            seconds=seconds,
        )

    @contextmanager
    def one_try(self) -> Iterator[Partial]:
        """Closes it afterwards; where no later try can help, nothing stays on disk."""
        try:
            yield self
        except OAError as error:
            if not error.retryable:
                self.discard()
            raise
        finally:
            self.close()

    def discard(self) -> None:
        """Leaves nothing on disk."""
        self._file.close()
        self._path.unlink(missing_ok=True)
        self._memo.unlink(missing_ok=True)

    def close(self) -> None:
        """Ends the try; what cannot be resumed is removed."""
        if self._file.closed:
            return
        if self.size and self.version and self.version.condition:
            self._file.close()
        else:
            self.discard()
