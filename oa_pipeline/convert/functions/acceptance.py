"""The acceptance tests that a source file carries: rows given by hand, and the attributes they must give."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ...errors import ConvertError
from ...sources.columns import named_columns
from ...sources.model import AcceptanceTest, Conform, DataSource
from ..batch import text_frame
from ..task import Limits
from .program import compile_program


@dataclass(frozen=True, slots=True)
class TestResult:
    """How one test ended.

    `got` holds what the expected attributes really are; `error` says why nothing could be computed.
    """

    __test__ = False  # not a test of pytest's

    description: str
    passed: bool
    expected: dict[str, Any]
    got: dict[str, Any]
    error: str = ""


def run_tests(data_source: DataSource, limits: Limits) -> tuple[TestResult, ...]:
    """The result of each test, in order, computed by the same program as the data.

    Inputs are matched to the columns that the conform names, without case where no input has the exact name; null is
    empty. An expected attribute that the layer does not have fails. Text and number of the same digits are equal.
    """
    conform = data_source.conform
    if conform is None:
        return ()
    names = sorted(named_columns(conform))
    return tuple(_run(test, conform, data_source, names, limits) for test in data_source.tests)


def _run(
    test: AcceptanceTest, conform: Conform, data_source: DataSource, names: list[str], limits: Limits
) -> TestResult:
    expected = dict(test.expected)
    inputs = _matched(dict(test.inputs), names)
    try:
        program = compile_program(
            conform,
            data_source.layer,
            data_source.attributes,
            tuple(inputs),
            missing_is_empty=False,
            limits=limits,
        )
        frame = text_frame({name: ["" if cell is None else str(cell)] for name, cell in inputs.items()} or {"": [""]})
        row = program.run(frame).row(0, named=True)
    except ConvertError as error:
        return TestResult(test.description, False, expected, {}, str(error))
    values = {a: json.loads(row[f"{a}:json"]) if f"{a}:json" in row else row[a] for a in data_source.attributes}
    got = {attribute: values.get(attribute) for attribute in expected}
    passed = all(a in values and _equal(values[a], wanted) for a, wanted in expected.items())
    return TestResult(test.description, passed, expected, got)


def _equal(value: Any, wanted: Any) -> bool:
    if value is None or wanted is None:
        return value is wanted
    return str(value) == str(wanted)


def _matched(inputs: dict[str, str | None], names: list[str]) -> dict[str, str | None]:
    """`inputs` under the names the conform uses."""
    by_folded = {name.casefold(): name for name in reversed(inputs)}
    found = dict(inputs)
    for name in names:
        twin = by_folded.get(name.casefold())
        if name not in inputs and twin is not None:
            found[name] = inputs[twin]
    return found
