"""Zip members that are deflated already: appended to an archive, or copied from one to another, without inflating.

The standard library's `ZipFile` keeps the directory; only the member's own header and bytes are written here.
Members may be larger than 4 GiB, packed or unpacked, and may lie beyond it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import IO
from zipfile import ZIP64_LIMIT, ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from isal import isal_zlib

EPOCH = (1980, 1, 1, 0, 0, 0)  # the same in every archive: a clock would change bytes that say the same
_CHUNK = 1 << 18
_LEVEL = 2
ENCRYPTED = 0x1
LOCAL = struct.Struct("<4s5H3L2H")
LOCAL_SIGNATURE = b"PK\x03\x04"


class Deflating:
    """One member's bytes on their way into an archive: raw deflate, with the size and CRC of what went in."""

    def __init__(self) -> None:
        """Of nothing."""
        self._packing = isal_zlib.compressobj(_LEVEL, wbits=-15)
        self.crc = 0
        self.size = 0

    def pack(self, data: bytes | memoryview) -> bytes:
        """Takes in data and gives back deflated bytes, as far as there are any yet."""
        self.crc = isal_zlib.crc32(data, self.crc)
        self.size += len(data)
        packed: bytes = self._packing.compress(data)
        return packed

    def end(self) -> bytes:
        """The rest of the deflated bytes."""
        rest: bytes = self._packing.flush()
        return rest


def append_deflated(
    archive: ZipFile, name: str, packed: Iterable[bytes | memoryview], *, crc: int, size: int, packed_size: int
) -> None:
    """Adds a member whose raw deflate stream is `packed`, of `packed_size` bytes that inflate to `size`."""
    _append(archive, deflated(name, crc=crc, size=size, packed_size=packed_size), packed)


def deflated(name: str, *, crc: int, size: int, packed_size: int) -> ZipInfo:
    """What an archive's directory says of a deflated member: the same everywhere and at any time."""
    info = ZipInfo(name, EPOCH)
    info.create_system = 3  # the permissions below are Unix's
    info.external_attr = 0o644 << 16
    info.compress_type = ZIP_DEFLATED
    info.CRC, info.file_size, info.compress_size = crc, size, packed_size
    return info


def append_bytes(archive: ZipFile, name: str, data: bytes) -> None:
    """Adds a small member, deflated by the same compressor as the large ones."""
    deflating = Deflating()
    packed = deflating.pack(data) + deflating.end()
    append_deflated(archive, name, [packed], crc=deflating.crc, size=deflating.size, packed_size=len(packed))


def copy_member(archive: ZipFile, source: ZipFile, name: str, new_name: str | None = None) -> None:
    """Copies the member `name` of `source` as it is. BadZipFile where its header is not what the directory says."""
    held = source.getinfo(name)
    if held.flag_bits & ENCRYPTED:
        raise BadZipFile(f"{name} is encrypted")
    info = copied(held, new_name or held.filename, held.date_time)
    _append(archive, info, _packed(source, held))


def copied(held: ZipInfo, name: str, date_time: tuple[int, int, int, int, int, int] = EPOCH) -> ZipInfo:
    """What an archive's directory says of a member that was copied from another: only what its bytes need."""
    info = ZipInfo(name, date_time)
    info.create_system, info.external_attr = held.create_system, held.external_attr
    info.compress_type = held.compress_type
    info.CRC, info.file_size, info.compress_size = held.CRC, held.file_size, held.compress_size
    return info


class Appending:
    """A member on its way into an archive, whose packed bytes come piece by piece.

    `info` tells name, method, CRC and both sizes beforehand. Nothing else may be added to the archive meanwhile, which
    may be a stream that is written from its start to its end.
    """

    def __init__(self, archive: ZipFile, info: ZipInfo) -> None:
        """Writes the member's own header. ValueError where the archive has a member of that name."""
        if info.filename in archive.NameToInfo:
            raise ValueError(f"the archive has a member {info.filename!r} already")
        self._archive, self._info = archive, info
        self._target = _handle(archive)
        if archive._seekable:  # type: ignore[attr-defined]
            self._target.seek(archive.start_dir)
        info.header_offset = self._target.tell()
        archive._didModify = True  # type: ignore[attr-defined]  # else close() writes no directory
        self._target.write(info.FileHeader(zip64=max(info.file_size, info.compress_size) > ZIP64_LIMIT))
        self._left = info.compress_size

    def write(self, data: bytes | memoryview) -> None:
        """The next packed bytes."""
        self._target.write(data)
        self._left -= len(data)

    def end(self) -> None:
        """Adds the member to the archive's directory. BadZipFile where its bytes were not as many as was told."""
        if self._left:
            size = self._info.compress_size
            raise BadZipFile(f"{self._info.filename} has {size - self._left} packed bytes instead of {size}")
        self._archive.start_dir = self._target.tell()
        self._archive.filelist.append(self._info)
        self._archive.NameToInfo[self._info.filename] = self._info


def abandon(archive: ZipFile) -> None:
    """Closes an archive that shall not be finished: nothing more is written."""
    archive._didModify = False  # type: ignore[attr-defined]
    archive.close()


def _append(archive: ZipFile, info: ZipInfo, packed: Iterable[bytes | memoryview]) -> None:
    member = Appending(archive, info)
    for data in packed:
        member.write(data)
    member.end()


def _packed(source: ZipFile, held: ZipInfo) -> Iterator[memoryview]:
    """The member's packed bytes. Each piece is good until the next is asked for."""
    handle = _handle(source)
    handle.seek(held.header_offset)
    header = handle.read(LOCAL.size)
    if len(header) != LOCAL.size or not header.startswith(LOCAL_SIGNATURE):
        raise BadZipFile(f"no member begins where the directory says that {held.filename} does")
    *_, name_size, extra_size = LOCAL.unpack(header)
    position = held.header_offset + LOCAL.size + name_size + extra_size
    left = held.compress_size
    space = memoryview(bytearray(min(left, _CHUNK)))  # one for all pieces: memory mapped anew costs as much as the copy
    while left:
        handle.seek(position)  # the source may be read by others between two chunks
        got = handle.readinto(space[: min(left, _CHUNK)])  # type: ignore[attr-defined]
        if not got:
            raise BadZipFile(f"{held.filename} ends {left} bytes early")
        position += got
        left -= got
        yield space[:got]


def _handle(archive: ZipFile) -> IO[bytes]:
    if archive.fp is None:
        raise ValueError("the archive is closed")
    return archive.fp
