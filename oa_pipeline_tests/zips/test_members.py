from __future__ import annotations

import io
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import pytest
from isal import isal_zlib

from oa_pipeline.zips.members import Appending, Deflating, append_bytes, append_deflated, copy_member, deflated

TEXT = b"LON,LAT\r\n" + b"12.5,50.25\r\n" * 5000
GIB = 1 << 30


def accepted(path: Path) -> None:
    subprocess.run([sys.executable, "-m", "zipfile", "-t", str(path)], check=True, capture_output=True)
    if which("unzip"):
        subprocess.run(["unzip", "-tq", str(path)], check=True, capture_output=True)


def test_a_deflated_member_reads_back(tmp_path: Path) -> None:
    deflating = Deflating()
    packed = [deflating.pack(TEXT[:1000]), deflating.pack(memoryview(TEXT)[1000:]), deflating.end()]
    with ZipFile(tmp_path / "x.zip", "w") as archive:
        append_bytes(archive, "README.txt", b"")
        append_deflated(
            archive, "us/ca/é.csv", packed, crc=deflating.crc, size=deflating.size, packed_size=sum(map(len, packed))
        )
        archive.writestr("later.txt", b"the standard library can go on")
    with ZipFile(tmp_path / "x.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["README.txt", "us/ca/é.csv", "later.txt"]
        assert archive.read("us/ca/é.csv") == TEXT
        assert archive.getinfo("us/ca/é.csv").date_time == (1980, 1, 1, 0, 0, 0)
    accepted(tmp_path / "x.zip")


def large_stream(gib: int) -> tuple[Iterator[bytes], int, int]:
    """Zeros of that many GiB, deflated once and repeated: stream, packed size, CRC."""
    piece = 64 << 20
    packing = isal_zlib.compressobj(2, wbits=-15)
    body = packing.compress(bytes(piece)) + packing.flush(isal_zlib.Z_FULL_FLUSH)
    tail = isal_zlib.compressobj(2, wbits=-15).flush()
    times = gib * GIB // piece
    crc, one = 0, isal_zlib.crc32(bytes(piece))
    for _ in range(times):
        crc = isal_zlib.crc32_combine(crc, one, piece)
    return iter([body] * times + [tail]), len(body) * times + len(tail), crc


def test_a_member_of_five_gib_reads_back(tmp_path: Path) -> None:
    stream, packed_size, crc = large_stream(5)
    path = tmp_path / "x.zip"
    with ZipFile(path, "w") as archive:
        append_deflated(archive, "large.csv", stream, crc=crc, size=5 * GIB, packed_size=packed_size)
        append_bytes(archive, "small.txt", b"small")
    with ZipFile(path) as archive, ZipFile(tmp_path / "copy.zip", "w") as copy:
        assert archive.getinfo("large.csv").file_size == 5 * GIB
        assert crc == archive.getinfo("large.csv").CRC
        assert archive.read("small.txt") == b"small"
        with archive.open("large.csv") as member:
            assert member.read(1000) == bytes(1000)
        copy_member(copy, archive, "large.csv")
        copy_member(copy, archive, "small.txt")
    with ZipFile(tmp_path / "copy.zip") as copy:
        assert copy.getinfo("large.csv").file_size == 5 * GIB
        assert copy.read("small.txt") == b"small"
    header = path.read_bytes()[:100]
    assert struct.unpack_from("<LL", header, 18) == (0xFFFFFFFF, 0xFFFFFFFF)  # sizes are in the zip64 extra


def test_a_member_that_lies_beyond_four_gib_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with path.open("wb") as held:
        held.seek(4 * GIB + 5)  # a hole: takes no room on the disk
        with ZipFile(held, "w") as archive:
            append_bytes(archive, "far.txt", TEXT)
    with ZipFile(path) as archive:
        assert archive.getinfo("far.txt").header_offset > 4 * GIB
        assert archive.read("far.txt") == TEXT
        with ZipFile(tmp_path / "copy.zip", "w") as copy:
            copy_member(copy, archive, "far.txt")
    accepted(tmp_path / "copy.zip")


@pytest.mark.parametrize("method", [ZIP_STORED, ZIP_DEFLATED, ZIP_BZIP2])
def test_a_member_is_copied_as_it_is(method: int, tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a.zip", "w", method) as archive:
        info = ZipInfo("us/x.csv", (2026, 8, 1, 12, 30, 0))
        info.compress_type, info.comment, info.extra = method, b"a comment", b"\x99\x99\x04\x00abcd"
        archive.writestr(info, TEXT)
        archive.writestr("us/y.csv", b"")
    with ZipFile(tmp_path / "a.zip") as source, ZipFile(tmp_path / "b.zip", "w") as target:
        copy_member(target, source, "us/y.csv")
        copy_member(target, source, "us/x.csv")
        copy_member(target, source, "us/x.csv", "again.csv")
    with ZipFile(tmp_path / "b.zip") as target:
        assert target.testzip() is None
        assert target.namelist() == ["us/y.csv", "us/x.csv", "again.csv"]
        assert target.read("us/x.csv") == target.read("again.csv") == TEXT
        assert target.getinfo("us/x.csv").compress_type == method
        assert target.getinfo("us/x.csv").date_time == (2026, 8, 1, 12, 30, 0)
    accepted(tmp_path / "b.zip")


def test_a_member_that_was_streamed_is_copied_without_its_descriptor(tmp_path: Path) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: object) -> int:
            raise OSError("a pipe")

        def tell(self) -> int:
            raise OSError("a pipe")

    pipe = Pipe()
    with ZipFile(pipe, "w", ZIP_DEFLATED) as archive:
        archive.writestr("x.csv", TEXT)
    with ZipFile(io.BytesIO(pipe.getvalue())) as source, ZipFile(tmp_path / "b.zip", "w") as target:
        assert source.getinfo("x.csv").flag_bits & 0x8
        copy_member(target, source, "x.csv")
    with ZipFile(tmp_path / "b.zip") as target:
        assert target.read("x.csv") == TEXT
        assert not target.getinfo("x.csv").flag_bits & 0x8
    accepted(tmp_path / "b.zip")


def test_a_second_member_of_the_same_name_is_refused(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        append_bytes(archive, "x.csv", TEXT)
        with pytest.raises(ValueError, match=r"has a member 'x.csv' already"):
            append_bytes(archive, "x.csv", TEXT)


def test_an_encrypted_member_is_not_copied(tmp_path: Path) -> None:
    held = io.BytesIO()
    with ZipFile(held, "w") as archive:
        archive.writestr("x.csv", TEXT)
    data = bytearray(held.getvalue())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    with (
        ZipFile(io.BytesIO(data)) as source,
        ZipFile(tmp_path / "b.zip", "w") as target,
        pytest.raises(BadZipFile, match="encrypted"),
    ):
        copy_member(target, source, "x.csv")


def test_a_directory_that_lies_is_noticed(tmp_path: Path) -> None:
    held = io.BytesIO()
    with ZipFile(held, "w") as archive:
        archive.writestr("x.csv", TEXT)
    with ZipFile(held) as source, ZipFile(tmp_path / "b.zip", "w") as target:
        source.getinfo("x.csv").header_offset = 7
        with pytest.raises(BadZipFile, match="no member begins"):
            copy_member(target, source, "x.csv")
        source.getinfo("x.csv").header_offset = 0
        source.getinfo("x.csv").compress_size = 10**9
        with pytest.raises(BadZipFile, match=r"ends \d+ bytes early"):
            copy_member(target, source, "x.csv", "y.csv")


def test_a_stream_of_another_size_than_promised_is_refused(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a.zip", "w") as archive, pytest.raises(BadZipFile, match="3 packed bytes instead of 4"):
        append_deflated(archive, "x", [b"abc"], crc=0, size=3, packed_size=4)


class Stream(io.RawIOBase):
    """Takes bytes in order, and tells how many they were."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self.parts.append(bytes(data))
        return len(data)

    def tell(self) -> int:
        return sum(map(len, self.parts))


def test_an_archive_may_be_a_stream(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        append_bytes(archive, "us/x.csv", TEXT)
    stream = Stream()
    with ZipFile(tmp_path / "a.zip") as source, ZipFile(stream, "w") as target:
        append_bytes(target, "README.txt", b"read me")
        copy_member(target, source, "us/x.csv")
        info = source.getinfo("us/x.csv")
        member = Appending(target, deflated("y.csv", crc=info.CRC, size=len(TEXT), packed_size=info.compress_size))
        packed = (tmp_path / "a.zip").read_bytes()[30 + len("us/x.csv") :][: info.compress_size]
        member.write(packed[:7])
        member.write(memoryview(packed)[7:])
        member.end()
    (tmp_path / "b.zip").write_bytes(b"".join(stream.parts))
    with ZipFile(tmp_path / "b.zip") as target:
        assert target.testzip() is None
        assert target.namelist() == ["README.txt", "us/x.csv", "y.csv"]
        assert target.read("us/x.csv") == target.read("y.csv") == TEXT
    accepted(tmp_path / "b.zip")


def test_a_member_that_did_not_come_whole_is_not_in_the_directory(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        member = Appending(archive, deflated("x.csv", crc=0, size=3, packed_size=4))
        member.write(b"abc")
        with pytest.raises(BadZipFile, match="3 packed bytes instead of 4"):
            member.end()
        assert archive.namelist() == []
