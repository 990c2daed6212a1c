"""A block of published rows: what every writer needs, worked out once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from ...counters import Counters
from ...sources.model import Layer
from ..batch import Shapes
from ..geometry import Located
from .jsontext import members, odd_columns, point_coordinates, shape_geometries
from .rowhash import row_hashes

_POINT = '{"type":"Point","coordinates":'


@dataclass(frozen=True, slots=True)
class Block:
    """N rows, none of them dropped.

    `attributes`: String columns, `<attribute>:json` ones included. `located`: their geometry. `hashes`: row hashes.
    `lines`: one Feature a row as compact JSON, each ended by a newline. `odd`: attributes with a character in some
    row that JSON or csv treat specially. `points`: the published texts of `x` and `y`, "NaN" where there is no point;
    None for shapes.
    """

    attributes: pl.DataFrame
    located: Located
    lines: pl.Series
    hashes: pl.Series
    odd: frozenset[str]
    points: pl.DataFrame | None = None

    def __len__(self) -> int:
        return self.attributes.height

    @property
    def json(self) -> pl.Series:
        """One Feature a row, without its newline."""
        return self.lines.str.strip_suffix("\n")


def make_block(attributes: pl.DataFrame, names: tuple[str, ...], layer: Layer, located: Located) -> Block:
    """The block of the rows that `located` keeps; `attributes` has a row for each of `located`'s, kept or not.

    `names` are the published attributes in order.
    """
    if attributes.height != len(located):
        raise ValueError(f"{attributes.height} rows of {layer} attributes for {len(located)} geometries")
    if not located.keep.all():
        attributes, located = attributes.filter(pl.Series(located.keep)), located.kept()
    odd = odd_columns(attributes, [n for n in names if f"{n}:json" not in attributes.columns])
    inside = members(attributes, names, odd)
    points = None
    if isinstance(located.geometry, Shapes):
        geometry, coordinates = shape_geometries(located.geometry.geometries)
        opening, closing = '},"geometry":', "}\n"
    else:
        coordinates, points = point_coordinates(located.geometry)
        geometry = coordinates
        opening, closing = '},"geometry":' + _POINT, "}}\n"
    hashes = row_hashes(inside, coordinates)
    lines = _lines(inside, hashes, geometry, opening, closing)
    return Block(attributes, located, lines, hashes, odd, points)


def _lines(inside: pl.Series, hashes: pl.Series, geometry: pl.Series, opening: str, closing: str) -> pl.Series:
    frame = pl.DataFrame({"i": inside, "h": hashes, "g": geometry})
    head = [pl.lit('{"type":"Feature","properties":{"hash":"'), pl.col("h"), pl.lit('",'), pl.col("i")]
    line = pl.concat_str(*head, pl.lit(opening), pl.col("g"), pl.lit(closing))
    if geometry.null_count():
        line = line.fill_null(pl.concat_str(*head, pl.lit('},"geometry":null}\n')))
    return frame.select(line.alias("lines")).to_series()


def count_filled(block: Block, names: Iterable[str], counters: Counters) -> None:
    """Adds field/<attribute>/filled: the kept rows in which the attribute is neither null nor empty."""
    filled = block.attributes.select((pl.col(list(names)).str.len_bytes() > 0).sum())
    for name in filled.columns:
        counters.add(f"field/{name}/filled", int(filled[name][0] or 0))
