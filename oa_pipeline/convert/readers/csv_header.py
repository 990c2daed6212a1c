"""The first lines of a csv: what is skipped, the column names, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from ...errors import ConvertError, Problem
from ...sources.model import Conform
from .cells import MAX_COLUMNS
from .csv_blocks import RECORD_BYTES
from .csv_rows import physical_lines, python_rows

_RESERVED = "oa:geom"
_SEPARATORS = ",;|\t:"


@dataclass(frozen=True, slots=True)
class Header:
    """Column names, the text that follows, and the number of the line it starts on."""

    columns: tuple[str, ...]
    rest: bytes
    line: int
    shown: str  # the first line that was looked at, for messages


def unique_names(names: list[str]) -> tuple[str, ...]:
    """Names of which none occurs twice: later ones get _2, _3 and so on, past any that are taken."""
    taken = {*names, _RESERVED}
    seen: set[str] = {_RESERVED}
    made = []
    for name in names:
        unique, number = name, 1
        while unique in seen or (number > 1 and unique in taken):
            number += 1
            unique = f"{name}_{number}"
        seen.add(unique)
        made.append(unique)
    return tuple(made)


def read_header(blocks: Iterator[bytes], conform: Conform) -> Header:
    """Reads as many blocks as the header needs. Raises ConvertError where there is none."""
    named = conform.headers != -1
    line = _header_line(conform) if named else (conform.skiplines or 0) + 1
    data, start = _from_line(blocks, line)
    cells, used, lines = _first_record(data, start, blocks, conform.csvsplit)
    if cells is None:
        raise _nothing(line)
    data = used.data
    shown = data[start:].lstrip(b"\n").split(b"\n", 1)[0].decode("utf-8", "replace")[:200]
    if len(cells) > MAX_COLUMNS:
        raise ConvertError(
            f"the first record has {len(cells)} columns, more than {MAX_COLUMNS}",
            cure="check csvsplit, headers and the encoding",
            place=f"line {line}",
        )
    if not named:
        return Header(tuple(f"COLUMN{i}" for i in range(1, len(cells) + 1)), data[start:], line, shown)
    after = max(0, (conform.skiplines or 0) - line)
    rest = data[used.end :]
    if after:
        rest, offset = _from_line(_chain(rest, blocks), after + 1)
        rest = rest[offset:]
    return Header(unique_names(cells), rest, line + lines + after, shown)


def missing_columns(wanted: dict[str, str], header: Header, separator: str) -> ConvertError | None:
    """What to say when columns that must be there are not; `wanted` maps tags of the conform to names."""
    missing = {tag: name for tag, name in wanted.items() if name not in header.columns}
    if not missing:
        return None
    told = ", ".join(f"{tag} {name!r}" for tag, name in missing.items())
    if len(header.columns) == 1:
        others = {s: header.shown.count(s) for s in _SEPARATORS if s != separator}
        best = max(others, key=lambda s: others[s])
        advice = f"; set csvsplit to {best!r}" if others[best] else ""
        return ConvertError(
            f"no column for {told}: with csvsplit {separator!r} there is only one column",
            cure=f"the first line is {header.shown!r}{advice}",
            place="conform.csvsplit",
        )
    close: list[str] = []
    for name in missing.values():
        close += [c for c in _closest(name, header.columns) if c not in close]
    listed = ", ".join(repr(c) for c in close or header.columns[:20])
    return ConvertError(
        f"no column for {told}",
        cure=f"{'closest are' if close else 'columns are'} {listed}",
        place="conform." + next(iter(missing)),
    )


def _closest(name: str, columns: tuple[str, ...]) -> list[str]:
    folded: dict[str, str] = {}
    for column in columns[:2000]:
        folded.setdefault(column.strip().casefold()[:200], column)
    return [folded[hit] for hit in get_close_matches(name.strip().casefold()[:200], folded, n=3, cutoff=0.6)]


def _header_line(conform: Conform) -> int:
    """The number of the header's line. Either tag alone says it; both together: the header, then more to skip."""
    return max(1, conform.headers or conform.skiplines or 1)


def _nothing(line: int) -> ConvertError:
    if line == 1:
        return ConvertError("the file is empty", problem=Problem.NO_FEATURES)
    return ConvertError(
        f"the file ends before line {line}", cure="correct headers and skiplines", place="conform.headers"
    )


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _from_line(blocks: Iterator[bytes], line: int) -> tuple[bytes, int]:
    """A block and the offset in it at which physical line `line` (from 1) starts; what comes before is let go."""
    left = line - 1
    for block in blocks:
        start = 0
        while left and (end := block.find(b"\n", start)) >= 0:
            start, left = end + 1, left - 1
        if not left:
            return block, start
    return b"", 0


@dataclass(frozen=True, slots=True)
class _Used:
    data: bytes
    end: int


def _first_record(
    data: bytes, start: int, blocks: Iterator[bytes], separator: str
) -> tuple[list[str] | None, _Used, int]:
    """The first record with cells, the data read to have it with the offset of its end, and its lines."""
    last = False
    while True:
        lines = physical_lines(data[start:].decode("utf-8", "replace")[:RECORD_BYTES])
        if not last and lines and not lines[-1].endswith("\n"):
            lines.pop()
        taken = 0
        for row in python_rows(lines, separator, last=last):
            taken += row.lines
            if row.cells:
                size = sum(len(line.encode()) for line in lines[:taken])
                return row.cells, _Used(data, start + size), taken
        more = None if last else next(blocks, None)
        if last or len(data) - start > RECORD_BYTES:
            return None, _Used(data, len(data)), 0
        if more is None:
            last = True
        else:
            data = data[start:] + more
            start = 0
