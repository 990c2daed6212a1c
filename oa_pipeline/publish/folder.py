"""The store in a folder."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from ..errors import PublishError
from .store import Listed, address, changed, checked_key, checked_start, different, missing, span
from .writer import ObjectWriter

BLOCK = 1024 * 1024
PARTIAL = ".partial-"  # the start of a name that is being written; no part of a key starts so
TRIES = 5


class FolderStore:
    """Objects are files at their key's path. A file appears whole, by a link to a finished one, or not at all.

    A file has neither a content type nor a disposition of its own: whoever serves the folder tells the type by the
    key's suffix and, as the public site does, under which name it is saved by the ledger.
    """

    def __init__(self, folder: Path, *, url: str = "") -> None:
        """Makes the folder where it does not exist. `url`: where its files are served, if they are."""
        self._url = url
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.folder = folder.resolve(strict=True)
        except OSError as error:
            raise _failed(f"the store {folder}", error) from error
        self.location = str(self.folder)

    def put(self, key: str, path: Path, *, content_type: str, sha256: str, disposition: str = "") -> None:
        """See Store."""
        target = self._path(key)
        with self.failing(key):
            if target.exists():
                self._compare(key, target, sha256)
                return
        with self.writer(key, content_type=content_type) as out, _readable(path, key) as source:
            while block := source.read(BLOCK):
                out.write(block)
            if out.sha256 != sha256:
                raise changed(path, key)

    @contextlib.contextmanager
    def writer(self, key: str, *, content_type: str, disposition: str = "") -> Iterator[ObjectWriter]:
        """See Store."""
        with self.failing(key):
            writer = PartialFile(self, key, content_type, self._path(key))
        try:
            yield writer
            with self.failing(key):
                writer.finish()
        finally:
            writer.discard()

    def compare(self, key: str, sha256: str) -> None:
        """Raises PublishError where the object has another SHA-256."""
        self._compare(key, self._path(key), sha256)

    def _compare(self, key: str, target: Path, sha256: str) -> None:
        with target.open("rb") as held:
            if hashlib.file_digest(held, "sha256").hexdigest() != sha256:
                raise different(key, self.location)

    def open(self, key: str, start: int = 0) -> BinaryIO:
        """See Store."""
        checked_start(start)
        with self.failing(key):
            held = self._file(key).open("rb")
            held.seek(start)
            return held

    def read(self, key: str, start: int, stop: int) -> bytes:
        """See Store."""
        with self.failing(key), self._file(key).open("rb") as held:
            first, last = span(start, stop, os.fstat(held.fileno()).st_size)
            held.seek(first)
            return held.read(last - first)

    def copy(self, key: str, to: str) -> None:
        """See Store. Both keys are one file on the disk."""
        source, target = self._file(key), self._path(to)
        with self.failing(to):
            partial = _in_folder(target.parent, functools.partial(_link, source))
            try:
                partial.replace(target)
                _sync_folder(target.parent)
            finally:
                partial.unlink(missing_ok=True)  # a rename onto another name of the same file does nothing

    def exists(self, key: str) -> bool:
        """See Store."""
        return self._path(key).is_file()

    def size(self, key: str) -> int:
        """See Store."""
        with self.failing(key):
            return self._file(key).stat().st_size

    def url(self, key: str) -> str:
        """A file: address, where the folder is not served."""
        path = self._path(key)
        return address(self._url, key) if self._url else path.as_uri()

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
                facts = (self.folder / key).stat()
                yield Listed(key, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))

    def delete(self, keys: Iterable[str]) -> int:
        """See Store."""
        named = set(keys)
        for key in sorted(named):
            path = self._path(key)
            with self.failing(key), contextlib.suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()
                self._tidy(path.parent)
        return len(named)

    def delete_prefix(self, prefix: str) -> int:
        """See Store."""
        if not prefix.endswith("/"):
            raise PublishError(f"{prefix!r} does not end with a slash", cure="name the folder whose objects shall go")
        target = self._path(prefix.removesuffix("/"))
        count = sum(1 for _ in self.list(prefix))
        with self.failing(prefix), contextlib.suppress(FileNotFoundError):
            shutil.rmtree(target)
            self._tidy(target.parent)
        return count

    def sweep(self, before: datetime) -> int:
        """See Store."""
        found = 0
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = Path(folder, name)
                with self.failing(name), contextlib.suppress(FileNotFoundError):
                    # The time of the last change of any kind: a new link to an old file is young.
                    if name.startswith(PARTIAL) and path.stat().st_ctime < before.timestamp():
                        path.unlink()
                        found += 1
        return found

    def file(self, key: str) -> Path:
        """The file that is the object; what a link leads to is none. Raises MissingObject."""
        with self.failing(key):
            path = self._file(key)
            if path.resolve() != path:
                raise missing(key, self.location)
            return path

    def _tidy(self, folder: Path) -> None:
        """Removes the folder where it is empty, and those above it."""
        with contextlib.suppress(OSError):
            while folder != self.folder:
                folder.rmdir()
                folder = folder.parent

    def _file(self, key: str) -> Path:
        path = self._path(key)
        if not path.is_file():
            raise missing(key, self.location)
        return path

    def _path(self, key: str) -> Path:
        if any(part.startswith(PARTIAL) for part in key.split("/")):
            raise PublishError(f"{key!r} is no key for an object", cure=f"no part of a key starts with {PARTIAL}")
        path = self.folder / checked_key(key)
        # A link that somebody laid in the folder must not lead out of it.
        if not path.parent.resolve().is_relative_to(self.folder):
            raise PublishError(f"{key!r} leads out of the store {self.location}", cure="remove the link in its way")
        return path

    @contextlib.contextmanager
    def failing(self, key: str) -> Iterator[None]:
        """Turns what goes wrong in the block into a PublishError."""
        try:
            yield
        except FileNotFoundError as error:
            raise missing(key, self.location) from error
        except OSError as error:
            raise _failed(f"the store {self.location}", error, place=key) from error


class PartialFile(ObjectWriter):
    """An object in its making: a file beside its place, which is linked there when it is whole."""

    def __init__(self, store: FolderStore, key: str, content_type: str, target: Path) -> None:
        super().__init__(key, content_type)
        self._store, self._target = store, target
        self._path = _in_folder(target.parent, _create)
        self._file = self._path.open("r+b")

    def _take(self, view: memoryview) -> None:
        with self._store.failing(self.key):
            self._file.write(view)

    def _publish(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._path.chmod(0o644)
        try:
            os.link(self._path, self._target)  # unlike a rename, it never replaces
        except FileExistsError:
            self._store.compare(self.key, self.sha256)
        _sync_folder(self._target.parent)

    def _discard(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._path.unlink()


def _in_folder(folder: Path, make: Callable[[Path], None]) -> Path:
    """A new name in the folder, which is made; while others remove empty folders, that takes more than one try."""
    partial = folder / f"{PARTIAL}{secrets.token_hex(8)}"
    for again in reversed(range(TRIES)):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            make(partial)
            break
        except FileNotFoundError:
            if not again:
                raise
    return partial


def _create(path: Path) -> None:
    path.open("xb").close()


def _link(source: Path, path: Path) -> None:
    os.link(source, path)


def _readable(path: Path, key: str) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise PublishError(f"{path.name}, to be stored as {key}, cannot be read: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _failed(what: str, error: OSError, place: str = "") -> PublishError:
    # The key is the place, not part of the message: what befalls thousands of objects reads the same for all.
    return PublishError(
        f"{what} could not be used: {error.strerror or error}",
        cure="the folder named by OA_STORE needs space, permission to write, and a file system with hard links",
        place=place,
    )
