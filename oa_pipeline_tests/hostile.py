"""Archives and files that mean harm or are broken, made when a test needs them. Nothing of this is ever committed."""

from __future__ import annotations

import io
import json
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_LOCAL = "<4s5H3I2H"
_CENTRAL = "<4s6H3I5H2I"
_END = "<4s4H2IH"


@dataclass
class Entry:
    """One member of a zip, with every fact of both its headers; `local_*` differ only where a test says so."""

    name: bytes
    data: bytes = b"n\n1\n"
    flags: int = 0
    method: int = 0
    mode: int = 0
    extra: bytes = b""
    size: int | None = None
    crc: int | None = None
    local_name: bytes | None = None
    local_size: int | None = None
    offset: int | None = None
    listed: bool = True

    @property
    def packed(self) -> bytes:
        """The bytes as they lie in the archive."""
        return deflated(self.data) if self.method == 8 else self.data

    def facts(self) -> tuple[int, int, int]:
        """Checksum, packed and unpacked size."""
        crc = zlib.crc32(self.data) if self.crc is None else self.crc
        return crc, len(self.packed), len(self.data) if self.size is None else self.size


def deflated(data: bytes) -> bytes:
    """Raw deflate."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def zip_of(
    entries: Sequence[Entry], *, before: bytes = b"", after: bytes = b"", comment: bytes = b"", count: int | None = None
) -> bytes:
    """A zip of `entries`, byte by byte, so that it can be wrong in any way."""
    body, directory, listed = bytearray(before), bytearray(), 0
    for entry in entries:
        crc, packed, size = entry.facts()
        name = entry.name if entry.local_name is None else entry.local_name
        offset = len(body) if entry.offset is None else entry.offset
        local_size = size if entry.local_size is None else entry.local_size
        if entry.offset is None:
            body += struct.pack(
                _LOCAL, b"PK\3\4", 20, entry.flags, entry.method, 0, 33, crc, packed, local_size, len(name), 0
            )
            body += name + entry.packed
        if entry.listed:
            listed += 1
            numbers = (20, 20, entry.flags, entry.method, 0, 33, crc, packed, size, len(entry.name), len(entry.extra))
            directory += struct.pack(_CENTRAL, b"PK\1\2", *numbers, 0, 0, 0, entry.mode << 16, offset)
            directory += entry.name + entry.extra
    count = listed if count is None else count
    end = struct.pack(_END, b"PK\5\6", 0, 0, count & 0xFFFF, count & 0xFFFF, len(directory), len(body), len(comment))
    return bytes(body + directory + end + comment + after)


def plain_zip(members: dict[str, bytes]) -> bytes:
    """An honest zip."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return held.getvalue()


def nested_zip(depth: int, name: str = "data.csv", data: bytes = b"n\n1\n") -> bytes:
    """A file in `depth` zips."""
    for level in range(depth):
        name, data = f"{level}.zip", plain_zip({name: data})
    return data


def bomb(mebibytes: int) -> Entry:
    """A member of zeros that swells about a thousandfold."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = bytes(1024 * 1024)
    packed, crc = b"", 0
    for _ in range(mebibytes):
        packed += packer.compress(piece)
        crc = zlib.crc32(piece, crc)
    packed += packer.flush()
    return _Packed(b"bomb.csv", packed, method=8, size=mebibytes * 1024 * 1024, crc=crc)


class _Packed(Entry):
    """An entry whose `data` is packed already."""

    @property
    def packed(self) -> bytes:
        return self.data


# ---- files that want GDAL to open something else ------------------------------------------------------


def vrt(target: str, layer: str = "secret") -> bytes:
    """A virtual file that reads `target`."""
    return (
        f'<OGRVRTDataSource><OGRVRTLayer name="{layer}"><SrcDataSource>{target}</SrcDataSource>'
        f"</OGRVRTLayer></OGRVRTDataSource>"
    ).encode()


def gdalg(target: str) -> bytes:
    """A pipeline that reads `target`."""
    return json.dumps({"type": "gdal_streamed_alg", "command_line": f"gdal vector pipeline ! read {target}"}).encode()


def virtual_table_gpkg(path: Path, target: Path) -> None:
    """Adds to the GeoPackage at `path` a table and a view that want to read `target`."""
    base = sqlite3.connect(path)
    base.execute("PRAGMA writable_schema = 1")
    base.execute(
        "INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) VALUES ('table', 'stolen', 'stolen', 0, ?)",
        (f"CREATE VIRTUAL TABLE stolen USING VirtualOGR('{target}')",),
    )
    base.execute(
        "INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) VALUES ('view', 'seen', 'seen', 0, ?)",
        (f"CREATE VIEW seen AS SELECT readfile('{target}') AS text, load_extension('{target}') AS extension",),
    )
    for table in ("stolen", "seen"):
        base.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES (?, 'attributes', ?)", (table, table)
        )
    base.commit()
    base.close()


def gml(features: str, *, prologue: str = "", schema: str = "") -> bytes:
    """A GML file around `features`."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>{prologue}'
        '<ogr:FeatureCollection xmlns:ogr="http://ogr.maptools.org/" xmlns:gml="http://www.opengis.net/gml"'
        ' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f"{schema}>{features}</ogr:FeatureCollection>"
    ).encode()


def gml_feature(fields: str, x: float = 1, y: float = 2) -> str:
    """One member with a point."""
    return (
        f'<gml:featureMember><ogr:t fid="t.0"><ogr:geometryProperty><gml:Point srsName="EPSG:4326">'
        f"<gml:coordinates>{x},{y}</gml:coordinates></gml:Point></ogr:geometryProperty>{fields}</ogr:t>"
        "</gml:featureMember>"
    )


def laughs() -> str:
    """Entities that would expand to gigabytes."""
    lines = ['<!ENTITY a0 "ha">']
    lines += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 11)]
    return f"<!DOCTYPE lolz [{''.join(lines)}]>"
