"""XML is looked through before GDAL reads it: of a file that breaks off, GDAL gives fewer rows and no complaint."""

from __future__ import annotations

from pathlib import Path
from xml.parsers import expat

from ...errors import ConvertError

_CHUNK = 1024 * 1024
_UNREADABLE = (
    expat.errors.codes[expat.errors.XML_ERROR_UNKNOWN_ENCODING],
    expat.errors.codes[expat.errors.XML_ERROR_INCORRECT_ENCODING],
)


def check_well_formed(path: Path) -> None:
    """Raises ConvertError with the line where the XML at `path` ends too early or is damaged.

    Reads nothing but this file and keeps nothing of it. Encodings that only GDAL may know are left to it.
    """
    parser = expat.ParserCreate()
    try:
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        if error.code in _UNREADABLE:
            return
        raise ConvertError(
            f"the XML is damaged at line {error.lineno:,}: {expat.ErrorString(error.code)}",
            place=path.name,
            cure="ask the publisher for a complete file",
        ) from None
