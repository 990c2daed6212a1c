from __future__ import annotations

from pathlib import Path

import pytest

from oa_pipeline.convert.readers.ogr_encoding import known, shapefile_encoding
from oa_pipeline.errors import ConvertError


def shapefile(folder: Path, *, language: int = 0, cpg: bytes | None = None) -> Path:
    (folder / "d.dbf").write_bytes(bytes(29) + bytes([language]) + bytes(2))
    if cpg is not None:
        (folder / "d.cpg").write_bytes(cpg)
    return folder / "d.shp"


@pytest.mark.parametrize(
    ("cpg", "tag", "language", "codec", "origin"),
    [
        (b"UTF-8", "cp1252", 0x57, "utf-8", "its .cpg"),
        (b"1251\r\n", None, 0, "cp1251", "its .cpg"),
        (b"\xef\xbb\xbfUTF-8", None, 0, "utf-8", "its .cpg"),
        (b"no such thing", "cp949", 0x57, "cp949", "`encoding`"),
        (b"", "cp949", 0x57, "cp949", "`encoding`"),
        (None, "EUCKR", 0x57, "euckr", "`encoding`"),
        (None, None, 0xC9, "cp1251", "the dbf's language byte"),
        (None, None, 0x57, "iso8859-1", "the dbf's language byte"),
        (None, None, 0x7B, "cp932", "the dbf's language byte"),
        (None, None, 0, "iso8859-1", "the default"),
        (None, None, 0xFF, "iso8859-1", "the default"),
    ],
)
def test_the_cpg_wins_then_the_tag_then_the_language_byte_then_latin(
    tmp_path: Path, cpg: bytes | None, tag: str | None, language: int, codec: str, origin: str
) -> None:
    found = shapefile_encoding(shapefile(tmp_path, language=language, cpg=cpg), tag)
    assert (found.codec, found.origin) == (codec, origin)


def test_a_tag_that_names_nothing_is_an_error_with_a_cure(tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="unknown encoding 'klingon'") as caught:
        shapefile_encoding(shapefile(tmp_path), "klingon")
    assert "CP1252" in caught.value.cure


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("UTF-8", "utf-8"),
        ("65001", "utf-8"),
        ("ANSI 1252", "cp1252"),
        ("OEM 437", "cp437"),
        ("CP1250", "cp1250"),
        ("windows-1253", "cp1253"),
        ("88592", "iso8859-2"),
        ("ISO 8859-15", "iso8859-15"),
        ("iso88599", "iso8859-9"),
        ("28605", "iso8859-15"),
        ("936", "cp936"),
        ("Big5", "big5"),
        ("SHIFT_JISX0213", "shift-jisx0213"),
        ("54936", "gb18030"),
        ("rot13", None),
        ("hex", None),
        ("99999", None),
        ("", None),
        ("\x00", None),
    ],
)
def test_publishers_spellings_are_understood_and_codecs_that_are_no_text_are_not(name: str, codec: str | None) -> None:
    assert known(name) == codec


def test_every_language_byte_names_a_codec_that_python_has() -> None:
    from oa_pipeline.convert.readers import ogr_encoding

    for codec in (*ogr_encoding._LANGUAGE, *ogr_encoding._PAGES.values()):
        assert known(codec) == codec
