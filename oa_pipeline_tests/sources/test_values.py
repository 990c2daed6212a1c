"""From JSON to attribute values, one reader per function."""

from __future__ import annotations

from typing import Any

import pytest

from oa_pipeline.sources import model as m
from oa_pipeline.sources.places import PlacedError
from oa_pipeline.sources.values import FUNCTIONS, read_value


def fn(function: str, **held: Any) -> dict[str, Any]:
    return {"function": function, **held}


READ = [
    pytest.param("COL", m.Column("COL"), id="column"),
    pytest.param("", m.Column(""), id="blank-column"),
    pytest.param(["A", "B"], m.Columns(("A", "B")), id="columns"),
    pytest.param(2, m.Constant(2), id="accuracy"),
    pytest.param(fn("join", fields=["A", "B"]), m.Join(("A", "B"), " "), id="join"),
    pytest.param(fn("join", fields=["A"], separator=""), m.Join(("A",), ""), id="join-without-separator"),
    pytest.param(fn("format", fields=["A"], format="$1 x"), m.FormatText(("A",), "$1 x"), id="format"),
    pytest.param(fn("regexp", field="A", pattern="(x)"), m.Regexp("A", "(x)", None), id="regexp"),
    pytest.param(fn("regexp", field="A", pattern="(x)", replace=""), m.Regexp("A", "(x)", None), id="empty-replace"),
    pytest.param(fn("regexp", field="A", pattern="x", replace="$1"), m.Regexp("A", "x", "$1"), id="replace"),
    pytest.param(fn("prefixed_number", field="A"), m.PrefixedNumber("A"), id="prefixed_number"),
    pytest.param(fn("postfixed_street", field="A"), m.PostfixedStreet("A", False), id="postfixed_street"),
    pytest.param(
        fn("postfixed_street", field="A", may_contain_units=True), m.PostfixedStreet("A", True), id="street-and-units"
    ),
    pytest.param(fn("postfixed_unit", field="A"), m.PostfixedUnit("A"), id="postfixed_unit"),
    pytest.param(fn("remove_prefix", field="A", field_to_remove="B"), m.RemovePrefix("A", "B"), id="remove_prefix"),
    pytest.param(fn("remove_postfix", field="A", field_to_remove="B"), m.RemovePostfix("A", "B"), id="remove_postfix"),
    pytest.param(fn("first_non_empty", fields=["A", "B"]), m.FirstNonEmpty(("A", "B")), id="first_non_empty"),
    pytest.param(fn("constant", value="CA"), m.Constant("CA"), id="constant"),
    pytest.param(fn("constant", value=1.5), m.Constant("1.5"), id="constant-number"),
    pytest.param(
        fn("map", field="A", mapping={"a": "x", "b": 2}), m.MapValues("A", (("a", "x"), ("b", 2)), None), id="map"
    ),
    pytest.param(fn("map", field="A", mapping={}, **{"else": 5}), m.MapValues("A", (), 5), id="map-else"),
    pytest.param(fn("mph_to_kph", field="A"), m.MphToKph("A"), id="mph_to_kph"),
    pytest.param(fn("get", field="A", index=0), m.Get("A", 0), id="get"),
    pytest.param(fn("get", field="A", index=2.0), m.Get("A", 2), id="get-whole-float"),
    pytest.param(
        fn("chain", variable="v", functions=["A", ["B"], fn("regexp", field="oa:v", pattern="x")]),
        m.Chain((m.Column("A"), m.Columns(("B",)), m.Regexp("oa:v", "x")), "v"),
        id="chain",
    ),
    pytest.param(fn("chain", functions=["A"]), m.Chain((m.Column("A"),), None), id="chain-without-variable"),
    pytest.param(fn("regexpp", field="A"), m.Unknown("regexpp"), id="unknown"),
    pytest.param(fn("__class__"), m.Unknown("__class__"), id="dunder-is-unknown"),
]


@pytest.mark.parametrize(("value", "expected"), READ)
def test_a_value_is_read(value: Any, expected: m.Value) -> None:
    assert read_value(value, ("number",)) == expected


def test_every_function_has_an_example_above() -> None:
    used = {p.values[0]["function"] for p in READ if isinstance(p.values[0], dict)}  # type: ignore[index]
    assert used >= set(FUNCTIONS)


REFUSED = [
    pytest.param(None, ("number",), "null cannot be mapped", id="null"),
    pytest.param(True, ("number",), "true or false cannot be mapped", id="bool"),
    pytest.param(1.5, ("number",), "a number cannot be mapped", id="float"),
    pytest.param({}, ("number",), "'function' is missing", id="no-function"),
    pytest.param(fn(3), ("number", "function"), "'function' must be text", id="function-number"),  # type: ignore[arg-type]
    pytest.param(["A", 1], ("number",), "a list of column names", id="mixed-list"),
    pytest.param(fn("join"), ("number",), "'fields' is missing", id="join-without-fields"),
    pytest.param(fn("join", fields="A"), ("number", "fields"), "a list of column names", id="join-of-text"),
    pytest.param(fn("join", fields=["A"], separator=1), ("number", "separator"), "must be text", id="odd-separator"),
    pytest.param(fn("regexp", field="A"), ("number",), "'pattern' is missing", id="regexp-without-pattern"),
    pytest.param(fn("regexp", field=["A"], pattern="x"), ("number", "field"), "not a list", id="regexp-of-list"),
    pytest.param(fn("constant"), ("number",), "'value' must be", id="constant-without-value"),
    pytest.param(fn("map", field="A"), ("number",), "'mapping' must be an object", id="map-without-mapping"),
    pytest.param(fn("map", field="A", mapping={"a": []}), ("number", "mapping"), "not a list", id="map-to-list"),
    pytest.param(fn("get", field="A"), ("number",), "'index' is missing", id="get-without-index"),
    pytest.param(fn("get", field="A", index="1"), ("number", "index"), "whole number", id="get-text"),
    pytest.param(fn("chain", functions=[]), ("number",), "needs steps", id="empty-chain"),
    pytest.param(
        fn("chain", functions=["A", fn("regexp", field="A")]),
        ("number", "functions", 1),
        "'pattern' is missing",
        id="step-of-a-chain",
    ),
]


@pytest.mark.parametrize(("value", "where", "message"), REFUSED)
def test_a_value_that_makes_no_sense_is_refused_with_its_place(
    value: Any, where: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(PlacedError) as caught:
        read_value(value, ("number",))
    assert message in caught.value.message
    assert caught.value.where == where
    assert caught.value.cure
