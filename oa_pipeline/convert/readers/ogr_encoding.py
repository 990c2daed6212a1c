"""In which encoding the text of a shapefile is written, by all that may say so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import ConvertError

_CPG_BYTES = 256
_HIGH = re.compile(rb"[\x80-\xff]+")
_NUMBER = re.compile(r"(?:ansi|oem|cp|ibm|windows|ms|mswin|x-windows)?[\s_-]*(\d{3,5})")
_ISO = re.compile(r"iso[\s_-]*8859[\s_-]*(\d{1,2})|8859[\s_-]?(\d{1,2})")
# Code page numbers that Python does not know as cp<number>.
_PAGES: Mapping[int, str] = {
    65001: "utf-8",
    54936: "gb18030",
    20866: "koi8-r",
    21866: "koi8-u",
    51932: "euc-jp",
    51949: "euc-kr",
    10000: "mac-roman",
    10006: "mac-greek",
    10007: "mac-cyrillic",
    10029: "mac-latin2",
    10081: "mac-turkish",
    **{28590 + part: f"iso8859-{part}" for part in range(1, 17) if part != 12},
}
# The language byte of a dBase header, by code page.
_LANGUAGE: Mapping[str, tuple[int, ...]] = {
    "cp437": (1, 9, 11, 13, 15, 17, 21, 24, 25, 27),
    "cp850": (2, 10, 14, 16, 18, 20, 22, 26, 29, 37, 55),
    "cp1252": (3, 88, 89),
    "iso8859-1": (87,),
    "mac-roman": (4,),
    "cp865": (8, 23, 102),
    "cp863": (28, 108),
    "cp852": (31, 34, 35, 64, 100, 135),
    "cp860": (36,),
    "cp866": (38, 101),
    "cp861": (103,),
    "cp737": (106, 134),
    "cp857": (107, 136),
    "cp932": (19, 123),
    "cp936": (77, 122),
    "cp949": (78, 121),
    "cp950": (79, 120),
    "cp874": (80, 124),
    "mac-cyrillic": (150,),
    "mac-latin2": (151,),
    "mac-greek": (152,),
    "cp1250": (200,),
    "cp1251": (201,),
    "cp1254": (202,),
    "cp1253": (203,),
    "cp1257": (204,),
}
_BY_BYTE: Mapping[int, str] = {byte: codec for codec, found in _LANGUAGE.items() for byte in found}


@dataclass(frozen=True, slots=True)
class Encoding:
    """A Python codec, and who says so: for messages, and because only the tag is the contributor's to change."""

    codec: str
    origin: str


UNICODE = Encoding("utf-8", "the format")


def shapefile_encoding(path: Path, tag: str | None) -> Encoding:
    """A .cpg that can be understood wins, then the `encoding` tag, then the dbf's language byte, then ISO-8859-1.

    Raises ConvertError for a tag that is needed and names no encoding.
    """
    declared = _declared(path.with_suffix(".cpg"))
    if declared:
        return Encoding(declared, "its .cpg")
    if tag:
        codec = known(tag)
        if codec is None:
            raise ConvertError(f"unknown encoding {tag!r}", place="conform.encoding", cure='for example "CP1252"')
        return Encoding(codec, "`encoding`")
    with path.with_suffix(".dbf").open("rb") as file:
        codec = _BY_BYTE.get((file.read(30) + bytes(30))[29])
    return Encoding(codec, "the dbf's language byte") if codec else Encoding("iso8859-1", "the default")


def known(name: str) -> str | None:
    """The Python codec that `name` means, however publishers spell it; None where it is no text encoding."""
    spelt = name.strip().strip("\x00\ufeff").casefold()
    iso, number = _ISO.fullmatch(spelt), _NUMBER.fullmatch(spelt)
    if iso:
        spelt = f"iso8859-{iso.group(1) or iso.group(2)}"
    elif number:
        page = int(number.group(1))
        spelt = _PAGES.get(page, f"cp{page}")
    try:
        "".encode(spelt)
    except (LookupError, UnicodeError, ValueError):
        return None
    return spelt.replace("_", "-")


def likely_codec(samples: list[bytes]) -> str:
    """What the bytes look like: accents come alone, the characters of East Asia in words."""
    words = [word for sample in samples for word in _HIGH.findall(sample)]
    wide = sum(map(len, words)) >= 3 * len(words)
    for codec in ("utf-8", "cp949", "gbk", "cp932") if wide else ("utf-8", "cp1252"):
        try:
            for sample in samples:
                sample.decode(codec)
        except UnicodeDecodeError:
            continue
        return codec
    return "several encodings"


def _declared(cpg: Path) -> str | None:
    try:
        with cpg.open("rb") as file:
            text = file.read(_CPG_BYTES)
    except FileNotFoundError:
        return None
    return known(text.decode("latin-1").removeprefix("ï»¿").split("\n")[0]) if text.strip() else None
