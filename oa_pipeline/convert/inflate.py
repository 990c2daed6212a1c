"""Writing unpacked bytes to disk, counted while they come out: what a header promises is never believed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from isal import isal_zlib

from .membernames import shown
from .task import Limits
from .zipdirectory import ENCRYPTED, Member, bad_archive

_CHUNK = 1024 * 1024
_STORED, _DEFLATED = 0, 8
_METHODS = {
    1: "Shrink",
    6: "Implode",
    9: "Deflate64",
    12: "bzip2",
    14: "LZMA",
    20: "zstd",
    93: "zstd",
    95: "XZ",
    97: "WavPack",
    98: "PPMd",
    99: "AES encryption",
}
_AGAIN = "ask the publisher for a zip made with the usual Deflate, or cache a repacked copy"


class Budget:
    """What is left of the bytes and members that one download may unpack to, nested archives included."""

    def __init__(self, limits: Limits) -> None:
        """Starts whole."""
        self.limits = limits
        self.bytes = limits.unpacked_bytes
        self.members = limits.members

    def take_members(self, count: int, place: str) -> None:
        """Counts the members of one more archive."""
        self.members -= count
        if self.members < 0:
            raise bad_archive(place, f"more than {self.limits.members:,} members, nested archives included")

    def take(self, count: int, place: str) -> None:
        """Counts bytes that came out."""
        self.bytes -= count
        if self.bytes < 0:
            raise bad_archive(place, f"unpacks to more than {self.limits.unpacked_bytes:,} bytes")

    def check_ratio(self, packed: int, size: int, place: str) -> None:
        """Refuses what swells far more than data does."""
        if size > self.limits.ratio_floor and size > self.limits.ratio * max(packed, 1):
            raise bad_archive(place, f"swells from {packed:,} to {size:,} bytes or more, which data does not do")


def check_promises(members: list[Member], budget: Budget, place: str) -> None:
    """Raises ConvertError when what the headers say is already too much, or needs a method that we do not have."""
    for member in members:
        name = shown(member.name)
        if member.flags & ENCRYPTED:
            raise bad_archive(place, f"{name} is encrypted", "ask the publisher for a zip without a password")
        if member.method not in (_STORED, _DEFLATED):
            method = _METHODS.get(member.method, f"method {member.method}")
            raise bad_archive(place, f"{name} is packed with {method}, which is not supported", _AGAIN)
        if member.method == _STORED and member.packed != member.size:
            raise bad_archive(place, f"{name} is stored, yet its two sizes differ")
        budget.check_ratio(member.packed, member.size, f"{place}: {name}")
    if sum(member.size for member in members) > budget.bytes:
        raise bad_archive(place, f"unpacks to more than {budget.limits.unpacked_bytes:,} bytes")


def write_member(archive: Path, member: Member, target: Path, budget: Budget, place: str) -> None:
    """Unpacks one member to the new file `target`. Raises ConvertError unless size and checksum are as promised."""
    name = f"{place}: {shown(member.name)}"
    crc = size = 0
    with archive.open("rb") as source, target.open("xb") as sink:
        source.seek(member.start)
        for piece in _unpacked(source, member, name):
            size += len(piece)
            if size > member.size:
                break
            budget.take(len(piece), name)
            crc = isal_zlib.crc32(piece, crc)
            sink.write(piece)
    if size != member.size:
        raise bad_archive(name, "is not as long as the zip says")
    if crc != member.crc:
        raise bad_archive(name, "is damaged: its checksum is wrong")


def _pieces(source: BinaryIO, length: int, name: str) -> Iterator[bytes]:
    while length:
        piece = source.read(min(_CHUNK, length))
        if not piece:
            raise bad_archive(name, "is truncated")
        length -= len(piece)
        yield piece


def _unpacked(source: BinaryIO, member: Member, name: str) -> Iterator[bytes]:
    if member.method == _STORED:
        yield from _pieces(source, member.packed, name)
        return
    inflater = isal_zlib.decompressobj(-zlib.MAX_WBITS)
    for piece in _pieces(source, member.packed, name):
        yield from _inflated(inflater, piece, name)
        if inflater.eof:
            break
    if not inflater.eof:
        raise bad_archive(name, "is damaged: its packed data does not end")


def _inflated(inflater: Any, piece: bytes, name: str) -> Iterator[bytes]:
    """What `piece` inflates to, at most a chunk at a time, so that no bomb fills the memory."""
    while not inflater.eof:
        try:
            out = inflater.decompress(piece, _CHUNK)
        except isal_zlib.error as error:  # type: ignore[misc]
            raise bad_archive(name, f"is damaged: {error}") from None
        piece = inflater.unconsumed_tail
        if out:
            yield out
        if not piece and len(out) < _CHUNK:
            return


def write_gunzipped(source: Path, target: Path, budget: Budget, place: str) -> None:
    """Unpacks a gzip file, all of its parts, to the new file `target`. Raises ConvertError when it is not whole."""
    size = 0
    with source.open("rb") as file, target.open("xb") as sink:
        for piece in _gunzipped(file, place):
            size += len(piece)
            budget.take(len(piece), place)
            budget.check_ratio(file.tell(), size, place)
            sink.write(piece)


def _gunzipped(file: BinaryIO, place: str) -> Iterator[bytes]:
    packed = file.read(_CHUNK)
    while packed:
        if not packed.startswith(b"\x1f"):
            raise bad_archive(place, "data follows the end of the gzip file")
        inflater = isal_zlib.decompressobj(16 + zlib.MAX_WBITS)
        while not inflater.eof:
            if not packed:
                raise bad_archive(place, "the gzip file is truncated")
            yield from _inflated(inflater, packed, place)
            packed = (inflater.unused_data if inflater.eof else b"") or file.read(_CHUNK)
        while packed and not packed.strip(b"\x00"):  # tapes pad with zeros
            packed = file.read(_CHUNK)
        packed = packed.lstrip(b"\x00")
