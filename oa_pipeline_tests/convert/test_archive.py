"""What comes out of a download."""

from __future__ import annotations

import gzip
import io
import stat
import zipfile

import pytest

from oa_pipeline.sources.model import Compression
from oa_pipeline_tests.hostile import Entry, plain_zip, zip_of

from .unpacking import CSV, Unpacking, names

# ---- what is unpacked ---------------------------------------------------------------------------------


def test_a_plain_file_is_taken_as_it_is(unpacking: Unpacking) -> None:
    [only] = unpacking(CSV, name="data.csv", compression=None)
    assert (only.path.read_bytes(), only.path.name, only.name) == (CSV, "data.csv", "data.csv")
    assert not unpacking.warned


def test_every_member_is_unpacked_whole(unpacking: Unpacking) -> None:
    members = {"a.csv": CSV * 100_000, "dir/b.txt": b"", "dir/c.txt": b"x"}
    unpacked = unpacking(plain_zip(members))
    assert {u.name: u.path.read_bytes() for u in unpacked} == members


def test_a_zip64_archive_is_read(unpacking: Unpacking) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive, archive.open("a.csv", "w", force_zip64=True) as member:
        member.write(CSV)
    assert unpacking(held.getvalue())[0].path.read_bytes() == CSV


def test_a_streamed_archive_is_read(unpacking: Unpacking) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        archive.writestr("a.csv", CSV)
        archive.writestr("b.csv", CSV)
    assert names(unpacking(pipe.data)) == ["a.csv", "b.csv"]


def test_zips_in_a_zip_are_unpacked_in_place(unpacking: Unpacking) -> None:
    data = plain_zip({"a/in.zip": plain_zip({"x.csv": CSV}), "b/in.zip": plain_zip({"x.csv": CSV, "y.csv": CSV})})
    unpacked = unpacking(data)
    assert names(unpacked) == ["a/in.zip/x.csv", "b/in.zip/x.csv", "b/in.zip/y.csv"]
    assert len({u.path for u in unpacked}) == 3


def test_a_gzip_in_a_zip_is_unpacked(unpacking: Unpacking) -> None:
    [only] = unpacking(plain_zip({"data.csv.gz": gzip.compress(CSV)}))
    assert (only.name, only.path.read_bytes()) == ("data.csv", CSV)


def test_gzip_loses_its_ending_and_its_inner_name_is_ignored(unpacking: Unpacking) -> None:
    held = io.BytesIO()
    with gzip.GzipFile("../../evil.csv", "wb", fileobj=held) as file:
        file.write(CSV)
    [only] = unpacking(held.getvalue(), name="data.csv.gz", compression=Compression.GZIP)
    assert (only.name, only.path.name) == ("data.csv", "data.csv")


def test_a_gzip_of_ten_thousand_parts_is_one_file(unpacking: Unpacking) -> None:
    [only] = unpacking(gzip.compress(b"1\n") * 10_000, name="d.csv.gz", compression=Compression.GZIP)
    assert only.path.read_bytes() == b"1\n" * 10_000


def test_zeros_after_a_gzip_are_padding(unpacking: Unpacking) -> None:
    [only] = unpacking(gzip.compress(CSV) + bytes(700), name="d.csv.gz", compression=Compression.GZIP)
    assert only.path.read_bytes() == CSV


@pytest.mark.parametrize(
    ("compression", "data"),
    [(None, plain_zip({"d.csv": CSV})), (Compression.ZIP, gzip.compress(CSV)), (Compression.GZIP, CSV)],
    ids=["zip without a tag", "gzip tagged zip", "csv tagged gzip"],
)
def test_content_decides_and_a_warning_says_so(
    unpacking: Unpacking, compression: Compression | None, data: bytes
) -> None:
    [only] = unpacking(data, name="d.csv", compression=compression)
    assert only.path.read_bytes() == CSV
    assert len(unpacking.warned) == 1


def test_a_workbook_is_no_archive(unpacking: Unpacking) -> None:
    data = plain_zip({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"})
    [only] = unpacking(data, name="d.xlsx", compression=None)
    assert only.path.read_bytes() == data


def test_a_geopackage_gets_the_name_that_fits_its_bytes(unpacking: Unpacking) -> None:
    data = b"SQLite format 3\x00" + bytes(52) + b"GPKG" + bytes(40)
    assert unpacking(data, name="download.bin", compression=None)[0].path.suffix == ".gpkg"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"<html><title>Log in</title>", "got HTML: Log in"),
        (b"Rar!\x1a\x07\x01\x00", "RAR"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (plain_zip({}), "holds no files"),
        (plain_zip({"__MACOSX/._a.csv": b"x", ".DS_Store": b"x"}), "holds no files"),
    ],
    ids=["empty", "html", "rar", "7z", "no members", "only what a desktop leaves"],
)
def test_what_cannot_be_unpacked_is_named(unpacking: Unpacking, data: bytes, said: str) -> None:
    assert said in unpacking.refused(data)


# ---- the `file` tag -----------------------------------------------------------------------------------

SHAPEFILES = {
    f"shp/{stem}.{ext}": b"x" for stem in ("Roads", "Roads_old") for ext in ("shp", "shx", "dbf", "cpg", "prj")
}


@pytest.mark.parametrize(
    "wanted",
    ["shp/Roads.shp", "SHP/ROADS.SHP", "Roads.shp", "roads.shp", "./shp/Roads.shp", "shp\\Roads.shp"],
)
def test_file_brings_a_shapefile_with_all_its_parts(unpacking: Unpacking, wanted: str) -> None:
    unpacked = unpacking(plain_zip({**SHAPEFILES, "big.tif": b"x"}), wanted=wanted)
    assert sorted(names(unpacked)) == [f"shp/Roads.{ext}" for ext in ("cpg", "dbf", "prj", "shp", "shx")]
    assert len({u.path.with_suffix("") for u in unpacked}) == 1


def test_file_may_be_a_directory(unpacking: Unpacking) -> None:
    data = plain_zip({"Delivery/a.gdb/a00000001.gdbtable": b"x", "Delivery/a.gdb/gdb": b"x", "b.gdb/gdb": b"y"})
    unpacked = unpacking(data, wanted="delivery/A.gdb")
    assert names(unpacked) == ["Delivery/a.gdb/a00000001.gdbtable", "Delivery/a.gdb/gdb"]
    assert {u.path.parent.name for u in unpacked} == {"a.gdb"}


@pytest.mark.parametrize("wanted", ["x.csv", "in.zip/x.csv", "deep/in.zip/x.csv"])
def test_file_is_searched_in_zips_within_the_zip(unpacking: Unpacking, wanted: str) -> None:
    data = plain_zip({"other.csv": b"o", "deep/in.zip": plain_zip({"x.csv": CSV, "y.csv": b"y"})})
    [only] = unpacking(data, wanted=wanted)
    assert (only.name, only.path.read_bytes()) == ("deep/in.zip/x.csv", CSV)


def test_file_that_fits_several_lists_them(unpacking: Unpacking) -> None:
    said = unpacking.refused(plain_zip({"a/x.csv": CSV, "b/x.csv": CSV}), wanted="x.csv")
    assert "a/x.csv, b/x.csv" in said
    assert "whole path" in said


def test_file_that_is_not_there_shows_what_is(unpacking: Unpacking) -> None:
    said = unpacking.refused(plain_zip({"zebra.csv": CSV, "adresses.csv": CSV}), wanted="addresses.csv")
    assert "it holds adresses.csv, zebra.csv" in said


def test_file_means_nothing_for_a_plain_download(unpacking: Unpacking) -> None:
    assert names(unpacking(CSV, name="d.csv", compression=None, wanted="other.csv")) == ["d.csv"]


# ---- names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        b"../../evil.csv",
        b"ok/../../x",
        b"/abs.csv",
        b"C:\\x",
        b"c:x.csv",
        b"..\\x.csv",
        b"a\x00.csv",
        b"a\nb.csv",
        b"  ",
    ],
)
def test_a_member_that_would_leave_the_archive_is_refused(unpacking: Unpacking, name: bytes) -> None:
    said = unpacking.refused(zip_of([Entry(b"good.csv"), Entry(name)]))
    assert "member" in said


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (stat.S_IFLNK, "link"),
        (stat.S_IFCHR, "device"),
        (stat.S_IFBLK, "device"),
        (stat.S_IFIFO, "pipe"),
        (stat.S_IFSOCK, "socket"),
    ],
)
def test_links_and_devices_are_refused(unpacking: Unpacking, mode: int, said: str) -> None:
    assert said in unpacking.refused(zip_of([Entry(b"a.csv", b"/etc/passwd", mode=mode | 0o644)]))


@pytest.mark.parametrize(
    ("raw", "flags", "name"),
    [
        ("Straße.csv".encode(), 1 << 11, "Straße.csv"),
        ("Straße.csv".encode(), 0, "Straße.csv"),
        ("Straße.csv".encode("cp437"), 0, "Straße.csv"),
        ("住所データ.csv".encode("cp932"), 0, "住所データ.csv"),
        ("表示.csv".encode("cp932"), 0, "表示.csv"),  # its second byte is a backslash's
    ],
    ids=["flagged", "utf-8 unflagged", "cp437", "shift-jis", "shift-jis with 0x5c"],
)
def test_names_are_read_in_the_encoding_they_are_in(unpacking: Unpacking, raw: bytes, flags: int, name: str) -> None:
    [only] = unpacking(zip_of([Entry(raw, flags=flags)]))
    assert only.name == name


def test_file_may_be_written_as_other_programs_show_the_name(unpacking: Unpacking) -> None:
    raw = "住所.csv".encode("cp932")
    [only] = unpacking(zip_of([Entry(raw), Entry(b"b.csv")]), wanted=raw.decode("cp437").replace("\\", "/"))
    assert only.name == "住所.csv"


def test_a_backslash_separates_directories(unpacking: Unpacking) -> None:
    assert names(unpacking(zip_of([Entry(b"shp\\roads.csv")]))) == ["shp/roads.csv"]


def test_names_on_disk_are_harmless_and_extensions_lower_case(unpacking: Unpacking) -> None:
    parts = {"we?ird:!name.SHP": b"1", "we?ird:!name.Dbf": b"2", "-rf *.csv": b"3", "~.csv": b"4"}
    unpacked = unpacking(plain_zip(parts))
    assert all(c.isalnum() or c in " _-.()+" for u in unpacked for c in u.path.name)
    assert unpacked[0].path.with_suffix(".dbf") == unpacked[1].path
    assert [u.path.read_bytes() for u in unpacked] == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize(
    "entries",
    [[Entry(b"a.csv"), Entry(b"a.csv")], [Entry(b"a.csv"), Entry(b"A.CSV")], [Entry(b"a"), Entry(b"a/b.csv")]],
    ids=["duplicates", "case twins", "file and directory"],
)
def test_two_members_of_one_name_are_refused(unpacking: Unpacking, entries: list[Entry]) -> None:
    unpacking.refused(zip_of(entries))
