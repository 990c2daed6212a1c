"""What all text readers do to cells: values become text, line ends become LF, very long cells are cut."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import polars as pl

from ...counters import Counters
from ..batch import BATCH_ROWS, Batch, Points, Shapes

CUT = "text/cut-cells"
REPLACED = "text/replaced-characters"
MAX_COLUMNS = 10_000

_compact = msgspec.json.Encoder().encode


def integral_float_text(value: float) -> str:
    """A float as GeoJSON readers print it: whole numbers without ".0", others in their shortest form."""
    return str(int(value)) if value.is_integer() else repr(value)


def _structure_text(value: Any) -> str:
    return _compact(value).decode()


def whole_surrogates(value: str) -> str:
    """Half a surrogate pair cannot be written as UTF-8: it becomes the replacement character."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def value_texts(values: Sequence[Any], float_text: Callable[[float], str]) -> list[str]:
    """JSON values as text: null "", true "True", integers exact, lists and objects as compact JSON."""
    table: dict[type, Callable[[Any], str]] = {
        str: lambda v: v if v.isascii() else whole_surrogates(v),
        type(None): lambda v: "",
        bool: str,
        int: str,
        float: lambda v: float_text(v) if math.isfinite(v) else "",
        list: _structure_text,
        dict: _structure_text,
    }
    return [table[value.__class__](value) for value in values]


def text_series(name: str, values: Sequence[Any], float_text: Callable[[float], str]) -> pl.Series:
    """A String column without nulls from decoded JSON values."""
    make = _BY_KINDS.get(frozenset(map(type, values)) - {type(None)})  # polars takes minutes to refuse nested lists
    made = make(name, values) if make is not None else None
    return pl.Series(name, value_texts(values, float_text), dtype=pl.String) if made is None else made


def _texts(name: str, values: Sequence[Any]) -> pl.Series | None:
    """Nothing but text and nulls; None where some of it cannot be written as UTF-8."""
    try:
        made = pl.Series(name, values, dtype=pl.String, strict=True)
    except (UnicodeEncodeError, pl.exceptions.PolarsError):
        return None
    return made.fill_null("") if made.null_count() else made


def _whole_numbers(name: str, values: Sequence[Any]) -> pl.Series | None:
    """Nothing but integers and nulls; None where 64 bits do not hold them."""
    try:
        return pl.Series(name, values, dtype=pl.Int64, strict=True).cast(pl.String).fill_null("")
    except (TypeError, OverflowError):
        return None


_BY_KINDS: Mapping[frozenset[type], Callable[[str, Sequence[Any]], pl.Series | None]] = {
    frozenset(): _texts,
    frozenset({str}): _texts,
    frozenset({int}): _whole_numbers,
}


def text_columns(columns: Mapping[str, Sequence[Any]], float_text: Callable[[float], str]) -> pl.DataFrame:
    """A frame of String columns without nulls from decoded JSON values. A name may be empty."""
    return pl.DataFrame({name: text_series(name, values, float_text) for name, values in columns.items()})


def tidy(text: pl.DataFrame, cell_chars: int, counters: Counters, *, returns: bool = True) -> pl.DataFrame:
    """CR and CRLF inside cells become LF (where `returns` says there may be some); long cells are cut and counted."""
    if not text.width or not text.height:
        return text
    each = pl.all().str
    if returns and text.select(pl.any_horizontal(each.contains("\r", literal=True).any())).item():
        lines = each.replace_all("\r\n", "\n", literal=True)
        text = text.with_columns(lines.str.replace_all("\r", "\n", literal=True))
    if text.select(pl.max_horizontal(each.len_bytes().max())).item() > cell_chars:
        over = text.select(pl.sum_horizontal((each.len_chars() > cell_chars).sum())).item()
        counters.add(CUT, over)
        text = text.with_columns(each.slice(0, cell_chars)) if over else text
    return text


def _slice(batch: Batch, start: int, rows: int) -> Batch:
    geometry = batch.geometry
    stop = start + rows
    part: Points | Shapes
    if isinstance(geometry, Points):
        z = None if geometry.z is None else geometry.z[start:stop]
        part = Points(geometry.x[start:stop], geometry.y[start:stop], z)
    else:
        part = Shapes(geometry.geometries[start:stop])
    return Batch(batch.text.slice(start, rows), part)


def in_batches(blocks: Iterator[Batch], most: int | None) -> Iterator[Batch]:
    """Blocks of any size as batches of at most BATCH_ROWS rows, `most` rows in all."""
    left = most
    for block in blocks:
        size = len(block.text) if left is None else min(left, len(block.text))
        for start in range(0, size, BATCH_ROWS):
            rows = min(BATCH_ROWS, size - start)
            yield block if rows == len(block.text) else _slice(block, start, rows)
        if left is not None:
            left -= size
            if left <= 0:
                return
