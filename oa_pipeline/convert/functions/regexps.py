"""regexp, prefixed_number, postfixed_street, postfixed_unit: patterns, in Rust where that is the same as in Python.

Python's `re` decides what a pattern means. Rust runs it on the rows whose characters both engines class alike and
Python on the others, so the result is Python's in every row.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import polars as pl

from ...sources.model import PostfixedStreet, PostfixedUnit, PrefixedNumber, Regexp
from .alphabet import NOT_PLAIN
from .at import At, Cell
from .distinct import patiently
from .patterns import Pattern, Template, compile_pattern, compile_template
from .plan import Ref

# Digits with a fraction, a range, or digits with a letter.
_NUMBER = r"\d+(?:[ -]\d/\d)?|\d+-\d+|\d+-?[A-Z]"
# A word that begins a unit, or #, and at least one character more.
_UNIT = r"(?:(?:UNIT|APARTMENT|APT\.?|SUITE|STE\.?|BUILDING|BLDG\.?|LOT)\s+|\#).+"

NUMBER = rf"(?i)^\s*({_NUMBER})\s+"
STREET = rf"(?i)^(?:\s*(?:{_NUMBER})\s+)?(.*)"
STREET_BEFORE_UNIT = rf"(?i)^(?:\s*(?:{_NUMBER})\s+)?(.+?)(?:\s+{_UNIT})?$"
UNIT = rf"(?i)\s({_UNIT})$"


def regexp(value: Regexp, at: At) -> Cell:
    """With `replace`, every match replaced and the rest kept; without, the groups of the first match."""
    pattern = compile_pattern(value.pattern, at.limits, at.place)
    if value.replace:
        template = compile_template(value.replace, pattern, at.place)
        return Cell(_replaced(pattern, template, at.cell(value.field), at))
    return Cell(_extracted(pattern, at.cell(value.field), at))


def prefixed_number(value: PrefixedNumber, at: At) -> Cell:
    """The house number that the text starts with."""
    return _built_in(NUMBER, value.field, at)


def postfixed_street(value: PostfixedStreet, at: At) -> Cell:
    """The text after the house number, and before the unit where there may be units."""
    return _built_in(STREET_BEFORE_UNIT if value.may_contain_units else STREET, value.field, at)


def postfixed_unit(value: PostfixedUnit, at: At) -> Cell:
    """The unit that the text ends with."""
    return _built_in(UNIT, value.field, at)


def _built_in(pattern: str, field: str, at: At) -> Cell:
    return Cell(_extracted(compile_pattern(pattern, at.limits, at.place), at.cell(field), at))


def _extracted(pattern: Pattern, cell: Ref, at: At) -> Ref:
    if pattern.groups == 0:
        return at.blank

    def in_python(text: str) -> str:
        match = pattern.python.search(text)
        return "".join(group or "" for group in match.groups()) if match else ""

    rust = pattern.rust
    if rust is None:
        return _python_only(cell, in_python, at)
    if pattern.groups == 1:
        fast = at.plan.expression(("extract", rust), (cell,), lambda text: text.str.extract(rust, 1).fill_null(""))
    else:
        split = at.plan.expression(("groups", rust), (cell,), lambda text: text.str.extract_groups(rust))
        names = [str(number) for number in range(1, pattern.groups + 1)]
        fast = at.plan.expression(
            ("concatenate", rust),
            (split,),
            lambda found: pl.concat_str([found.struct.field(n) for n in names], ignore_nulls=True),
        )
    return _checked(cell, fast, in_python, at)


def _replaced(pattern: Pattern, template: Template, cell: Ref, at: At) -> Ref:
    in_python = partial(pattern.python.sub, template.python)
    rust, with_text = pattern.rust, template.rust
    if rust is None or with_text is None or not pattern.replaces_alike:
        return _python_only(cell, in_python, at)

    def in_rust(text: pl.Expr) -> pl.Expr:
        for group in pattern.of_whole_texts:
            if with_text == f"${{{group}}}":  # the commonest kind, and cheaper said so
                return text.str.extract(rust, group).fill_null(text)
        return text.str.replace_all(rust, with_text)

    return _checked(cell, at.plan.expression(("replace", rust, with_text), (cell,), in_rust), in_python, at)


def _python_only(cell: Ref, function: Callable[[str], str], at: At) -> Ref:
    def run(first_row: int, cells: list[pl.Series]) -> pl.Series:
        at.notes.counters.add("text/row-wise-patterns", len(cells[0]))
        return patiently(cells[0], function, at.limits, at.place, lambda index: first_row + index)

    return at.plan.call((cell,), run)


def _checked(cell: Ref, fast: Ref, function: Callable[[str], str], at: At) -> Ref:
    """`fast`, but for rows with characters that are not plain, which `function` computes."""
    doubtful = at.plan.expression("not plain", (cell,), lambda text: text.str.contains(NOT_PLAIN))

    def repair(first_row: int, columns: list[pl.Series]) -> pl.Series:
        texts, quick, mask = columns
        if not mask.any():
            return quick
        rows = mask.arg_true()
        at.notes.counters.add("text/row-wise-patterns", len(rows))
        slow = patiently(texts.gather(rows), function, at.limits, at.place, lambda index: first_row + int(rows[index]))
        return quick.scatter(rows, slow)

    return at.plan.call((cell, fast, doubtful), repair)
