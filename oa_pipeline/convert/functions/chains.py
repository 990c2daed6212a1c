"""chain: steps that work on one value in turn, and the names by which they know it.

The value has a working name: the chain's `variable`, unless that is an attribute of the layer or a name the row
already has; then, and without a variable, the attribute itself (in a nested chain: the outer chain's working name).
Inside the chain, and nowhere else,

- `oa:<working name>` is what the step before gave, which may be empty;
- the bare working name is the last result that was not empty, and before there is one the column of that name,
  if the file has it; otherwise it is missing in that row, which `join` and `map` can tell from empty;
- a variable that could not be the working name means the same, where nothing else has its name.

A step that found nothing to write (`first_non_empty` without text, `join` of a missing column, an unknown function)
leaves the value as it was. A chain in which no step wrote anything gives empty text. Every chain starts with nothing
but the file's columns and `oa:<attribute>` of the attributes before it, and leaves only its own attribute's value: a
later chain may use the same variable, and a column called like the attribute keeps its cells for later attributes.

A first step that names the value being made is refused: nothing has made one yet.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import polars as pl

from ...errors import ConvertError
from ...sources.model import Chain, Value
from .at import MOST_FIELDS, At, Cell
from .distinct import over_distinct
from .plan import Ref

DEEPEST = 50


def chain(value: Chain, at: At, compile_value: Callable[[Value, At], Cell]) -> Cell:
    """The value after the last step. Raises ConvertError for chains nested more than DEEPEST deep."""
    _check(value, at)
    variable = (value.variable or "").removeprefix("oa:")
    taken = variable in at.attributes or variable in at.columns or variable in at.names
    working = at.working if taken or not variable else variable
    bare_names, own_names = _names(variable, working, at)
    names = dict(at.names)
    own = at.own | set(own_names)
    held = Cell(names.get(f"oa:{working}", at.blank))
    bare = names.get(working) or (at.plan.source(working) if working in at.columns else None)
    holed = at.holed
    for number, step in enumerate(value.steps):
        held = _after(held, compile_value(step, at.step(number, working, names, own, holed)), at)
        before = at.plan.constant(None) if bare is None else bare
        bare = at.plan.expression("last text", (held.text, before), _last_text)
        holed |= {bare}
        names.update(dict.fromkeys(own_names, held.text))
        names.update(dict.fromkeys(bare_names, bare))
    return held


def _check(value: Chain, at: At) -> None:
    if at.depth >= DEEPEST:
        raise ConvertError(f"chains nested more than {DEEPEST} deep", cure="put the steps in one chain", place=at.place)
    if len(value.steps) > MOST_FIELDS:
        raise ConvertError(
            f"{len(value.steps)} steps, more than {MOST_FIELDS}", cure="use a map or fewer patterns", place=at.place
        )


def _names(variable: str, working: str, at: At) -> tuple[list[str], list[str]]:
    """Names of the last text and of the step's result: the working name, and the variable where it is free."""
    bare, own = [working], [f"oa:{working}"]
    for name, names in ((variable, bare), (f"oa:{variable}", own)):
        if variable and name not in (*names, *at.names) and name not in at.columns:
            names.append(name)
    return bare, own


def _last_text(result: pl.Expr, before: pl.Expr) -> pl.Expr:
    return pl.when(result != "").then(result).otherwise(before)


def _after(held: Cell, made: Cell, at: At) -> Cell:
    """The value after a step made `made` of it."""
    if isinstance(made.wrote, bool):
        return Cell(made.text, made.json) if made.wrote else held
    text = at.plan.expression("wrote", (made.wrote, made.text, held.text), _choose)
    if made.json is None and held.json is None:
        return Cell(text)
    pair = (made.wrote, _json(made, at), _json(held, at))
    return Cell(text, at.plan.expression("wrote", pair, _choose))


def _choose(wrote: pl.Expr, made: pl.Expr, held: pl.Expr) -> pl.Expr:
    return pl.when(wrote).then(made).otherwise(held)


def _json(cell: Cell, at: At) -> Ref:
    if cell.json is not None:
        return cell.json
    return at.plan.call((cell.text,), lambda _row, cells: over_distinct(cells[0], json.dumps))
