"""A source's own tests, run by the program that runs its data."""

from __future__ import annotations

from typing import Any

import pytest

from oa_pipeline.convert.functions import TestResult, run_tests
from oa_pipeline.convert.task import Limits

from .rows import data_source

CONFORM = {
    "number": {"function": "prefixed_number", "field": "SITUS"},
    "street": {"function": "postfixed_street", "field": "SITUS"},
    "accuracy": {"function": "map", "field": "ACC", "mapping": {"a": 1}},
    "city": "CITY",
}


def results(inputs: dict[str, Any], expected: dict[str, Any], conform: dict[str, Any] = CONFORM) -> TestResult:
    tests = [{"description": "one", "inputs": inputs, "expected": expected}]
    source = data_source(conform, test={"acceptance-tests": tests})
    (result,) = run_tests(source, Limits())
    return result


@pytest.mark.parametrize(
    ("inputs", "expected", "passed"),
    [
        ({"SITUS": "12 Main St", "CITY": "X"}, {"number": "12", "street": "Main St"}, True),
        ({"SITUS": "12 Main St", "CITY": "X"}, {"number": "13"}, False),
        ({"situs": "12 Main St", "city": "X"}, {"number": "12", "city": "X"}, True),
        ({"situs": "9 Elm St", "SITUS": "12 Main St"}, {"number": "12"}, True),
        ({"SITUS": None, "CITY": None}, {"number": "", "city": ""}, True),
        ({"SITUS": ""}, {"city": ""}, False),
        ({"SITUS": ""}, {"city": None}, True),
        ({"ACC": "a"}, {"accuracy": 1}, True),
        ({"ACC": "a"}, {"accuracy": "1"}, True),
        ({"ACC": "b"}, {"accuracy": 1}, False),
        ({"SITUS": ""}, {"pid": ""}, False),
        ({}, {"number": ""}, True),
    ],
    ids=str,
)
def test_a_test_passes_when_every_expected_attribute_is_equal(
    inputs: dict[str, Any], expected: dict[str, Any], passed: bool
) -> None:
    result = results(inputs, expected)
    assert (result.passed, result.error) == (passed, "")
    assert result.expected == expected


def test_a_failure_shows_what_came_instead() -> None:
    assert results({"SITUS": "12 Main St"}, {"number": "13", "street": "Main St"}).got == {
        "number": "12",
        "street": "Main St",
    }


def test_a_conform_that_cannot_run_fails_with_its_place() -> None:
    result = results(
        {"SITUS": "x"}, {"number": ""}, {"number": {"function": "regexp", "field": "SITUS", "pattern": "("}}
    )
    assert not result.passed
    assert "conform.number: the pattern does not compile" in result.error


def test_results_come_in_the_order_of_the_tests() -> None:
    tests = [{"description": str(n), "inputs": {"SITUS": f"{n} Main"}, "expected": {"number": "1"}} for n in range(3)]
    source = data_source(CONFORM, test={"acceptance-tests": tests})
    assert [(r.description, r.passed) for r in run_tests(source, Limits())] == [("0", False), ("1", True), ("2", False)]


def test_a_source_without_tests_has_no_results() -> None:
    assert run_tests(data_source(CONFORM), Limits()) == ()
