"""The store in a folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import PublishError
from .store import Listed, MissingObject, changed, checked_key, different

BLOCK = 1024 * 1024
PARTIAL = ".partial-"  # the start of a name that is being written; no part of a key starts so


class FolderStore:
    """Objects are files at their key's path. A file appears whole, by a link to a finished one, or not at all."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder where it does not exist."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.folder = folder.resolve(strict=True)
        except OSError as error:
            raise _failed(str(folder), error) from error
        self.location = str(self.folder)

    def put(self, key: str, path: Path, *, content_type: str, sha256: str) -> None:
        """See Store. The content type is told by the key's suffix; a folder keeps no other."""
        target = self._path(key)
        with self._failing(key):
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                self._compare(key, target, sha256)
                return
            partial = target.parent / f"{PARTIAL}{secrets.token_hex(8)}"
            try:
                _copy(path, partial, sha256, key)
                self._link(key, partial, target, sha256)
            finally:
                partial.unlink(missing_ok=True)
            _sync_folder(target.parent)

    def _link(self, key: str, partial: Path, target: Path, sha256: str) -> None:
        try:
            os.link(partial, target)  # unlike a rename, it never replaces
        except FileExistsError:
            self._compare(key, target, sha256)

    def _compare(self, key: str, target: Path, sha256: str) -> None:
        with target.open("rb") as held:
            if hashlib.file_digest(held, "sha256").hexdigest() != sha256:
                raise different(key, self.location)

    def open(self, key: str) -> BinaryIO:
        """See Store."""
        with self._failing(key):
            return self._path(key).open("rb")

    def exists(self, key: str) -> bool:
        """See Store."""
        return self._path(key).is_file()

    def size(self, key: str) -> int:
        """See Store."""
        with self._failing(key):
            return self._path(key).stat().st_size

    def url(self, key: str) -> str:
        """A file: address."""
        return self._path(key).as_uri()

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """See Store."""
        start = self.folder / prefix.rpartition("/")[0]
        if not start.resolve().is_relative_to(self.folder):
            raise PublishError(f"{prefix!r} is no prefix of keys", cure="a key has no empty, '.' or '..' parts")
        found = []
        for folder, _, names in os.walk(start):
            for name in names:
                path = Path(folder, name)
                key = path.relative_to(self.folder).as_posix()
                if key.startswith(prefix) and not name.startswith(PARTIAL):
                    found.append(key)
        for key in sorted(found, key=os.fsencode):
            with contextlib.suppress(FileNotFoundError):
                yield Listed(key, (self.folder / key).stat().st_size)

    def delete_prefix(self, prefix: str) -> int:
        """See Store."""
        if not prefix.endswith("/"):
            raise PublishError(f"{prefix!r} does not end with a slash", cure="name the folder whose objects shall go")
        target = self._path(prefix.removesuffix("/"))
        count = sum(1 for _ in self.list(prefix))
        with self._failing(prefix), contextlib.suppress(FileNotFoundError):
            shutil.rmtree(target)
        return count

    def _path(self, key: str) -> Path:
        if any(part.startswith(PARTIAL) for part in key.split("/")):
            raise PublishError(f"{key!r} is no key for an object", cure=f"no part of a key starts with {PARTIAL}")
        path = self.folder / checked_key(key)
        # A link that somebody laid in the folder must not lead out of it.
        if not path.parent.resolve().is_relative_to(self.folder):
            raise PublishError(f"{key!r} leads out of the store {self.location}", cure="remove the link in its way")
        return path

    @contextlib.contextmanager
    def _failing(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise MissingObject(f"{key} is not in the store {self.location}") from error
        except OSError as error:
            raise _failed(f"{key} in {self.location}", error) from error


def _copy(path: Path, partial: Path, sha256: str, key: str) -> None:
    try:
        source = path.open("rb")
    except OSError as error:
        raise PublishError(f"{path.name}, to be stored as {key}, cannot be read: {error.strerror}") from error
    digest = hashlib.sha256()
    with source, partial.open("xb") as out:
        while block := source.read(BLOCK):
            digest.update(block)
            out.write(block)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != sha256:
        raise changed(path, key)
    partial.chmod(0o644)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _failed(what: str, error: OSError) -> PublishError:
    return PublishError(
        f"{what} could not be used: {error.strerror or error}",
        cure="the folder named by OA_STORE needs space, permission to write, and a file system with hard links",
    )
