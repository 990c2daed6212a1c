"""The table of contents of a zip, read strictly: what two programs could read differently is refused.

The format says everything twice (in front of each member, and at the end), and tools differ in which they believe.
Here both must agree, members must not share bytes, and nothing may follow the end.
"""

from __future__ import annotations

import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import ConvertError
from .membernames import NAME_BYTES, decode_name, fault, shown, tidy
from .task import Limits

_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_DIRECTORY_BYTES = 128 * 1024**2
_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF

ENCRYPTED = 1 | 1 << 6 | 1 << 13
DESCRIPTOR = 1 << 3
_SPLIT_MARKS = (b"PK\x07\x08", b"PK00")


@dataclass(frozen=True, slots=True)
class Member:
    """One file in a zip. `start` is where its packed bytes begin; `aliases` are other readings of its name."""

    name: str
    aliases: tuple[str, ...]
    method: int
    flags: int
    crc: int
    packed: int
    size: int
    start: int


@dataclass(frozen=True, slots=True)
class _Entry:
    raw: bytes
    extra: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    mode: int
    offset: int


def bad_archive(place: str, what: str, cure: str = "") -> ConvertError:
    """The error for an archive that cannot be used."""
    return ConvertError(what, place=place, cure=cure or "ask the publisher for a sound zip, or cache a repaired copy")


def read_directory(path: Path, place: str, limits: Limits) -> tuple[Member, ...]:
    """The files of the zip at `path` in its own order, directories left out. Raises ConvertError."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        start, length, count = _find_directory(file, size, place)
        if count > limits.members:
            raise bad_archive(place, f"the zip has {count:,} members, more than {limits.members:,}")
        if length > _DIRECTORY_BYTES:
            raise bad_archive(place, f"the zip's directory is {length:,} bytes long")
        entries = _entries(_read(file, start, length, place), place, limits)
        if len(entries) & _MAX16 != count & _MAX16:
            raise bad_archive(place, f"the zip says it has {count:,} members and lists {len(entries):,}")
        return _members(file, entries, start, place)


def _read(file: BinaryIO, at: int, length: int, place: str) -> bytes:
    file.seek(at)
    data = file.read(length)
    if len(data) != length:
        raise bad_archive(place, "the zip is truncated")
    return data


# ---- the end of the file ----------------------------------------------------------------------------


def _find_directory(file: BinaryIO, size: int, place: str) -> tuple[int, int, int]:
    """Where the directory is, how long it is, and how many members it is said to have."""
    tail = _read(file, max(0, size - _END.size - _MAX16), min(size, _END.size + _MAX16), place)
    at = _end_position(tail, place) + size - len(tail)
    _, disk, first_disk, here, count, length, start, _ = _END.unpack(_read(file, at, _END.size, place))
    end = at
    if at >= _LOCATOR.size:
        mark, _, where, disks = _LOCATOR.unpack(_read(file, at - _LOCATOR.size, _LOCATOR.size, place))
        if mark == b"PK\x06\x07":
            if disks > 1 or where + _END64.size > at:
                raise bad_archive(place, "the zip is split, or its zip64 end is not where it says")
            end = where
            sign, _, _, _, disk, first_disk, here, count, length, start = _END64.unpack(
                _read(file, where, _END64.size, place)
            )
            if sign != b"PK\x06\x06":
                raise bad_archive(place, "the zip's zip64 end is not where it says")
    if disk or first_disk or here != count:
        raise bad_archive(place, "the zip is one part of a split archive", "ask the publisher for an unsplit zip")
    if start + length != end:
        raise bad_archive(place, "the zip's directory is not where it says: bytes were added or are missing")
    return start, length, count


def _end_position(tail: bytes, place: str) -> int:
    """Where the one end record in `tail` begins: the one whose comment reaches exactly to the end of the file."""
    found: list[int] = []
    signs = 0
    at = tail.find(b"PK\x05\x06")
    while at >= 0:
        signs += 1
        if at + _END.size <= len(tail):
            comment = int.from_bytes(tail[at + 20 : at + 22], "little")
            if at + _END.size + comment == len(tail):
                found.append(at)
        at = tail.find(b"PK\x05\x06", at + 1)
    if len(found) == 1:
        return found[0]
    if found:
        raise bad_archive(place, "the zip has two ends, and which one counts depends on who reads it")
    raise bad_archive(place, "data follows the end of the zip" if signs else "the zip is truncated")


# ---- the directory itself ---------------------------------------------------------------------------


def _entries(data: bytes, place: str, limits: Limits) -> list[_Entry]:
    entries: list[_Entry] = []
    at = 0
    while at < len(data):
        if at + _CENTRAL.size > len(data) or data[at : at + 4] != b"PK\x01\x02":
            raise bad_archive(place, "the zip's directory is damaged")
        fields = _CENTRAL.unpack_from(data, at)
        name_end = at + _CENTRAL.size + fields[10]
        extra_end = name_end + fields[11]
        raw, extra = data[at + _CENTRAL.size : name_end], data[name_end:extra_end]
        at = extra_end + fields[12]
        if at > len(data):
            raise bad_archive(place, "the zip's directory is damaged")
        if fields[10] > NAME_BYTES:
            raise bad_archive(place, f"the zip has a member whose name is {fields[10]:,} bytes long")
        entries.append(_entry(fields, raw, extra, place))
        if len(entries) > limits.members:
            raise bad_archive(place, f"the zip has more than {limits.members:,} members")
    return entries


def _entry(fields: tuple[int, ...], raw: bytes, extra: bytes, place: str) -> _Entry:
    _, _, _, flags, method, _, _, crc, packed, size, _, _, _, disk, _, attributes, offset = fields
    size, packed, offset = _wide(extra, (size, packed, offset), place)
    if disk not in (0, _MAX16):
        raise bad_archive(place, "the zip is one part of a split archive", "ask the publisher for an unsplit zip")
    return _Entry(raw, extra, flags, method, crc, packed, size, attributes >> 16, offset)


def _wide(extra: bytes, narrow: tuple[int, int, int], place: str) -> tuple[int, int, int]:
    """Size, packed size and offset, with the 64-bit values of the zip64 field where the 32-bit ones are full."""
    body = _field(extra, 1)
    values = list(narrow)
    at = 0
    for index, value in enumerate(narrow):
        if value == _MAX32 and body is not None:
            if at + 8 > len(body):
                raise bad_archive(place, "the zip's zip64 field is damaged")
            values[index] = int.from_bytes(body[at : at + 8], "little")
            at += 8
    return values[0], values[1], values[2]


def _field(extra: bytes, wanted: int) -> bytes | None:
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<HH", extra, at)
        if tag == wanted:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return None


# ---- both tellings, held against each other ---------------------------------------------------------


def _members(file: BinaryIO, entries: list[_Entry], directory: int, place: str) -> tuple[Member, ...]:
    starts = _check_layout(file, entries, directory, place)
    members: list[Member] = []
    files: dict[str, str] = {}
    directories: set[str] = set()
    for entry, start in zip(entries, starts, strict=True):
        name, aliases = decode_name(entry.raw, entry.flags, entry.extra)
        _check_member(entry, name, place)
        is_directory = name.endswith("/")
        name = tidy(name)
        directories.update(_parents(name) + ([name.casefold()] if is_directory else []))
        if is_directory:
            continue
        twin = files.setdefault(name.casefold(), name)
        if len(files) == len(members):
            raise bad_archive(place, f"the zip has two members called {shown(twin)}, or it and {shown(name)}")
        members.append(
            Member(
                name,
                tuple(tidy(a) for a in aliases),
                entry.method,
                entry.flags,
                entry.crc,
                entry.packed,
                entry.size,
                start,
            )
        )
    both = directories & files.keys()
    if both:
        raise bad_archive(place, f"{shown(files[both.pop()])} is a file and a directory in the zip")
    return tuple(members)


def _parents(name: str) -> list[str]:
    parts = name.casefold().split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def _check_member(entry: _Entry, name: str, place: str) -> None:
    wrong = fault(name)
    kind = stat.S_IFMT(entry.mode)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        wrong = "is a link" if kind == stat.S_IFLNK else "is a device, pipe or socket"
    if wrong:
        raise bad_archive(place, f"member {shown(name)} {wrong}")


def _check_layout(file: BinaryIO, entries: list[_Entry], directory: int, place: str) -> list[int]:
    """Where each entry's bytes begin, both headers agreeing and no bytes shared or hidden; else ConvertError."""
    starts = [0] * len(entries)
    mark = _read(file, 0, min(4, directory), place)
    end = 4 if mark in _SPLIT_MARKS else 0
    descriptor = False
    for index in sorted(range(len(entries)), key=lambda i: entries[i].offset):
        entry = entries[index]
        if entry.offset < end:
            raise bad_archive(place, "members of the zip share bytes")
        if entry.offset > end and _hidden(file, end, entry.offset, descriptor, place):
            raise bad_archive(place, "the zip holds a member that its directory does not list")
        starts[index] = _check_local(file, entry, place)
        end = starts[index] + entry.packed
        descriptor = bool(entry.flags & DESCRIPTOR)
    if end > directory:
        raise bad_archive(place, "members of the zip share bytes with its directory")
    if _hidden(file, end, directory, descriptor, place):
        raise bad_archive(place, "the zip holds a member that its directory does not list")
    return starts


def _hidden(file: BinaryIO, start: int, end: int, descriptor: bool, place: str) -> bool:
    """Whether the gap between two members begins with a member (after the sizes that may follow a streamed one)."""
    gap = _read(file, start, min(end - start, 28), place)
    places = (0, 12, 16, 20, 24) if descriptor else (0,)
    return any(gap[at : at + 4] == b"PK\x03\x04" for at in places)


def _check_local(file: BinaryIO, entry: _Entry, place: str) -> int:
    header: tuple[Any, ...] = _LOCAL.unpack(_read(file, entry.offset, _LOCAL.size, place))
    if header[0] != b"PK\x03\x04":
        raise bad_archive(place, "the zip's directory points at bytes that are no member")
    name_length, extra_length = int(header[9]), int(header[10])
    name_at = entry.offset + _LOCAL.size
    same_name = name_length == len(entry.raw) and _read(file, name_at, name_length, place) == entry.raw
    if not (same_name and _same_facts(entry, header)):
        name = shown(decode_name(entry.raw, entry.flags)[0])
        raise bad_archive(place, f"the zip says two things about {name}: its directory and its header differ")
    return name_at + name_length + extra_length


def _same_facts(entry: _Entry, header: tuple[Any, ...]) -> bool:
    _, _, flags, method, _, _, crc, packed, size, _, _ = header
    if method != entry.method or bool(flags & ENCRYPTED) != bool(entry.flags & ENCRYPTED):
        return False
    if (flags | entry.flags) & DESCRIPTOR:  # streamed: the header was written before these were known
        return True
    return crc == entry.crc and size in (entry.size, _MAX32) and packed in (entry.packed, _MAX32)
