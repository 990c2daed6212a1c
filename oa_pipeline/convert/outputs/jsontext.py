"""Columns of JSON text: every value exactly as `json.dumps(value, ensure_ascii=False)` writes it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import numpy as np
import polars as pl

from ..batch import Points
from .sinks import text_bytes

_ESCAPED = [chr(c) for c in range(0x20)] + ['"', "\\"]
_ESCAPES = [json.dumps(c)[1:-1] for c in _ESCAPED]

# Published numbers have seven decimals at most; more of them, or a positive exponent, is not how Python writes them.
_LONG = r"\.\d{8}|e\+"
_LONG_NUMBER = re.compile(r"(?<=[\[,])-?\d+(?:\.\d{8,}(?:e[+-]\d+)?|(?:\.\d+)?e\+\d+)")


def odd_columns(frame: pl.DataFrame, names: Iterable[str]) -> frozenset[str]:
    """The columns in which some cell has a character that must be escaped or quoted somewhere."""
    return frozenset(name for name in names if _odd(np.frombuffer(text_bytes(frame[name]), np.uint8)))


def _odd(raw: np.ndarray) -> bool:
    # What JSON or csv treat specially; one look answers for both. None of it is part of a longer character in UTF-8.
    return bool(((raw < 0x20) | (raw == ord('"')) | (raw == ord(",")) | (raw == ord("\\"))).any())


def members(frame: pl.DataFrame, names: tuple[str, ...], odd: frozenset[str]) -> pl.Series:
    """The inside of one JSON object a row: `"number":"12","street":null`.

    A column `<name>:json` beside `<name>` holds literals that are taken as they are.
    """
    pieces: list[pl.Expr] = []
    literal = ""
    for position, name in enumerate(names):
        literal += ("," if position else "") + json.dumps(name) + ":"
        if f"{name}:json" in frame.columns:
            value = pl.col(f"{name}:json").fill_null("null")
        else:
            value = pl.col(name)
            if name in odd:
                value = value.str.replace_many(_ESCAPED, _ESCAPES)
            nulls = frame[name].null_count()
            if nulls == frame.height:
                literal += "null"
                continue
            if not nulls:
                pieces += [pl.lit(literal + '"'), value]
                literal = '"'
                continue
            value = pl.concat_str(pl.lit('"'), value, pl.lit('"')).fill_null("null")
        pieces += [pl.lit(literal), value]
        literal = ""
    pieces.append(pl.lit(literal))
    # with_columns, because nothing but literals would make one row of it.
    return frame.with_columns(pl.concat_str(pieces).alias("members")).get_column("members")


def numbers(values: np.ndarray) -> pl.Series:
    """Doubles as the shortest text that reads back the same; NaN becomes the text "NaN", which JSON does not know."""
    text = pl.Series("numbers", values).cast(pl.String)
    # Polars writes 1e-7 and 0.00002 where Python, and thus the published text, has 1e-07 and 2e-05.
    size = np.abs(values)
    other = np.flatnonzero(((size < 1e-4) & (size > 0)) | ((size >= 1e16) & np.isfinite(size)))
    if len(other):
        text = text.scatter(other, [repr(v) for v in values[other].tolist()])
    return text


def point_coordinates(points: Points) -> tuple[pl.Series, pl.DataFrame]:
    """`[x,y]` or `[x,y,z]` of each row, null where x is NaN; and the texts `x` and `y`."""
    frame = pl.DataFrame({"x": numbers(points.x), "y": numbers(points.y)})
    pieces = [pl.lit("["), pl.col("x"), pl.lit(","), pl.col("y")]
    if points.z is not None:
        frame = frame.with_columns(numbers(points.z).alias("z"))
        with_z = pl.concat_str(pl.lit(","), pl.col("z"), pl.lit("]"))
        pieces.append(pl.when(pl.col("z") == "NaN").then(pl.lit("]")).otherwise(with_z))
    else:
        pieces.append(pl.lit("]"))
    text = pl.concat_str(pieces)
    if np.isnan(points.x).any():
        text = pl.when(pl.col("x") == "NaN").then(None).otherwise(text)
    return frame.select(text.alias("coordinates")).to_series(), frame.select("x", "y")


def shape_geometries(shapes: np.ndarray) -> tuple[pl.Series, pl.Series]:
    """The JSON geometry of each row, null where there is none, and its coordinates (a collection's geometries)."""
    import shapely

    text = pl.Series("geometry", shapely.to_geojson(shapes), dtype=pl.String)
    nothing = (shapely.get_type_id(shapes) == 0) & shapely.is_empty(shapes)
    if nothing.any():
        text = text.scatter(np.flatnonzero(nothing), None)
    if shapely.is_empty(shapes).any():
        text = text.str.replace_all("[[]]", "[]", literal=True)
    # GEOS writes one of seven hundred doubles with two digits more than it needs.
    long = np.flatnonzero(text.str.contains(_LONG).fill_null(value=False).to_numpy())
    if len(long):
        text = text.scatter(long, [_LONG_NUMBER.sub(_shortest, held) for held in text.gather(long).to_list()])
    # Behind {"type":"Polygon","coordinates": or {"type":"GeometryCollection","geometries": and before the last brace.
    begins = text.str.find('":[', literal=True) + 2
    return text, text.str.slice(begins).str.strip_suffix("}")


def _shortest(number: re.Match[str]) -> str:
    return repr(float(number[0]))
