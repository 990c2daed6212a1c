"""The regional zips: every result's packed members copied into them, all zips in one pass over the results.

Each result is read once, from its start to its end, and each zip is written so. What is held in memory are the zips'
directories, and whatever the store's writers hold.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO
from zipfile import ZipFile

from ...zips.members import LOCAL, LOCAL_SIGNATURE, Appending, abandon, append_bytes, copied
from ..store import Store, StoredObject
from ..writer import ObjectWriter
from .directory import Directory, Member, Unfit
from .documents import documents
from .regions import AREAS, LICENCES, file_name
from .snapshot import ZIP, Collected, Snapshot

CHUNK = 1 << 18  # a larger piece is mapped anew by each read, which costs twice the copy
OnProgress = Callable[[Collected, int], None]  # a result that was copied, and its bytes


@dataclass(frozen=True, slots=True)
class Made:
    """A regional file. `form` is zip or parquet."""

    area: str
    licence: str
    layer: str
    form: str
    stored: StoredObject
    rows: int
    sources: int


class Damaged(Exception):  # noqa: N818 - a fact about a result, which is told and left out
    """A result whose bytes are not those that were stored. What was written of it must not be published."""

    def __init__(self, source: Collected, why: str) -> None:
        super().__init__(why)
        self.source = source


def write_zips(
    store: Store, prefix: str, snapshot: Snapshot, directories: Sequence[Directory], on_progress: OnProgress
) -> list[Made]:
    """Writes the zips below `prefix`; an area without sources gets none. Nothing is there after an exception.

    Raises Damaged for the first result that is not what it was.
    """
    with contextlib.ExitStack() as stack:
        opened: dict[tuple[str, str], _Zip] = {}
        for area in AREAS:
            for licence in LICENCES:
                held = [d.source for d in directories if area in d.source.areas and d.source.suffix == licence]
                if held:
                    key = f"{prefix}{file_name(area, licence)}"
                    writer = stack.enter_context(store.writer(key, content_type="application/zip"))
                    opened[area, licence] = _Zip(area, licence, held, writer, stack.enter_context(_archive(writer)))
        for zipped in opened.values():
            for name, data in documents(snapshot, zipped.area, zipped.licence, zipped.sources).items():
                append_bytes(zipped.archive, name, data)
        for each in directories:
            source = each.source
            _copy(store, each, [opened[area, source.suffix].archive for area in source.areas])
            on_progress(source, source.outputs[ZIP].size)
    return [zipped.made() for zipped in opened.values()]


@dataclass(frozen=True, slots=True)
class _Zip:
    area: str
    licence: str
    sources: list[Collected]
    writer: ObjectWriter
    archive: ZipFile

    def made(self) -> Made:
        rows = sum(source.outputs[ZIP].rows or 0 for source in self.sources)
        return Made(self.area, self.licence, "addresses", "zip", self.writer.stored, rows, len(self.sources))


@contextlib.contextmanager
def _archive(writer: ObjectWriter) -> Iterator[ZipFile]:
    archive = ZipFile(writer, "w")
    try:
        yield archive
    except BaseException:
        abandon(archive)
        raise
    archive.close()


def _copy(store: Store, directory: Directory, archives: Sequence[ZipFile]) -> None:
    """Copies the members of one result into each of these archives. Raises Damaged."""
    source = directory.source
    with contextlib.closing(store.open(source.outputs[ZIP].key)) as stream:
        reader = _Reader(stream)
        try:
            for member in directory.members:
                _copy_member(reader, member, archives)
        except Unfit as unfit:
            raise Damaged(source, str(unfit)) from unfit
        reader.to_end()
    if reader.sha256 != source.outputs[ZIP].sha256:
        raise Damaged(source, "its bytes are not those that were stored")


def _copy_member(reader: _Reader, member: Member, archives: Sequence[ZipFile]) -> None:
    held = member.held
    reader.skip(held.header_offset - reader.at)
    header = reader.exactly(LOCAL.size)
    if not header.startswith(LOCAL_SIGNATURE):
        raise Unfit(f"no member begins where its directory says that {held.filename} does")
    *_, name_size, extra_size = LOCAL.unpack(header)
    reader.skip(name_size + extra_size)
    if member.instead is not None:
        reader.skip(held.compress_size)
        for archive in archives:
            append_bytes(archive, member.name, member.instead)
        return
    appending = [Appending(archive, copied(held, member.name)) for archive in archives]
    for data in reader.pieces(held.compress_size):
        for one in appending:
            one.write(data)
    for one in appending:
        one.end()


class _Reader:
    """A stream read once from its start to its end, hashed on the way."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self.at = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def pieces(self, size: int) -> Iterator[bytes]:
        """The next `size` bytes. Raises Unfit where there are not as many."""
        while size:
            data = self._stream.read(min(size, CHUNK))
            if not data:
                raise Unfit(f"it ends after {self.at:,} bytes")
            self._digest.update(data)
            self.at += len(data)
            size -= len(data)
            yield data

    def exactly(self, size: int) -> bytes:
        return b"".join(self.pieces(size))

    def skip(self, size: int) -> None:
        if size < 0:
            raise Unfit("its members lie inside one another")
        for _ in self.pieces(size):
            pass

    def to_end(self) -> None:
        while data := self._stream.read(CHUNK):
            self._digest.update(data)
            self.at += len(data)
