"""Rows by Python's own csv module: the definition of what a csv says, and the way out where the fast path doubts."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one record and the number of physical lines it takes."""

    cells: list[str]
    lines: int


class _Lines:
    """Feeds lines to a csv reader and remembers how many it took, and whether it asked for one too many."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self.taken = 0
        self.exhausted = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.taken == len(self._lines):
            self.exhausted = True
            raise StopIteration
        self.taken += 1
        return self._lines[self.taken - 1]


def physical_lines(text: str) -> list[str]:
    """Lines with their LF; the last may have none."""
    lines = [line + "\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def python_rows(lines: list[str], separator: str, *, last: bool) -> Iterator[Row]:
    """The complete records of `lines`, empty ones included. With `last`, the unfinished one at the end too."""
    csv.field_size_limit(sys.maxsize)  # the module's limit would abort the file; cells are cut later
    feed = _Lines(lines)
    before = 0
    for cells in csv.reader(feed, delimiter=separator):
        if feed.exhausted and not last:
            return
        yield Row(cells, feed.taken - before)
        before = feed.taken


def ends_inside_quotes(line: str, separator: str) -> bool:
    """Whether the text is one record whose last quote is never closed."""
    try:
        list(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error as error:
        return "unexpected end of data" in str(error)
    return False
