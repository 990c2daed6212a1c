"""The columns to compute, in stages: every column of a stage needs only what earlier stages gave.

A stage is one polars select, so that independent columns share it. Calls are the exception, Python on distinct values;
they run after their stage's expressions, in the caller's thread (a timer can only end a slow pattern there).
Columns are named by the plan, so nothing a file calls its columns can be mistaken for a polars selector.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NewType

import polars as pl

Ref = NewType("Ref", str)

# Takes the number of the first row and the input columns; gives a column of as many rows.
Call = Callable[[int, "list[pl.Series]"], pl.Series]


@dataclass(frozen=True, slots=True)
class _Node:
    level: int
    inputs: tuple[Ref, ...]
    expression: pl.Expr | None = None
    call: Call | None = None


@dataclass(slots=True)
class _Stage:
    expressions: list[pl.Expr] = field(default_factory=list)
    calls: list[tuple[Ref, Call, tuple[Ref, ...]]] = field(default_factory=list)


class Plan:
    """Grows while a conform is compiled. `bare`: columns known to have no white space around their texts."""

    def __init__(self) -> None:
        self.bare: set[Ref] = set()
        self._sources: dict[str, Ref] = {}
        self._nodes: dict[Ref, _Node] = {}
        self._known: dict[Hashable, Ref] = {}

    def source(self, column: str) -> Ref:
        """The cells of a column of the file."""
        if column not in self._sources:
            ref = self._sources[column] = Ref(f"file{len(self._sources)}")
            self._nodes[ref] = _Node(0, ())
        return self._sources[column]

    def constant(self, value: str | bool | None) -> Ref:
        """The same value in every row."""
        kind = pl.Boolean if isinstance(value, bool) else pl.String
        return self.expression(("constant", kind, value), (), lambda: pl.lit(value, dtype=kind))

    def expression(self, key: Hashable, inputs: Iterable[Ref], make: Callable[..., pl.Expr]) -> Ref:
        """The column that `make` gives of its inputs' expressions. Equal `key` and inputs mean an equal column."""
        refs = tuple(inputs)
        if (key, refs) not in self._known:
            self._known[key, refs] = self._add(refs, make(*(pl.col(r) for r in refs)), None)
        return self._known[key, refs]

    def call(self, inputs: Iterable[Ref], function: Call) -> Ref:
        """The column that `function` computes in Python."""
        return self._add(tuple(inputs), None, function)

    def _add(self, inputs: tuple[Ref, ...], expression: pl.Expr | None, call: Call | None) -> Ref:
        level = 1 + max((self._nodes[r].level for r in inputs), default=0)
        ref = Ref(f"made{len(self._nodes)}")
        self._nodes[ref] = _Node(level, inputs, expression, call)
        return ref

    def finish(self, outputs: Mapping[str, Ref]) -> Stages:
        """What has to be done for `outputs`, by name, and nothing else."""
        live: set[Ref] = set()
        waiting = list(outputs.values())
        while waiting:
            ref = waiting.pop()
            if ref not in live:
                live.add(ref)
                waiting.extend(self._nodes[ref].inputs)
        stages = [_Stage() for _ in range(max((self._nodes[r].level for r in live), default=0))]
        for ref, node in self._nodes.items():
            if ref in live and node.expression is not None:
                stages[node.level - 1].expressions.append(node.expression.alias(ref))
            elif ref in live and node.call is not None:
                stages[node.level - 1].calls.append((ref, node.call, node.inputs))
        sources = {name: ref for name, ref in self._sources.items() if ref in live}
        return Stages(sources, stages, dict(outputs))


class Stages:
    """A finished plan."""

    def __init__(self, sources: dict[str, Ref], stages: list[_Stage], outputs: dict[str, Ref]) -> None:
        """`sources`: the columns of the file that are read, and what the plan calls them."""
        self.wanted = frozenset(sources)
        self._sources = sources
        self._stages = stages
        self._outputs = outputs

    def run(self, text: pl.DataFrame, first_row: int) -> pl.DataFrame:
        """The outputs of the rows of `text`, the first of which is row `first_row` of the file."""
        # The extra column keeps the number of rows where no column is read.
        rows = pl.zeros(text.height, dtype=pl.UInt8, eager=True).alias("rows")
        frame = pl.DataFrame([rows, *(text.get_column(name).alias(ref) for name, ref in self._sources.items())])
        for stage in self._stages:
            if stage.expressions:
                frame = frame.with_columns(stage.expressions)
            made = [
                call(first_row, [frame.get_column(r) for r in inputs]).alias(ref) for ref, call, inputs in stage.calls
            ]
            if made:
                frame = frame.with_columns(made)
        return frame.select(pl.col(ref).alias(name) for name, ref in self._outputs.items())
