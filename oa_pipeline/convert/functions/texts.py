"""Values made of whole cells: column, list, join, format, first_non_empty, constant."""

from __future__ import annotations

import json
import re

import polars as pl

from ...errors import ConvertError
from ...sources.model import Column, Columns, Constant, FirstNonEmpty, FormatText, Join
from .alphabet import WHITE_SPACE
from .at import MOST_FIELDS, At, Cell
from .plan import Plan, Ref

_SLOT = re.compile(r"\$([0-9]+)")


def stripped(plan: Plan, cell: Ref) -> Ref:
    """`cell` as Python's strip() leaves it."""
    if cell in plan.bare:
        return cell
    bare = plan.expression("strip", (cell,), lambda text: text.str.strip_chars(WHITE_SPACE))
    plan.bare.add(bare)
    return bare


def column(value: Column, at: At) -> Cell:
    """The cell."""
    return Cell(at.cell(value.name))


def constant(value: Constant, at: At) -> Cell:
    """The value; an integer is one in JSON."""
    literal = at.plan.constant(json.dumps(value.value)) if isinstance(value.value, int) else None
    return Cell(at.plan.constant(str(value.value)), literal)


def columns(value: Columns, at: At) -> Cell:
    """The cells, stripped, the empty ones and missing columns left out, with one blank between."""
    return Cell(_joined([at.filled(cell) for cell in at.cells(value.names) if cell is not None], " ", at))


def join(value: Join, at: At) -> Cell:
    """As a list, with any separator; but a missing column leaves nothing."""
    cells = at.cells(value.fields)
    present = [cell for cell in cells if cell is not None]
    if len(present) < len(cells):
        return Cell(at.blank, wrote=False)
    return Cell(_joined([at.filled(cell) for cell in present], value.separator, at), wrote=at.there(present))


def _joined(cells: list[Ref], separator: str, at: At) -> Ref:
    if not cells:
        return at.blank

    def concatenate(*texts: pl.Expr) -> pl.Expr:
        filled = [pl.when(text != "").then(text) for text in texts]
        return pl.concat_str(filled, separator=separator, ignore_nulls=True)

    parts = [stripped(at.plan, cell) for cell in cells]
    if len(parts) == 1:
        return parts[0]
    joined = at.plan.expression(("join", separator), parts, concatenate)
    at.plan.bare.add(joined)  # it begins and ends with a part
    return joined


def first_non_empty(value: FirstNonEmpty, at: At) -> Cell:
    """The first cell with more than white space, as it is."""
    cells = [at.filled(cell) for cell in at.cells(value.fields) if cell is not None]
    if not cells:
        return Cell(at.blank, wrote=False)
    stripes = [stripped(at.plan, cell) for cell in cells]

    def choose(*both: pl.Expr) -> pl.Expr:
        half = len(both) // 2
        filled = [pl.when(bare != "").then(text) for text, bare in zip(both[:half], both[half:], strict=True)]
        return pl.coalesce(*filled, pl.lit(""))

    def some(*bare: pl.Expr) -> pl.Expr:
        return pl.any_horizontal([text != "" for text in bare])

    chosen = at.plan.expression("first_non_empty", (*cells, *stripes), choose)
    return Cell(chosen, wrote=at.plan.expression("any", stripes, some))


def format_text(value: FormatText, at: At) -> Cell:
    """`$n` in the template is the n-th field, stripped and without one final ".0".

    The text before the first field stays where any field has text, the text before a later one where an earlier field
    and this one have, the text after the last one where any has. Unknown `$n` vanish with the text before them.
    """
    cells = [at.blank if cell is None else at.filled(cell) for cell in at.cells(value.fields)]
    slots: list[tuple[str, Ref]] = []  # the text before each usable `$n`, and its cell
    end = 0
    for match in _SLOT.finditer(value.template):
        digits = match[1].lstrip("0")
        number = int(digits) if digits and len(digits) < 6 else 0
        if 1 <= number <= len(cells):
            slots.append((value.template[end : match.start()], stripped(at.plan, cells[number - 1])))
        end = match.end()
    if len(slots) > MOST_FIELDS:
        raise ConvertError(
            f"{len(slots)} fields in the format, more than {MOST_FIELDS}", cure="name fewer", place=at.place
        )
    if not slots:
        return Cell(at.blank)
    before = tuple(text for text, _ in slots)
    after = value.template[end:]
    parts = tuple(part for _, part in slots)
    return Cell(at.plan.expression(("format", before, after), parts, lambda *texts: _format(before, after, texts)))


def _format(before: tuple[str, ...], after: str, texts: tuple[pl.Expr, ...]) -> pl.Expr:
    filled = [text != "" for text in texts]
    some = pl.any_horizontal(filled)
    parts: list[pl.Expr] = []
    for place, text in enumerate(texts):
        if before[place]:
            keep = some if place == 0 else filled[place] & pl.any_horizontal(filled[:place])
            parts.append(_only(keep, before[place]))
        parts.append(text.str.strip_suffix(".0"))
    if after:
        parts.append(_only(some, after))
    return pl.concat_str(parts)


def _only(condition: pl.Expr, text: str) -> pl.Expr:
    return pl.when(condition).then(pl.lit(text)).otherwise(pl.lit(""))
