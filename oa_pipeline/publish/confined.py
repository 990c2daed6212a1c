"""A store of which only one part may be changed: what a pull request's run gets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..errors import PublishError

if TYPE_CHECKING:
    from .store import Listed, ObjectWriter, Store


class ConfinedStore:
    """Reads everything; writes and removes below `prefix` only, whatever it is asked. See Store."""

    def __init__(self, store: Store, prefix: str) -> None:
        """`prefix` ends with a slash."""
        self._store, self._prefix = store, prefix
        self.location = store.location

    def put(self, key: str, path: Path, *, content_type: str, sha256: str, disposition: str = "") -> None:
        """See Store."""
        self._store.put(self._checked(key), path, content_type=content_type, sha256=sha256, disposition=disposition)

    def writer(self, key: str, *, content_type: str, disposition: str = "") -> AbstractContextManager[ObjectWriter]:
        """See Store."""
        return self._store.writer(self._checked(key), content_type=content_type, disposition=disposition)

    def copy(self, key: str, to: str) -> None:
        """See Store."""
        self._store.copy(key, self._checked(to))

    def delete(self, keys: Iterable[str]) -> int:
        """See Store."""
        return self._store.delete([self._checked(key) for key in keys])

    def delete_prefix(self, prefix: str) -> int:
        """See Store."""
        return self._store.delete_prefix(self._checked(prefix))

    def sweep(self, before: datetime) -> int:
        """See Store. What was begun may be anybody's."""
        raise PublishError(f"nothing is swept by who may only write below {self._prefix}")

    def open(self, key: str, start: int = 0) -> BinaryIO:
        """See Store."""
        return self._store.open(key, start)

    def read(self, key: str, start: int, stop: int) -> bytes:
        """See Store."""
        return self._store.read(key, start, stop)

    def exists(self, key: str) -> bool:
        """See Store."""
        return self._store.exists(key)

    def size(self, key: str) -> int:
        """See Store."""
        return self._store.size(key)

    def url(self, key: str) -> str:
        """See Store."""
        return self._store.url(key)

    def list(self, prefix: str = "") -> Iterator[Listed]:
        """See Store."""
        return self._store.list(prefix)

    def _checked(self, key: str) -> str:
        if not key.startswith(self._prefix) or ".." in key.split("/"):
            raise PublishError(f"{key!r} does not lie below {self._prefix}", cure="only that may be changed here")
        return key
