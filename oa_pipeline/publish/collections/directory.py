"""Where the members of a result's zip lie in it, told by its last kilobytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from ...errors import PublishError
from ...sources.keys import base_name, member_name
from ...zips.members import ENCRYPTED
from ...zips.vrt import points_vrt, summary_vrt
from ..store import Store
from .snapshot import ZIP, Collected, LeftOut

TAIL = 16 * 1024  # five members with the longest names there can be take less
AT_ONCE = 8  # objects that are looked at
# What is copied of a result, and what says how to read it. Its README is not copied.
MEMBERS: Mapping[str, Callable[[str], bytes] | None] = {
    "{}.csv": None,
    "{}.vrt": points_vrt,
    "summary/{}-summary.csv": None,
    "summary/{}-summary.vrt": summary_vrt,
}


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a result's zip, which a collection calls `name`, and may have other bytes `instead`."""

    held: ZipInfo
    name: str
    instead: bytes | None = None


@dataclass(frozen=True, slots=True)
class Directory:
    """The members to be copied, in the order in which they lie in the zip."""

    source: Collected
    members: tuple[Member, ...]


class Unfit(Exception):  # noqa: N818 - a fact about a result, told as such
    """The result cannot be collected: the message says why."""


def directories(store: Store, sources: Sequence[Collected]) -> tuple[list[Directory], list[LeftOut]]:
    """The directories of these sources' zips, in their order, and those that have none that can be used.

    Raises PublishError where the store cannot be asked, but not for an object that is missing.
    """
    found: list[Directory] = []
    left_out: list[LeftOut] = []
    with ThreadPoolExecutor(AT_ONCE, "directories") as threads:
        looks = [(source, threads.submit(directory, store, source)) for source in sources]
        try:
            for source, look in looks:
                try:
                    found.append(look.result())
                except Unfit as unfit:
                    left_out.append(LeftOut(source.key, source.run, ZIP, str(unfit)))
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    return found, left_out


def directory(store: Store, source: Collected) -> Directory:
    """The directory of one source's zip. Raises Unfit where the object is not the zip that the ledger knows."""
    held = source.outputs[ZIP]
    start = max(0, held.size - TAIL)
    try:
        tail = store.read(held.key, start, held.size + 1)
    except PublishError as error:
        if not store.exists(held.key):
            raise Unfit("it is not in the store") from error
        raise
    if len(tail) != held.size - start:
        raise Unfit(f"it has not the {held.size:,} bytes that it was stored with")
    try:
        with ZipFile(_Tail(tail, start)) as archive:
            infos = archive.infolist()
    except (BadZipFile, ValueError, OSError) as error:
        raise Unfit(f"it is no zip: {error}") from error
    return Directory(source, _members(source, infos))


def _members(source: Collected, infos: Sequence[ZipInfo]) -> tuple[Member, ...]:
    by_name = {info.filename: info for info in infos}
    if len(by_name) != len(infos):
        raise Unfit("it has two members of one name")
    bases = (source.source, member_name(source.source, source.name))
    for base in bases:
        if f"{base}.csv" in by_name:
            break
    else:
        raise Unfit(f"it has no {bases[0]}.csv")
    members = []
    for pattern, vrt in MEMBERS.items():
        info = by_name.get(pattern.format(base))
        if info is None:
            raise Unfit(f"it has no {pattern.format(base)}")
        if info.flag_bits & ENCRYPTED or info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise Unfit(f"its {info.filename} is packed in a way that not everybody can read")
        name = pattern.format(source.base)
        # A vrt names the csv beside it, which here may have another name.
        text = vrt(base_name(name).removesuffix(".vrt")) if vrt and base != source.base else None
        members.append(Member(info, name, text))
    members.sort(key=lambda member: member.held.header_offset)
    end = 0
    for member in members:
        if member.held.header_offset < end:
            raise Unfit(f"its {member.held.filename} lies inside another member")
        end = member.held.header_offset + member.held.compress_size
    if end > source.outputs[ZIP].size:
        raise Unfit(f"its {members[-1].held.filename} ends after it")
    return tuple(members)


class _Tail(io.RawIOBase):
    """The end of a file, at its place: what comes before cannot be read."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data, self._start, self._at = data, start, start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._at, self._start + len(self._data))[whence]
        if base + offset < 0:
            raise OSError("before the start of the file")
        self._at = base + offset
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        if self._at < self._start:
            raise BadZipFile("its directory is longer than that of any result")
        begin = self._at - self._start
        found = self._data[begin:] if size < 0 else self._data[begin : begin + size]
        self._at += len(found)
        return found
