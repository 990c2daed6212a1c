"""A result's csv, split by cell: block by block, each row's text as it was published with its source's name added."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import polars as pl
import pyarrow as pa

from ...convert.outputs.csvzip import HEADER
from .cells import ROWS, Cell, cell_of, number_of

BLOCK = 4 << 20
LONGEST_ROW = 64 << 20
TILE_HEADER = f"{HEADER.rstrip()},OA:Source\r\n".encode()
_QUOTE, _NEWLINE = ord('"'), ord("\n")


class BrokenCsv(ValueError):  # noqa: N818 - a fact about a file
    """The csv is not one of ours, or not whole."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one source in one cell, as lines of csv."""

    cell: Cell
    count: int
    text: bytes


def rows_by_cell(csv: IO[bytes], label: str, wanted: Collection[Cell] | None = None) -> Iterator[Rows]:
    """The csv's rows, in its own order within each cell; only those in the cells `wanted`, unless that is None.

    Memory depends on the block, not on the file. Raises BrokenCsv.
    """
    numbers = None if wanted is None else pl.Series([number_of(cell) for cell in wanted], dtype=pl.Int32)
    ending = f",{_quoted(label)}\r\n"
    for block, ends in _records(csv):
        frame = _frame(block, ends)
        if numbers is not None:
            frame = frame.filter(pl.col("cell").is_in(numbers.implode()))
        line = pl.concat_str(pl.col("line").str.strip_chars_end("\r\n"), pl.lit(ending))
        grouped = frame.group_by("cell", maintain_order=True).agg(pl.len(), line.str.join("").alias("text"))
        for number, count, text in grouped.iter_rows():
            yield Rows(cell_of(number), count, text.encode())


def _records(csv: IO[bytes]) -> Iterator[tuple[bytes, np.ndarray[Any, Any]]]:
    """Blocks of whole rows with where each row ends. A line break between quotes ends no row."""
    rest = _after_header(csv)
    while block := csv.read(BLOCK):
        data = rest + block
        raw = np.frombuffer(data, np.uint8)
        breaks, quotes = np.flatnonzero(raw == _NEWLINE), np.flatnonzero(raw == _QUOTE)
        ends = breaks[np.searchsorted(quotes, breaks) % 2 == 0] + 1
        if not len(ends):
            if len(data) > LONGEST_ROW:
                raise BrokenCsv(f"a row has more than {LONGEST_ROW:,} bytes")
            rest = data
            continue
        rest = data[ends[-1] :]
        yield data[: ends[-1]], ends
    if rest:
        raise BrokenCsv("it ends in the middle of a row")


def _after_header(csv: IO[bytes]) -> bytes:
    expected = HEADER.encode()
    found = csv.read(len(expected))
    if found != expected:
        raise BrokenCsv("its columns are not those of this version")
    return b""


def _frame(block: bytes, ends: np.ndarray[Any, Any]) -> pl.DataFrame:
    """The rows as text, and the number of the cell in which each lies."""
    offsets = np.concatenate(([0], ends)).astype(np.int64)
    lines = pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(block))
    try:
        lines.validate(full=True)
    except pa.ArrowInvalid as error:
        raise BrokenCsv("it is not UTF-8") from error
    frame = pl.DataFrame({"line": pl.from_arrow(lines)})
    place = pl.col("line").str.splitn(",", 3).struct
    frame = frame.with_columns(
        place.field("field_0").cast(pl.Float64, strict=False).alias("lon"),
        place.field("field_1").cast(pl.Float64, strict=False).alias("lat"),
    )
    on_earth = pl.col("lon").is_between(-180, 180) & pl.col("lat").is_between(-90, 90)
    if not frame.select(on_earth.fill_null(False).all()).item():
        raise BrokenCsv("a row has no place on the earth")
    # 180 and 90 belong to the last cell.
    across = pl.col("lon").floor().cast(pl.Int32).clip(upper_bound=179) + 180
    up = pl.col("lat").floor().cast(pl.Int32).clip(upper_bound=89) + 90
    return frame.select("line", cell=across * ROWS + up)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if set(text) & set('",\r\n') else text
