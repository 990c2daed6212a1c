"""The zip of the original machine: csv, vrt, README and a summary by tenths of a degree. Addresses only.

Every member stands under the source's full path, so that a collection copies them all as they are. Cells are published
unchanged: a text that a spreadsheet would take for a formula is still the text that the publisher wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

import polars as pl

from ...sources.licence import said
from ...zips.members import Deflating, append_bytes, append_deflated
from ...zips.vrt import points_vrt, summary_vrt
from ..batch import Points
from ..task import Output
from .block import Block
from .sinks import CHUNK, described, text_bytes
from .summary import SpatialSummary

COLUMNS = ("number", "street", "unit", "city", "district", "region", "postcode", "id")
HEADER = ",".join(("LON", "LAT", *COLUMNS, "HASH")).upper() + "\r\n"
_QUOTED = '[",\r\n]'


@dataclass(frozen=True, slots=True)
class Readme:
    """What the README says; empty texts become `Unknown`."""

    source: str
    name: str
    website: str = ""
    licence: str = ""

    def text(self) -> bytes:
        """Without a date: the same data gives the same bytes."""
        return (
            f"Addresses of {self.source} ({self.name}), collected by OpenAddresses.\n\n"
            f"Website: {said(self.website)}\n"
            f"License: {said(self.licence)}\n\n"
            "The csv is UTF-8. LON and LAT are WGS 84 degrees. Cells are as published at the source, also those\n"
            "that begin with =, +, - or @: open the file as data, not as a sheet that calculates.\n"
        ).encode()


class CsvZipWriter:
    """Writes `{last part of base}.zip`; rows without a usable place are left out."""

    def __init__(self, folder: Path, base: str, readme: Readme) -> None:
        """`base` is a relative path with `/`, the members' names without their endings."""
        path = PurePosixPath(base)
        if path.is_absolute() or not path.name or ".." in path.parts or "\\" in base:
            raise ValueError(f"{base!r} cannot name members of a zip")
        self._base, self._readme = path, readme
        self._path = folder / f"{path.name}.zip"
        self._spool = folder / f".{path.name}.csv.deflated"
        self._file = self._spool.open("wb")
        self._deflating = Deflating()
        self._summary = SpatialSummary()
        self._rows = 0
        self._file.write(self._deflating.pack(HEADER.encode()))

    def write(self, block: Block) -> None:
        """The block's usable rows."""
        rows = block.located.usable
        count = int(rows.sum())
        points = block.located.geometry
        if not count or not isinstance(points, Points) or block.points is None:
            return
        self._file.write(self._deflating.pack(text_bytes(_csv_lines(block, block.points))))
        self._summary.add(points.x[rows], points.y[rows])
        self._rows += count

    def close(self) -> Output:
        """Puts the archive together."""
        self._file.write(self._deflating.end())
        self._file.close()
        base, name = str(self._base), self._base.name
        with ZipFile(self._path, "w") as archive:
            append_bytes(archive, "README.txt", self._readme.text())
            append_bytes(archive, f"{base}.vrt", points_vrt(name))
            append_deflated(
                archive,
                f"{base}.csv",
                _chunks(self._spool),
                crc=self._deflating.crc,
                size=self._deflating.size,
                packed_size=self._spool.stat().st_size,
            )
            append_bytes(archive, f"summary/{base}-summary.csv", self._summary.as_csv())
            append_bytes(archive, f"summary/{base}-summary.vrt", summary_vrt(f"{name}-summary"))
        self._spool.unlink()
        return described(self._path, self._rows)

    def abort(self) -> None:
        """Removes the archive and its parts."""
        self._file.close()
        self._spool.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)


def _csv_lines(block: Block, points: pl.DataFrame) -> pl.Series:
    """Python's csv in its default dialect: CRLF, quotes only where they are needed."""
    rows = block.located.usable
    frame = points.with_columns(*(block.attributes[n] for n in COLUMNS), block.hashes.alias("h"))
    if not rows.all():
        frame = frame.filter(pl.Series(rows))
    # On the earth, seven decimals have at most ten digits; the twelve significant ones are the same without ".0".
    cells = [pl.col("x", "y").str.strip_suffix(".0")]
    for name in COLUMNS:
        cell = pl.col(name)
        if name in block.odd:
            quoted = pl.concat_str(pl.lit('"'), cell.str.replace_all('"', '""', literal=True), pl.lit('"'))
            cell = pl.when(cell.str.contains(_QUOTED)).then(quoted).otherwise(cell)
        cells.append(cell.fill_null("") if frame[name].null_count() else cell)
    line = pl.concat_str([*cells, pl.concat_str(pl.col("h"), pl.lit("\r\n"))], separator=",")
    return frame.select(line.alias("lines")).to_series()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as held:
        while data := held.read(CHUNK):
            yield data
