"""Checks on a shapefile's headers before GDAL is given it: a header that promises more than there is, is refused."""

from __future__ import annotations

import struct
from pathlib import Path

from ...errors import ConvertError

_SHX_HEADER = 100
_PRJ_BYTES = 64 * 1024
_CURE = "ask the publisher for a complete shapefile"


def check_shapefile(path: Path) -> None:
    """Raises ConvertError for parts that are missing, cut off, or absurd."""
    for part in (".shx", ".dbf"):
        if not path.with_suffix(part).is_file():
            raise ConvertError(
                f"the shapefile lacks its {part}", place=path.name, cure="point `data` at a zip of all its parts"
            )
    _check_dbf(path.with_suffix(".dbf"))
    _check_shx(path.with_suffix(".shx"), path)
    prj = path.with_suffix(".prj")
    if prj.exists():
        _check_prj(prj)


def field_names(dbf: Path) -> tuple[bytes, ...]:
    """The columns' names as they are in the header of a dBase table."""
    with dbf.open("rb") as file:
        head = file.read(32)
        fields = file.read(max(0, _header_length(head) - 32))
    names: list[bytes] = []
    for at in range(0, len(fields) - 31, 32):
        if fields[at] == 0x0D:
            break
        names.append(fields[at : at + 11].split(b"\x00")[0].strip())
    return tuple(names)


def _header_length(head: bytes) -> int:
    return int.from_bytes(head[8:10], "little")


def _check_prj(prj: Path) -> None:
    """Names with accents are often written in Latin-1, which the reader does not take: they become UTF-8 in place."""
    if prj.stat().st_size > _PRJ_BYTES:
        raise ConvertError(
            f"the .prj has {prj.stat().st_size:,} bytes", place=prj.name, cure='drop it and give "srs": "EPSG:..."'
        )
    said = prj.read_bytes()
    try:
        said.decode()
    except UnicodeDecodeError:
        prj.write_text(said.decode("iso8859-1"), "utf-8")


def _check_dbf(dbf: Path) -> None:
    with dbf.open("rb") as file:
        head = file.read(32)
    if len(head) < 32 or _header_length(head) < 33:
        raise ConvertError("the .dbf has no header", place=dbf.name, cure=_CURE)
    count, length, width = struct.unpack_from("<IHH", head, 4)
    promised = length + count * width
    there = dbf.stat().st_size
    if promised > there + 1:  # the end mark may be missing
        raise ConvertError(
            f"the .dbf promises {count:,} rows of {width:,} bytes and has {there:,} bytes", place=dbf.name, cure=_CURE
        )


def _check_shx(shx: Path, shp: Path) -> None:
    """The last record that the index names must end within the geometry file."""
    size = shx.stat().st_size
    there = shp.stat().st_size
    if size < _SHX_HEADER or there < _SHX_HEADER:
        raise ConvertError("the .shp or .shx has no header", place=shp.name, cure=_CURE)
    count = (size - _SHX_HEADER) // 8
    if count == 0:
        return
    with shx.open("rb") as file:
        file.seek(_SHX_HEADER + (count - 1) * 8)
        offset, length = struct.unpack(">II", file.read(8))
    if (offset + length) * 2 > there:
        raise ConvertError(
            f"the .shp is cut off: {there:,} bytes, and its index says {(offset + length) * 2 + 8:,}",
            place=shp.name,
            cure=_CURE,
        )
