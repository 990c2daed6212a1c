"""What a file is, by its first bytes. A name or a content type is only ever what somebody said."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

from ..errors import ConvertError

HEAD = 64 * 1024


class Kind(StrEnum):
    """What a file holds; the value is how a message names it."""

    EMPTY = "an empty file"
    ZIP = "a zip archive"
    WORKBOOK = "an Excel workbook"
    DOCUMENT = "a Word document"
    GZIP = "a gzip file"
    TAR = "a tar archive"
    RAR = "a RAR archive"
    SEVEN_ZIP = "a 7z archive"
    BZIP2 = "a bzip2 file"
    XZ = "an xz file"
    ZSTD = "a zstd file"
    GPKG = "a GeoPackage"
    SQLITE = "an SQLite database"
    ACCESS = "an Access database"
    SHP = "the geometry part of a shapefile"
    DBF = "a dBase table"
    PDF = "a PDF document"
    HTML = "HTML"
    GML = "GML"
    KML = "KML"
    XML = "XML"
    VRT = "a GDAL virtual file"
    GDALG = "a GDAL pipeline"
    JSON = "JSON"
    TEXT = "text"
    BINARY = "binary data"


_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"PK\x03\x04", Kind.ZIP),
    (b"PK\x05\x06", Kind.ZIP),
    (b"PK\x07\x08", Kind.ZIP),  # first part of a split one
    (b"PK00PK", Kind.ZIP),
    (b"\x1f\x8b", Kind.GZIP),
    (b"Rar!\x1a\x07", Kind.RAR),
    (b"7z\xbc\xaf\x27\x1c", Kind.SEVEN_ZIP),
    (b"BZh", Kind.BZIP2),
    (b"\xfd7zXZ\x00", Kind.XZ),
    (b"\x28\xb5\x2f\xfd", Kind.ZSTD),
    (b"SQLite format 3\x00", Kind.SQLITE),
    (b"\x00\x01\x00\x00Standard ", Kind.ACCESS),
    (b"%PDF-", Kind.PDF),
    (b"\x00\x00\x27\x0a", Kind.SHP),
)
_GPKG_IDS = (b"GPKG", b"GP10", b"GP11")
_DBF_VERSIONS = frozenset(b"\x02\x03\x04\x05\x30\x31\x32\x83\x8b\x8e\xf5\xfb")
_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}

# Atomic, because a page of a thousand comments must not take a thousand times as long.
_HTML = re.compile(
    r"\A(?>\s+|<\?xml[^>]*>|<!--.*?(?:-->|\Z))*+<(?:!doctype\s+html|html|head|body|script|title|meta|center)\b",
    re.I | re.S,
)
_TITLE = re.compile(r"<title[^<>]{0,200}>([^<]{0,1000})", re.I)
_XML_KINDS: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"<OGRVRTDataSource\b|<VRTDataset\b", re.I), Kind.VRT),
    (re.compile(r"<(?:\w+:)?kml\b|opengis\.net/kml|earth\.google\.com/kml", re.I), Kind.KML),
    (re.compile(r"<(?:xs|xsd)?:?schema\b|<GMLFeatureClassList\b"), Kind.XML),
    (re.compile(r"opengis\.net/gml|<gml:|<(?:\w+:)?FeatureCollection\b", re.I), Kind.GML),
)
_OFFICE = re.compile(rb"\[Content_Types\]\.xml|xl/workbook|xl/_rels|word/document|docProps/(?:app|core)\.xml")
_GDALG = re.compile(r'"type"\s*:\s*"gdal_streamed_alg"')
_JSON = re.compile(r'\A[\s\x1e]*(?:\{\s*(?:"|\}|\Z)|\[\s*(?:[\[{\]]|\Z))')


def sniff(path: Path) -> Kind:
    """What the file at `path` holds."""
    with path.open("rb") as file:
        kind = sniff_bytes(file.read(HEAD))
        return Kind.BINARY if kind is Kind.EMPTY and file.read(1) else kind


def sniff_bytes(head: bytes) -> Kind:
    """What a file that begins with `head` holds."""
    if not head.strip(b"\x00\t\r\n \xef\xbb\xbf"):
        return Kind.EMPTY
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return _REFINED[kind](head) if kind in _REFINED else kind
    if head[257:262] == b"ustar":
        return Kind.TAR
    text = _text(head)
    if text is None:
        return Kind.DBF if _looks_like_dbf(head) else Kind.BINARY
    return _text_kind(text)


def html_title(path: Path) -> str:
    """The title of a web page, on one line, cut to a readable length; "" where it has none."""
    with path.open("rb") as file:
        text = _text(file.read(HEAD)) or ""
    found = _TITLE.search(text)
    title = " ".join(html.unescape(found.group(1)).split()) if found else ""
    title = "".join(c for c in title if c.isprintable())
    return title if len(title) <= 120 else title[:119] + "…"


def refuse_html(path: Path, place: str) -> None:
    """Raises ConvertError that quotes the title when a web page came instead of data."""
    if sniff(path) is Kind.HTML:
        raise ConvertError(
            f"got HTML: {html_title(path) or 'a page without a title'}",
            place=place,
            cure="the address gives a web page, not the data; point `data` at the file that the page links to",
        )


def _text(head: bytes) -> str | None:
    """The text that `head` begins, or None where it cannot be text in any encoding that sources use."""
    wide = _UTF16.get(head[:2])
    if wide:
        return head[2:].decode(wide, "replace")
    head = head.removeprefix(b"\xef\xbb\xbf")
    if b"\x00" in head[:4096]:
        return None
    return head.decode("latin-1")


def _text_kind(text: str) -> Kind:
    if _HTML.match(text):
        return Kind.HTML
    if text.lstrip().startswith("<"):  # a csv may begin so too: "<id>;<name>"
        declared = Kind.XML if text.lstrip().startswith(("<?xml", "<!")) else Kind.TEXT
        return next((kind for pattern, kind in _XML_KINDS if pattern.search(text[:8192])), declared)
    if _JSON.match(text):
        return Kind.GDALG if _GDALG.search(text) else Kind.JSON
    return Kind.TEXT


def _looks_like_dbf(head: bytes) -> bool:
    header = int.from_bytes(head[8:10], "little")
    return len(head) >= 32 and head[0] in _DBF_VERSIONS and header >= 33 and head[2] in range(1, 13)


def _office(head: bytes) -> Kind:
    first = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    if first == b"mimetype" and b"opendocument.spreadsheet" in head[:200]:
        return Kind.WORKBOOK
    if first.startswith((b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/", b"word/")) and _OFFICE.search(head):
        return Kind.WORKBOOK if b"xl/" in head else Kind.DOCUMENT
    return Kind.ZIP


def _sqlite(head: bytes) -> Kind:
    return Kind.GPKG if head[68:72] in _GPKG_IDS else Kind.SQLITE


_REFINED: Mapping[Kind, Callable[[bytes], Kind]] = {Kind.ZIP: _office, Kind.SQLITE: _sqlite}
