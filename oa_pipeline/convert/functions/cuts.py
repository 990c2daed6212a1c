"""remove_prefix and remove_postfix: one cell's text cut off another's."""

from __future__ import annotations

import polars as pl

from ...sources.model import RemovePostfix, RemovePrefix
from .at import At, Cell


def remove_prefix(value: RemovePrefix, at: At) -> Cell:
    """The text without the prefix and the blanks (U+0020 only) after it; unchanged where it starts otherwise."""

    def cut(text: pl.Expr, prefix: pl.Expr) -> pl.Expr:
        rest = text.str.strip_prefix(prefix).str.strip_chars_start(" ")
        return pl.when(text.str.starts_with(prefix)).then(rest).otherwise(text)

    inputs = (at.cell(value.field), at.cell(value.field_to_remove))
    return Cell(at.plan.expression("remove_prefix", inputs, cut))


def remove_postfix(value: RemovePostfix, at: At) -> Cell:
    """The text without the postfix and the blanks (U+0020 only) before it; unchanged where it is empty or differs."""

    def cut(text: pl.Expr, postfix: pl.Expr) -> pl.Expr:
        rest = text.str.strip_suffix(postfix).str.strip_chars_end(" ")
        return pl.when((postfix != "") & text.str.ends_with(postfix)).then(rest).otherwise(text)

    inputs = (at.cell(value.field), at.cell(value.field_to_remove))
    return Cell(at.plan.expression("remove_postfix", inputs, cut))
