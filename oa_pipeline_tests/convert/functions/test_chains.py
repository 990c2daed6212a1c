"""Chains: what their steps see, what blanks do to them, and that nothing of them stays behind."""

from __future__ import annotations

from typing import Any

import pytest

from oa_pipeline.convert.task import Limits
from oa_pipeline.errors import ConvertError

from .rows import conformed, program, value


def fn(function: str, **more: Any) -> dict[str, Any]:
    return {"function": function, **more}


def chain(*steps: Any, **more: Any) -> dict[str, Any]:
    return fn("chain", functions=list(steps), **more)


def grab(field: str, pattern: str = "^(.*)$") -> dict[str, Any]:
    return fn("regexp", field=field, pattern=pattern)


def wrap(field: str) -> dict[str, Any]:
    return fn("format", fields=[field], format="<$1>")


@pytest.mark.parametrize("name", ["oa:w", "w"])
def test_a_step_knows_the_result_before_it_by_both_names(name: str) -> None:
    assert value(chain(grab("a"), wrap(name), wrap(name), variable="w"), {"a": "x"}) == "<<x>>"


@pytest.mark.parametrize("name", ["oa:w", "w"])
def test_a_step_after_a_blank_gives_empty_text(name: str) -> None:
    rows = conformed({"city": chain(grab("a", "(x)"), wrap(name), variable="w")}, [{"a": "x"}, {"a": ""}, {"a": "y"}])
    assert [row["city"] for row in rows] == ["<x>", "", ""]


def test_the_bare_name_keeps_the_last_text_where_a_step_gives_none() -> None:
    steps = (grab("a"), grab("oa:w", "(z)"), fn("join", fields=["w", "oa:w"], separator="|"))
    assert value(chain(*steps, variable="w"), {"a": "x"}) == "x"


def test_without_a_variable_the_attribute_is_the_name() -> None:
    row = {"a": "x", "street": "Column St"}
    steps = (fn("join", fields=["street", "a"], separator="+"), wrap("street"), wrap("oa:street"))
    assert conformed({"street": chain(*steps)}, [row])[0]["street"] == "<<Column St+x>>"


def test_a_variable_called_like_an_attribute_is_not_used() -> None:
    conform = {"street": chain(grab("a"), wrap("oa:street"), variable="unit"), "unit": "b"}
    row = conformed(conform, [{"a": "x", "b": "7"}])[0]
    assert (row["street"], row["unit"]) == ("<x>", "7")


def test_a_variable_called_like_a_column_leaves_the_column_readable() -> None:
    steps = (grab("a"), fn("join", fields=["b", "oa:city", "oa:b"], separator="|"))
    assert value(chain(*steps, variable="b"), {"a": "x", "b": "7"}) == "7|x|x"


def test_two_chains_with_the_same_variable_do_not_meet() -> None:
    conform = {
        "city": chain(grab("a"), wrap("oa:w"), variable="w"),
        "region": chain(grab("b"), wrap("oa:w"), variable="w"),
    }
    row = conformed(conform, [{"a": "x", "b": "y"}])[0]
    assert (row["city"], row["region"]) == ("<x>", "<y>")


def test_a_chain_does_not_overwrite_the_column_named_like_its_attribute() -> None:
    conform = {"street": chain(grab("a"), wrap("street")), "city": "street"}
    row = conformed(conform, [{"a": "x", "street": "Column St"}])[0]
    assert (row["street"], row["city"]) == ("<x>", "Column St")


def test_a_variable_is_gone_after_its_chain() -> None:
    conform = {"city": chain(grab("a"), variable="w"), "region": fn("join", fields=["w"]), "district": "oa:w"}
    made = program(conform, ["a"])
    assert [m.column for m in made.missing] == ["w", "oa:w"]
    assert conformed(conform, [{"a": "x"}])[0]["region"] == ""


@pytest.mark.parametrize(
    "steps",
    [
        (fn("first_non_empty", fields=["b"]),),
        (fn("join", fields=["missing"]),),
        (fn("reverse"),),
        (fn("join", fields=["missing"]), wrap("oa:w")),
        (fn("first_non_empty", fields=["b"]), wrap("w")),
    ],
    ids=str,
)
def test_a_chain_without_any_result_is_empty(steps: Any) -> None:
    assert value(chain(*steps, variable="w"), {"a": "x", "b": " "}) == ""


@pytest.mark.parametrize(
    "step",
    [fn("first_non_empty", fields=["b"]), fn("join", fields=["missing", "a"]), fn("reverse")],
    ids=str,
)
def test_a_step_that_finds_nothing_leaves_the_value(step: Any) -> None:
    assert value(chain(grab("a"), step, variable="w"), {"a": "x", "b": " "}) == "x"


def test_a_plain_column_may_be_a_step() -> None:
    assert value(chain("a", wrap("oa:w"), variable="w"), {"a": "x"}) == "<x>"
    assert value(chain(["a", "b"], wrap("oa:w"), variable="w"), {"a": "x", "b": "y"}) == "<x y>"


@pytest.mark.parametrize("variable", ["oa:w", "aid", "ao", "oa:"])
def test_only_the_prefix_is_taken_off_a_variable(variable: str) -> None:
    name = variable.removeprefix("oa:") or "city"
    assert value(chain(grab("a"), wrap(f"oa:{name}"), wrap(name), variable=variable), {"a": "x"}) == "<<x>>"


def test_nested_chains_see_the_outer_value_and_give_theirs_back() -> None:
    inner = chain(fn("format", fields=["outer", "b"], format="$1-$2"), wrap("oa:inner"), variable="inner")
    assert value(chain(grab("a"), inner, wrap("oa:outer"), variable="outer"), {"a": "x", "b": "y"}) == "<<x-y>>"


def test_a_nested_chain_leaves_nothing_but_its_value() -> None:
    conform = {"city": chain(grab("a"), chain(wrap("oa:outer"), variable="inner"), "oa:inner", variable="outer")}
    assert [m.column for m in program(conform, ["a"]).missing] == ["oa:inner"]


def test_a_nested_chain_without_a_variable_works_on_the_outer_value() -> None:
    assert value(chain(grab("a"), chain(wrap("oa:w"), wrap("w")), variable="w"), {"a": "x"}) == "<<x>>"


def test_an_integer_at_the_end_of_a_chain_stays_one_in_accuracy() -> None:
    ranks = fn("map", field="oa:w", mapping={"x": 1, "y": "2"}, **{"else": 5})
    fallback = fn("first_non_empty", fields=["b"])
    rows = [{"a": "x", "b": ""}, {"a": "y", "b": ""}, {"a": "z", "b": "text"}, {"a": "z", "b": ""}]
    got = conformed({"accuracy": chain(grab("a"), ranks, fallback, variable="w")}, rows)
    assert [row["accuracy"] for row in got] == [1, "2", "text", 5]


def test_a_value_cannot_be_made_of_itself() -> None:
    for conform in (
        {"city": wrap("oa:city")},
        {"city": chain(wrap("oa:w"), variable="w")},
        {"city": chain(chain(wrap("oa:w"), variable="v"), variable="w")},
    ):
        with pytest.raises(ConvertError, match=r"conform\.city.*is this value itself"):
            program(conform, ["a"])
    assert value(wrap("oa:city"), {"oa:city": "a real column"}) == "<a real column>"


def test_chains_may_be_fifty_deep_and_no_deeper() -> None:
    def nested(depth: int) -> Any:
        return chain(nested(depth - 1)) if depth else grab("a")

    assert value(nested(50), {"a": "x"}) == "x"
    with pytest.raises(ConvertError, match=r"functions\[0\].*nested more than 50 deep"):
        program({"city": nested(51)}, ["a"])


def test_a_chain_may_have_many_steps() -> None:
    steps = [grab("a")] + [fn("regexp", field="oa:w", pattern="$", replace="!")] * 99
    assert value(chain(*steps, variable="w"), {"a": "x"}) == "x" + "!" * 99
    with pytest.raises(ConvertError, match="501 steps"):
        program({"city": chain(*[grab("a")] * 501)}, ["a"], limits=Limits())


@pytest.mark.parametrize("function", ["join", "format", "first_non_empty", "list"])
def test_fields_are_capped_at_five_hundred(function: str) -> None:
    def naming(count: int) -> Any:
        fields = ["a"] * count
        return fields if function == "list" else fn(function, fields=fields, format="$1")

    assert value(naming(500), {"a": "x"}).startswith("x")
    with pytest.raises(ConvertError, match=r"conform\.city: 501 fields"):
        program({"city": naming(501)}, ["a"])


def test_before_there_is_text_the_bare_name_is_missing_in_that_row() -> None:
    joined = chain(grab("a", "(x)"), fn("join", fields=["b", "w"], separator="+"), variable="w")
    mapped = chain(grab("a", "(x)"), fn("map", field="w", mapping={"x": 1}, **{"else": 5}), variable="w")
    listed = chain(grab("a", "(x)"), ["b", "w"], variable="w")
    conform = {"city": joined, "accuracy": mapped, "region": listed}
    rows = conformed(conform, [{"a": "x", "b": "7"}, {"a": "y", "b": "7"}])
    assert [(row["city"], row["accuracy"], row["region"]) for row in rows] == [("7+x", 1, "7 x"), ("", "", "7")]
