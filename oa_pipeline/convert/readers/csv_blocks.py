"""Blocks of csv text as frames, with exactly the rows that Python's csv module gives.

Most text is plain: each quote opens or closes a whole cell. For such text numpy finds the rows, empty lines and rows
with too many cells are cut out, and polars splits the rest. Text with quotes anywhere else goes through Python's csv,
block by block; as every block ends where a record ends, the next one starts clean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from ...counters import Counters
from ...errors import ConvertError
from . import csv_bits
from .csv_rows import ends_inside_quotes, physical_lines, python_rows

RECORD_BYTES = 16 * 1024 * 1024
TOO_MANY = "rows/dropped/too-many-cells"
UNCLOSED = "text/unclosed-quotes"
_LF, _QUOTE = 10, 34
# What polars strips from the front of a text, and what makes it take the text for one that is packed by zlib.
_TAKEN_AMISS = ("\ufeff".encode(), b"x")


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where the rows of a plain block are: row i lies at `starts[i]:ends[i]` and has `cells[i]` cells.

    They take the first `used` bytes, which have `lines` line ends.
    """

    starts: np.ndarray
    ends: np.ndarray
    cells: np.ndarray
    used: int
    lines: int


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one block. None of their cells has more than `longest` bytes."""

    frame: pl.DataFrame
    longest: int


class CsvBlocks:
    """Turns blocks of UTF-8 into frames of the columns at `indices`, named by their numbers in the file."""

    def __init__(self, separator: str, width: int, indices: list[int], counters: Counters, *, line: int) -> None:
        """`width` is the number of columns; `line` is the number of the first line, for messages."""
        self._separator = separator
        # A separator outside ASCII is several bytes: the fast path, which looks at bytes, is not for it.
        self._byte = ord(separator) if separator.isascii() and separator not in '"\n' else None
        self._width = width
        self._indices = indices
        self._counters = counters
        self._line = line
        self._schema = {str(i): pl.String() for i in range(width)}
        # polars counts columns in the first row: where that one will not do, it is given a row of our own.
        cell = "a" if separator != "a" else "b"
        self._model = (cell + separator * (width - 1) + "\n").encode()

    def rows(self, blocks: Iterator[bytes]) -> Iterator[Rows]:
        """The rows of each block that holds whole records. Raises ConvertError for a record beyond all reason."""
        held = b""
        for block in blocks:
            data = held + block
            made, used, lines = self._parse(data, last=False)
            held = data[used:]
            self._line += lines
            if len(held) > RECORD_BYTES:
                raise ConvertError(
                    f"the record that begins in line {self._line} has not ended after {RECORD_BYTES >> 20} MiB",
                    cure="a quote is probably opened and never closed there; ask the publisher to mend the file",
                    place=f"line {self._line}",
                )
            if made is not None:
                yield made
        if held:
            made, _, _ = self._parse(held, last=True)
            if made is not None:
                yield made

    def _parse(self, data: bytes, *, last: bool) -> tuple[Rows | None, int, int]:
        """The rows of the whole records in `data`, the bytes that those take, and the line ends among these."""
        plan = None if self._byte is None else self._plan(data, last=last)
        if plan is not None:
            return (self._quickly(data, plan) if len(plan.starts) else None), plan.used, plan.lines
        cut = len(data) if last else data.rfind(b"\n") + 1
        if cut == 0:
            return None, 0, 0
        frame, used = self._slowly(data[:cut], last=last)
        return (None if frame is None else Rows(frame, used)), used, data.count(b"\n", 0, used)

    # ---- plain text -------------------------------------------------------------------------------

    def _plan(self, data: bytes, *, last: bool) -> _Plan | None:
        """The rows of `data`, or None where a quote stands elsewhere than around a whole cell."""
        raw = np.frombuffer(data, np.uint8)
        feeds = lines = csv_bits.bits(raw == _LF)
        cells = csv_bits.bits(raw == self._byte)
        quotes = inside = np.zeros_like(lines)
        if b'"' in data:
            quotes = csv_bits.bits(raw == _QUOTE)
            inside = csv_bits.odd(quotes)
            lines, cells = lines & ~inside, cells & ~inside
        ends = csv_bits.positions(lines)
        if last and (not len(ends) or ends[-1] != len(data) - 1):
            ends = np.append(ends, len(data))
        if not len(ends):
            return _Plan(ends, ends, ends, 0, 0)
        used = min(int(ends[-1]) + 1, len(data))
        if not _clean(csv_bits.first(quotes, used), inside, lines | cells, used):
            return None
        starts = np.concatenate(([0], ends[:-1] + 1))
        widths = np.diff(csv_bits.counts_before(cells, ends), prepend=0) + 1
        return _Plan(starts, ends, widths, used, csv_bits.count(csv_bits.first(feeds, used)))

    def _quickly(self, data: bytes, plan: _Plan) -> Rows | None:
        full = plan.ends > plan.starts
        long = plan.cells > self._width
        keep = full & ~long
        dropped, rows = int(long.sum()), int(keep.sum())
        self._counters.add(TOO_MANY, dropped)
        self._counters.add("rows/read", rows + dropped)
        if not rows:
            return None
        text = data[: plan.used] if rows == len(keep) else _kept(data, plan, keep)
        short = int(plan.cells[int(np.argmax(keep))]) < self._width
        if short or text.startswith(_TAKEN_AMISS):
            frame = self._split(self._model + text).slice(1)
        else:
            frame = self._split(text)
        if len(frame) != rows:
            raise ConvertError(f"{rows} rows were expected near line {self._line} and {len(frame)} found")
        return Rows(frame, int((plan.ends - plan.starts).max()))

    def _split(self, text: bytes) -> pl.DataFrame:
        return pl.read_csv(
            text,
            has_header=False,
            separator=self._separator,
            quote_char='"' if b'"' in text else None,
            schema=self._schema,
            columns=self._indices,
            empty_string_is_null=False,
            infer_schema=False,
        )

    # ---- any text ---------------------------------------------------------------------------------

    def _slowly(self, data: bytes, *, last: bool) -> tuple[pl.DataFrame | None, int]:
        lines = physical_lines(data.decode())
        kept: list[list[str]] = []
        taken = long = 0
        final = ""
        for row in python_rows(lines, self._separator, last=last):
            final = "".join(lines[taken : taken + row.lines]) if last and taken + row.lines == len(lines) else ""
            taken += row.lines
            if len(row.cells) > self._width:
                long += 1
            elif row.cells:
                kept.append(row.cells)
        used = len(data) - sum(len(line.encode()) for line in lines[taken:])
        if final and ends_inside_quotes(final, self._separator):
            self._counters.add(UNCLOSED)
        self._counters.add(TOO_MANY, long)
        self._counters.add("rows/read", long + len(kept))
        if not kept:
            return None, used
        columns = {str(i): [row[i] if i < len(row) else "" for row in kept] for i in self._indices}
        return pl.DataFrame(columns, schema={str(i): pl.String for i in self._indices}), used


def _clean(quotes: np.ndarray, inside: np.ndarray, edges: np.ndarray, used: int) -> bool:
    """Whether every quote opens or closes a whole cell, or is one of two that stand for one inside.

    All in bits: `edges` are the separators and line ends outside of quotes; none of `quotes` is behind `used`.
    """
    if not quotes.any():
        return True
    if csv_bits.count(quotes) % 2:
        return False
    opening, closing = quotes & inside, quotes & ~inside
    may_open = csv_bits.following(edges | closing)
    may_open[0] |= np.uint64(1)
    may_close = csv_bits.preceding(edges | opening)
    may_close[(used - 1) >> 6] |= np.uint64(1 << (used - 1 & 63))
    return not ((opening & ~may_open).any() or (closing & ~may_close).any())


def _kept(data: bytes, plan: _Plan, keep: np.ndarray) -> bytes:
    """The rows of `keep`, joined: neighbours are cut out together."""
    edges = np.flatnonzero(np.diff(keep.astype(np.int8), prepend=0, append=0))
    firsts, lasts = edges[0::2], edges[1::2] - 1
    pieces = [data[plan.starts[a] : plan.ends[b] + 1] for a, b in zip(firsts, lasts, strict=True)]
    return b"".join(pieces)
