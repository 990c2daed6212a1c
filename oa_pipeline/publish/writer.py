"""An object that is being written: what the writers of all stores have in common."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import io
import os
import weakref
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..errors import PublishError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


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


class ObjectWriter(io.BufferedIOBase):
    """A file, open for writing from its start to its end. What is written is counted and hashed.

    Closing it, as some libraries do with what they were given, neither publishes nor discards it: only the end of the
    block of `Store.writer` does.
    """

    def __init__(self, key: str, content_type: str) -> None:
        self.key, self.content_type = key, content_type
        self._size = 0
        self._sha256 = hashlib.sha256()
        self._stored: StoredObject | None = None
        self._whole = True
        self._pid = os.getpid()
        _open.add(self)

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Takes all of it."""
        if self.closed:
            raise ValueError(f"{self.key} is closed")
        view = memoryview(data).cast("B")
        try:
            self._take(view)
        except BaseException:
            self._whole = False
            raise
        self._sha256.update(view)
        self._size += len(view)
        return len(view)

    def tell(self) -> int:
        """How many bytes were written."""
        return self._size

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was written so far."""
        return self._sha256.hexdigest()

    @property
    def stored(self) -> StoredObject:
        """What is there now. Only after the block."""
        if self._stored is None:
            raise ValueError(f"{self.key} is not stored yet")
        return self._stored

    def finish(self) -> None:
        """Makes it an object. Raises PublishError where the key is taken by other bytes."""
        if not self._whole:  # whoever wrote went on after an error
            raise PublishError(f"{self.key} could not be written whole", cure="see the error before this one")
        if os.getpid() != self._pid:
            raise PublishError(f"{self.key} is being written by another process", cure="write it where it was begun")
        self._publish()
        self._stored = StoredObject(self.key, self._size, self.sha256, self.content_type)

    def discard(self) -> None:
        """Leaves nothing of it but the object, if it became one. A forked process leaves its parent's alone."""
        _open.discard(self)
        if os.getpid() == self._pid:
            self._discard()

    def _take(self, view: memoryview) -> None:
        raise NotImplementedError

    def _publish(self) -> None:
        raise NotImplementedError

    def _discard(self) -> None:
        raise NotImplementedError


_open: weakref.WeakSet[ObjectWriter] = weakref.WeakSet()


@atexit.register
def _discard_all() -> None:
    """What a process leaves in its making when it ends."""
    for writer in list(_open):
        with contextlib.suppress(Exception):
            writer.discard()
