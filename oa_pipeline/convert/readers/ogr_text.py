"""What the values of GDAL's columns read as. Null is "" always.

integers         12                      booleans   True, False; of file geodatabases and dBase 1, 0
reals            12.0, 1e+16, 1.5e-05    dates      2012/01/02
32-bit reals     the shortest text that gives them; of file geodatabases their full 64-bit text
date-times       2012/01/02 10:11:12, with .345 and +01 or +0530 where given; of file geodatabases always +00
binary           hexadecimal, upper case lists      JSON, ["a","b"]
coded values     the code, not what it stands for
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from ...counters import Counters
from .ogr_encoding import UNICODE, Encoding

_LATIN = "iso8859-1"
_CUT = ("unexpected end of data", "incomplete multibyte sequence")


@dataclass(slots=True)
class TextRules:
    """How one file's columns become text, and what had to be repaired on the way.

    `trick`: the strings are the file's bytes read as ISO-8859-1, which loses nothing, and are still to be decoded.
    """

    driver: str
    encoding: Encoding = UNICODE
    trick: bool = False
    cell_chars: int = 64 * 1024
    counters: Counters = field(default_factory=Counters)
    unreadable: list[bytes] = field(default_factory=list)  # a few samples, for the hint

    def text(self, values: pa.Array, ogr_type: str, damaged: np.ndarray) -> pl.Series:
        """The text of one column; rows with bytes that cannot be decoded are marked in `damaged`."""
        if pa.types.is_dictionary(values.type):
            values = values.indices
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            series = self._cells(pl.from_arrow(self._decoded(values, damaged)))
            return _date_time(series) if ogr_type == "OFTDateTime" else series
        for is_type, convert in _CONVERTERS.items():
            if is_type(values.type):
                return convert(_series(values), self.driver).fill_null("")
        return _series(pa.array([_json(value) for value in values.to_pylist()], pa.string())).fill_null("")

    def _cells(self, series: Any) -> pl.Series:
        text: pl.Series = series.fill_null("")
        if text.str.contains("\r", literal=True).any():
            text = text.str.replace_all("\r\n", "\n", literal=True).str.replace_all("\r", "\n", literal=True)
        if (text.str.len_bytes() > self.cell_chars).any():
            long = text.str.len_chars() > self.cell_chars
            self.counters.add("text/cut-cells", int(long.sum()))
            text = text.str.slice(0, self.cell_chars)
        return text

    # ---- encodings ----------------------------------------------------------------------------------

    def _decoded(self, values: pa.Array, damaged: np.ndarray) -> pa.Array:
        if self.trick:
            if self.encoding.codec == _LATIN or pc.all(pc.string_is_ascii(values)).as_py() is not False:
                return values
        elif _is_valid(values):
            return values
        else:
            values = values.cast(pa.binary() if pa.types.is_string(values.type) else pa.large_binary())
        return self._decoded_distinct(values.dictionary_encode(), damaged)

    def _decoded_distinct(self, encoded: pa.DictionaryArray, damaged: np.ndarray) -> pa.Array:
        decoded = [self._decoded_cell(value) for value in encoded.dictionary.to_pylist()]
        replaced = np.array([repaired for _, repaired, _ in decoded] + [0])
        cut = np.array([shortened for _, _, shortened in decoded] + [0])
        codes = encoded.indices.fill_null(len(decoded)).to_numpy(zero_copy_only=False)
        self.counters.add("text/replaced-characters", int(replaced[codes].sum()))
        self.counters.add("text/cut-characters", int(cut[codes].sum()))
        damaged |= replaced[codes] > 0
        return pa.array([text for text, _, _ in decoded], pa.string()).take(encoded.indices)

    def _decoded_cell(self, value: str | bytes) -> tuple[str, int, int]:
        """The text, the characters replaced in it, and whether half a character at its end was left out."""
        raw = value if isinstance(value, bytes) else value.encode("latin-1", "replace")
        try:
            return raw.decode(self.encoding.codec), 0, 0
        except UnicodeDecodeError as error:
            if error.reason in _CUT and error.end == len(raw):
                # The writer filled the column's width and cut a character in two.
                return raw[: error.start].decode(self.encoding.codec, "replace"), 0, 1
        if len(self.unreadable) < 100:
            self.unreadable.append(raw)
        text = raw.decode(self.encoding.codec, "replace")
        return text, max(1, text.count("\N{REPLACEMENT CHARACTER}")), 0


def decode_name(name: str, encoding: Encoding) -> str:
    """A column's name that was read as ISO-8859-1."""
    return name.encode("latin-1", "replace").decode(encoding.codec, "replace")


def _is_valid(values: pa.Array) -> bool:
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _series(values: pa.Array) -> pl.Series:
    series = pl.from_arrow(values)
    assert isinstance(series, pl.Series)
    return series


# ---- types ------------------------------------------------------------------------------------------


def _integer(values: pl.Series, _: str) -> pl.Series:
    return values.cast(pl.String)


def _boolean(values: pl.Series, driver: str) -> pl.Series:
    true, false = ("1", "0") if driver in ("OpenFileGDB", "ESRI Shapefile") else ("True", "False")
    return values.cast(pl.Int8).cast(pl.String).replace({"1": true, "0": false})


def _real(values: pl.Series, _: str = "") -> pl.Series:
    text = values.cast(pl.String)
    size = values.abs()
    odd = ((size < 1e-4) & (size != 0)) | values.is_nan() | values.is_infinite()
    return _with(text, odd, [repr(value) for value in values.filter(odd)])


def _short_real(values: pl.Series, driver: str) -> pl.Series:
    if driver == "OpenFileGDB":
        return _real(values.cast(pl.Float64))
    text = values.cast(pl.String)
    size = values.abs()
    odd = ((size < 1e-4) & (size != 0)) | (size >= 1e12) | values.is_nan() | values.is_infinite()
    return _with(text, odd, [repr(float(str(np.float32(value)))) for value in values.filter(odd)])


def _with(text: pl.Series, where: pl.Series, texts: list[str]) -> pl.Series:
    """`text` with `texts` in the rows of `where`."""
    where = where.fill_null(value=False)
    if not texts:
        return text
    return text.scatter(where.arg_true(), pl.Series(texts, dtype=pl.String))


def _date(values: pl.Series, _: str) -> pl.Series:
    return values.dt.strftime("%Y/%m/%d")


def _time(values: pl.Series, _: str) -> pl.Series:
    return values.dt.strftime("%H:%M:%S%.3f").str.strip_suffix(".000")


def _timestamp(values: pl.Series, _: str) -> pl.Series:
    return values.dt.strftime("%Y/%m/%d %H:%M:%S%.3f").str.strip_suffix(".000")


def _date_time(text: pl.Series) -> pl.Series:
    """ISO 8601 as OGR writes it."""
    return (
        text.str.replace(r"^(\d{4})-(\d\d)-(\d\d)[T ](\d\d:\d\d:\d\d)", "$1/$2/$3 $4")
        .str.replace(r":(\d\d)\.0+(Z|[+-]|$)", ":$1$2")
        .str.replace(r"Z$", "+00")
        .str.replace(r"([+-]\d\d):00$", "$1")
        .str.replace(r"([+-]\d\d):(\d\d)$", "$1$2")
    )


def _binary(values: pl.Series, _: str) -> pl.Series:
    return values.bin.encode("hex").str.to_uppercase()


def _json(value: Any) -> str | None:
    if value is None:
        return None
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


_CONVERTERS: Mapping[Callable[[Any], bool], Callable[[pl.Series, str], pl.Series]] = {
    pa.types.is_boolean: _boolean,
    pa.types.is_integer: _integer,
    pa.types.is_float64: _real,
    pa.types.is_float32: _short_real,
    pa.types.is_date: _date,
    pa.types.is_time: _time,
    pa.types.is_timestamp: _timestamp,
    pa.types.is_binary: _binary,
    pa.types.is_large_binary: _binary,
}
