"""Archives that swell, lie or are broken."""

from __future__ import annotations

import gzip
import struct

import pytest

from oa_pipeline.convert.task import Limits
from oa_pipeline.sources.model import Compression
from oa_pipeline_tests.hostile import Entry, bomb, nested_zip, plain_zip, zip_of

from .unpacking import CSV, Unpacking, names

# ---- sizes --------------------------------------------------------------------------------------------

SMALL = Limits(ratio_floor=1024**2)


def test_a_bomb_is_refused_before_anything_is_written(unpacking: Unpacking) -> None:
    assert "swells" in unpacking.refused(zip_of([bomb(4)]), limits=SMALL)


def test_a_bomb_that_lies_about_its_size_is_stopped_while_it_swells(unpacking: Unpacking) -> None:
    liar = bomb(4)
    liar.size = 1000
    # Stopped at the first piece: the budget for all of it is never reached.
    assert "not as long" in unpacking.refused(zip_of([liar]), limits=Limits(unpacked_bytes=2 * 1024**2))


def test_what_swells_little_may_be_large(unpacking: Unpacking) -> None:
    [only] = unpacking(zip_of([bomb(4)]))  # under the floor of the ratio
    assert only.path.stat().st_size == 4 * 1024**2


def test_a_gzip_bomb_is_stopped_while_it_swells(unpacking: Unpacking) -> None:
    data = gzip.compress(bytes(8 * 1024**2), mtime=0)
    assert "swells" in unpacking.refused(data, name="d.csv.gz", compression=Compression.GZIP, limits=SMALL)


@pytest.mark.parametrize("data", [plain_zip({"a.csv": b"x" * 3000}), gzip.compress(b"x" * 3000)], ids=["zip", "gzip"])
def test_no_more_than_the_budget_comes_out(unpacking: Unpacking, data: bytes) -> None:
    said = unpacking.refused(data, compression=None, limits=Limits(unpacked_bytes=2000))
    assert "unpacks to more than 2,000 bytes" in said


def test_nested_zips_share_the_budget(unpacking: Unpacking) -> None:
    data = plain_zip({f"{n}.zip": plain_zip({"a.csv": b"x" * 1500}) for n in range(3)})
    assert "unpacks to more" in unpacking.refused(data, limits=Limits(unpacked_bytes=4000))


def test_zips_deeper_than_two_are_not_opened(unpacking: Unpacking) -> None:
    assert names(unpacking(nested_zip(2))) == ["0.zip/data.csv"]
    unpacking.into = unpacking.folder / "again"
    assert "too deep" in unpacking.refused(nested_zip(3))
    assert "too deep" in unpacking.refused(nested_zip(5), wanted="data.csv")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (plain_zip({f"{n}.csv": b"" for n in range(30)}), "members"),
        (zip_of([Entry(b"a.csv")], count=60_000), "members"),
        (plain_zip({f"{n}.zip": plain_zip({"a": b"", "b": b""}) for n in range(8)}), "members"),
        (zip_of([Entry(b"n" * 64_000)]), "64,000 bytes"),
        (zip_of([Entry(b"n" * 300)]), "255 bytes"),
    ],
    ids=["many", "promised", "nested", "a very long name", "a long name"],
)
def test_members_and_names_have_limits(unpacking: Unpacking, data: bytes, said: str) -> None:
    assert said in unpacking.refused(data, limits=Limits(members=20))


# ---- archives that lie or are broken ------------------------------------------------------------------

GOOD = zip_of([Entry(b"a.csv", CSV, method=8), Entry(b"b.csv", CSV)])
_UNLISTED = zip_of([Entry(b"hidden.csv", listed=False), Entry(b"b.csv")])


def _other_offset() -> bytes:
    return zip_of([Entry(b"a.csv"), Entry(b"b.csv", offset=0)])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (zip_of([Entry(b"a.csv", local_name=b"b.csv")]), "two things"),
        (zip_of([Entry(b"a.csv", local_size=99)]), "two things"),
        (_other_offset(), "share bytes"),
        (_UNLISTED, "does not list"),
        (zip_of([Entry(b"b.csv"), Entry(b"hidden.csv", listed=False)]), "does not list"),
        (zip_of([Entry(b"a.csv")], count=2), "says it has 2"),
        (GOOD + b"trailing", "data follows"),
        (GOOD + GOOD, "not where it says"),
        (zip_of([Entry(b"a.csv")], comment=GOOD[-22:]), "two ends"),
        (GOOD[:-1], "data follows|truncated"),
        (GOOD[: len(GOOD) // 2], "truncated"),
        (GOOD[:10], "truncated"),
        (zip_of([Entry(b"a.csv"), Entry(b"b.csv", crc=1)]), "checksum"),
        (zip_of([Entry(b"a.csv", CSV, method=8, size=5)]), "not as long"),
        (zip_of([Entry(b"a.csv", CSV, size=5)]), "sizes differ"),
        (zip_of([Entry(b"a.csv", flags=1)]), "encrypted"),
        (zip_of([Entry(b"a.csv", method=9)]), "Deflate64"),
        (zip_of([Entry(b"a.csv", method=14)]), "LZMA"),
        (zip_of([Entry(b"a.csv", method=93)]), "zstd"),
        (zip_of([Entry(b"a.csv", method=12)]), "bzip2"),
        (GOOD[:-22] + struct.pack("<4s4H2IH", b"PK\5\6", 1, 0, 2, 2, 1, 1, 0), "split"),
        (b"PK\x07\x08" + b"x" * 200, "truncated"),
    ],
    ids=[
        "names differ",
        "sizes differ between headers",
        "overlapping",
        "unlisted in front",
        "unlisted at the end",
        "count",
        "trailing data",
        "two archives",
        "two ends",
        "last byte missing",
        "half",
        "nearly nothing",
        "checksum of the last member",
        "longer than promised",
        "stored with two sizes",
        "encrypted",
        "deflate64",
        "lzma",
        "zstd",
        "bzip2",
        "split",
        "first part of a split one",
    ],
)
def test_an_archive_that_lies_or_is_broken_is_refused_and_leaves_nothing(
    unpacking: Unpacking, data: bytes, said: str
) -> None:
    message = unpacking.refused(data)
    assert any(part in message for part in said.split("|"))


@pytest.mark.parametrize(
    "data",
    [gzip.compress(CSV)[:-3], gzip.compress(CSV) + b"junk", gzip.compress(CSV)[:-8] + bytes(8)],
    ids=["truncated", "data after it", "checksum"],
)
def test_a_broken_gzip_is_refused_and_leaves_nothing(unpacking: Unpacking, data: bytes) -> None:
    unpacking.refused(data, name="d.csv.gz", compression=Compression.GZIP)


def test_a_stored_zip_inside_a_zip_is_no_second_end(unpacking: Unpacking) -> None:
    data = zip_of([Entry(b"a.csv", CSV), Entry(b"in.zip", plain_zip({"x.csv": CSV}))])
    assert names(unpacking(data)) == ["a.csv", "in.zip/x.csv"]
