"""Rows put in the order of their places, of any number, in bounded memory.

Rows are spilled into a file as they come. Where they are too many to be sorted at once, the file is split along the
curve into ranges that are not, told by a histogram; a single square that is still too full is split once more, by the
finer half of the place. Rows of the same place stay in the order in which they came.

On disk lies each row once, and while a file is split, its rows twice: packed with lz4, about as much as its Parquet.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from .places import BITS

PLACE = "place"  # the column that rows are sorted by, as uint32
HALF = BITS // 2
SQUARES = 1 << HALF
AT_ONCE = 32 << 20  # bytes that are sorted in memory
WAITING = 32 << 20  # bytes that wait to be written
_PACKED = pa.ipc.IpcWriteOptions(compression="lz4")


class Sorter:
    """Takes tables with a column `place`, and gives them back in order."""

    def __init__(self, folder: Path, *, at_once: int = AT_ONCE) -> None:
        """Spills into this folder, which must be there."""
        self._folder = folder
        self._at_once = at_once
        self._names = itertools.count()
        self._all = self._file(shift=HALF)
        self.rows = 0

    def add(self, table: pa.Table) -> None:
        """Takes the table's rows."""
        if len(table):
            self.rows += len(table)
            self._all.add(table)
            if self._all.waiting >= WAITING:
                self._all.flush()

    def tables(self) -> Iterator[pa.Table]:
        """All rows in order, some thousands at a time. Once only: what was given is gone from the disk."""
        yield from self._sorted(self._all)

    def close(self) -> None:
        """Removes what lies on the disk."""
        for path in self._folder.glob("rows-*"):
            path.unlink()

    def _file(self, shift: int) -> _Spill:
        return _Spill(self._folder / f"rows-{next(self._names)}", shift)

    def _sorted(self, spill: _Spill) -> Iterator[pa.Table]:
        starts = [] if spill.size <= self._at_once or spill.shift < 0 else _ranges(spill.histogram(), self._at_once)
        if len(starts) > 1:
            for part in self._split(spill, starts):
                yield from self._sorted(part)
        elif spill.shift < 0:
            yield from spill.tables()  # all of one place
        else:
            # Slices that were dealt out are smaller on disk: it may be that all fits although it did not seem so.
            yield from _in_order(spill.tables())
        spill.remove()

    def _split(self, spill: _Spill, starts: list[int]) -> list[_Spill]:
        """The same rows in as many files as there are ranges."""
        ends = [*starts[1:], SQUARES]
        # A range of one square has the same upper half of the place everywhere: it goes on by the lower one.
        finer = 0 if spill.shift else -1
        parts = [
            self._file(finer if end - start == 1 else spill.shift) for start, end in zip(starts, ends, strict=True)
        ]
        for table in spill.tables():
            _deal(table, np.searchsorted(starts, spill.squares(table), side="right") - 1, parts)
            if sum(part.waiting for part in parts) >= WAITING:
                for part in parts:
                    part.flush()
        spill.remove()
        for part in parts:
            part.flush()
        return parts


class _Spill:
    """Rows on disk, in the order in which they came."""

    def __init__(self, path: Path, shift: int) -> None:
        """`shift`: how many bits of the place lie below those that number its squares; below 0 there are no squares."""
        self._path = path
        self.shift = shift
        self.size = self.waiting = 0
        self._tables: list[pa.Table] = []

    def add(self, table: pa.Table) -> None:
        self._tables.append(table)
        self.size += table.nbytes
        self.waiting += table.nbytes

    def flush(self) -> None:
        if self._tables:
            table = pa.concat_tables(self._tables)
            with self._path.open("ab") as file, pa.ipc.new_stream(file, table.schema, options=_PACKED) as stream:
                stream.write_table(table)
        self._tables, self.waiting = [], 0

    def tables(self) -> Iterator[pa.Table]:
        """The rows on disk, then those that wait."""
        if self._path.exists():
            with pa.OSFile(str(self._path)) as file:
                while file.tell() < file.size():
                    with pa.ipc.open_stream(file) as stream:
                        for batch in stream:
                            yield pa.Table.from_batches([batch])
        yield from self._tables

    def squares(self, table: pa.Table) -> np.ndarray:
        """The number of the square that each row lies in."""
        place: np.ndarray = table.column(PLACE).to_numpy()
        return (place >> np.uint32(self.shift)) & np.uint32(SQUARES - 1)

    def histogram(self) -> np.ndarray:
        """How many bytes of rows lie in each square; together no less than there are."""
        found = np.zeros(SQUARES, np.int64)
        for table in self.tables():
            share = table.nbytes // len(table) + 1
            found += np.bincount(self.squares(table), minlength=SQUARES) * share
        return found

    def remove(self) -> None:
        self._tables, self.waiting = [], 0
        self._path.unlink(missing_ok=True)


def _deal(table: pa.Table, numbers: np.ndarray, parts: list[_Spill]) -> None:
    """Adds each row to the part of its number."""
    order = np.argsort(numbers, kind="stable")
    dealt, ordered = table.take(pa.array(order)), numbers[order]
    cuts = np.flatnonzero(np.diff(ordered)) + 1
    for start, stop in zip([0, *cuts.tolist()], [*cuts.tolist(), len(ordered)], strict=True):
        parts[ordered[start]].add(dealt.slice(start, stop - start))


def _ranges(sizes: np.ndarray, most: int) -> list[int]:
    """Where ranges of neighbouring squares begin, each of at most so many bytes or of one square."""
    starts, held = [0], 0
    for square in np.flatnonzero(sizes).tolist():
        size = int(sizes[square])
        if held and held + size > most:
            starts.append(square)
            held = 0
        held += size
        if held > most:  # alone in its range
            if starts[-1] != square:
                starts.append(square)
            starts.append(square + 1)
            held = 0
    if starts[-1] == len(sizes):
        starts.pop()
    return starts


def _in_order(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    held = list(tables)
    if held:
        table = pa.concat_tables(held).combine_chunks()
        held.clear()
        yield table.take(pa.array(np.argsort(table.column(PLACE).to_numpy(), kind="stable")))
