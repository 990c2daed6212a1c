"""Reads csv files: any encoding, any one-character separator, points from two columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from ...counters import Counters
from ...errors import ConvertError
from ...sources.model import Conform
from ..batch import Batch, Points
from ..task import Limits
from .cells import in_batches, tidy
from .coordinates import points_from_cells
from .csv_blocks import CsvBlocks, Rows
from .csv_header import Header, missing_columns, read_header
from .csv_text import CsvText

BAD_COORDINATES = "rows/dropped/bad-coordinates"


class CsvReader:
    """A csv file whose header has been read. See `Reader` for the promises."""

    missing_is_empty = False
    remarks: tuple[str, ...] = ()

    def __init__(
        self,
        text: CsvText,
        blocks: Iterator[bytes],
        header: Header,
        conform: Conform,
        limits: Limits,
        counters: Counters,
    ) -> None:
        """`header` has all that was read so far, `blocks` gives what follows of `text`."""
        assert conform.lat is not None
        assert conform.lon is not None
        self.columns = header.columns
        self.crs: str | None = conform.srs or "EPSG:4326"
        self.counters = counters
        self._text = text
        self._blocks = blocks
        self._header = header
        self._separator = conform.csvsplit
        self._lat, self._lon = conform.lat, conform.lon
        self._limits = limits

    def batches(self, wanted: frozenset[str]) -> Iterator[Batch]:
        """Yields the rows with their points. Raises ConvertError."""
        return in_batches(self._frames(wanted | {self._lat, self._lon}), self._limits.rows)

    def _frames(self, wanted: frozenset[str]) -> Iterator[Batch]:
        names = {str(i): name for i, name in enumerate(self.columns) if name in wanted}
        indices = [int(i) for i in names]
        parser = CsvBlocks(self._separator, len(self.columns), indices, self.counters, line=self._header.line)
        for rows in parser.rows(self._remaining()):
            rows.frame.columns = list(names.values())
            yield self._batch(rows)
        self._text.judge(self.counters["rows/read"])

    def _remaining(self) -> Iterator[bytes]:
        if self._header.rest:
            yield self._header.rest
        yield from self._blocks

    def _batch(self, rows: Rows) -> Batch:
        text = rows.frame
        points, keep = points_from_cells(text, self._lon, self._lat)
        if not keep.all():
            self.counters.add(BAD_COORDINATES, int((~keep).sum()))
            text = text.filter(pl.Series(keep))
            points = Points(points.x[keep], points.y[keep])
        if rows.longest > self._limits.cell_chars:
            text = tidy(text, self._limits.cell_chars, self.counters, returns=False)
        return Batch(text, points)


def open_csv(path: Path, conform: Conform, limits: Limits) -> CsvReader:
    """Opens a csv and reads its header.

    Raises ConvertError where the conform lacks `lat` or `lon`, the file lacks those columns, or there is no header.
    """
    if not conform.lat or not conform.lon:
        absent = " and ".join(tag for tag in ("lat", "lon") if not getattr(conform, tag))
        raise ConvertError(
            f"a csv needs the columns of its coordinates, and the conform has no {absent}",
            cure="set lat and lon to the names of the columns with northing and easting",
            place="conform",
        )
    if len(conform.csvsplit) != 1 or conform.csvsplit in '"\r\n':
        raise ConvertError(
            f"csvsplit {conform.csvsplit!r} is not one character that can part cells",
            cure="set csvsplit to one character, such as ;",
            place="conform.csvsplit",
        )
    counters = Counters()
    text = CsvText(path, conform.encoding, counters)
    blocks = text.blocks()
    header = read_header(blocks, conform)
    wrong = missing_columns({"lat": conform.lat, "lon": conform.lon}, header, conform.csvsplit)
    if wrong is not None:
        raise wrong
    return CsvReader(text, blocks, header, conform, limits, counters)
