"""What each function promises, value by value."""

from __future__ import annotations

from typing import Any

import pytest

from oa_pipeline.convert.functions import program as programs
from oa_pipeline.convert.task import Limits
from oa_pipeline.errors import ConvertError
from oa_pipeline.sources.values import FUNCTIONS

from .rows import conformed, program, run, value

NBSP = "\u00a0"


def fn(function: str, **more: Any) -> dict[str, Any]:
    return {"function": function, **more}


def test_every_function_that_can_be_parsed_can_be_run() -> None:
    parsed = {"Column", "Columns", "Unknown"} | {
        {"format": "FormatText", "map": "MapValues"}.get(name, "".join(part.title() for part in name.split("_")))
        for name in FUNCTIONS
    }
    assert {kind.__name__ for kind in programs._COMPILERS} == parsed


@pytest.mark.parametrize(
    ("cells", "result"),
    [
        (("A", "B"), "A B"),
        (("", "B"), "B"),
        ((f"{NBSP}A\t", "\x1cB\x1f"), "A B"),
        ((" ", ""), ""),
        (("1.0", "\u200b"), "1.0 \u200b"),
    ],
    ids=ascii,
)
def test_a_list_strips_its_cells_and_leaves_empty_ones_out(cells: tuple[str, str], result: str) -> None:
    assert value(["a", "missing", "b"], {"a": cells[0], "b": cells[1]}) == result


def test_a_list_of_nothing_but_missing_columns_is_empty() -> None:
    assert value(["x", "y"], {"a": "1"}) == ""


def test_join_puts_its_separator_between_what_there_is() -> None:
    assert value(fn("join", fields=["a", "b", "c"], separator=" – "), {"a": " 1 ", "b": "", "c": "2"}) == "1 – 2"
    assert value(fn("join", fields=["a", "b"], separator=""), {"a": "1", "b": "2"}) == "12"


def test_join_of_a_missing_column_is_empty() -> None:
    assert value(fn("join", fields=["a", "missing"]), {"a": "1"}) == ""


@pytest.mark.parametrize(
    ("template", "cells", "result"),
    [
        ("$1-$2", ("12", "14"), "12-14"),
        ("$1-$2", ("12", ""), "12"),
        ("$1-$2", ("", "14"), "14"),
        ("$1-$2", ("", " "), ""),
        ("No $1/$2!", ("", "3.0"), "No 3!"),
        ("$2$1", ("1.0", "2.0.0"), "2.01"),
        ("$1-$2", (".0", "5"), "-5"),
        ("$0x$1", ("7", ""), "x7"),
        ("$12-$1", ("7", ""), "-7"),
        ("$9 $8", ("7", ""), ""),
        ("no slots", ("7", ""), ""),
        ("$1 $$ {0.__init__} %s __class__", ("7", ""), "7 $$ {0.__init__} %s __class__"),
        ("$99999999999999999999$1", ("7", ""), "7"),
        ("${1}$1", ("7", ""), "${1}7"),
    ],
    ids=str,
)
def test_format_keeps_text_beside_values_only(template: str, cells: tuple[str, str], result: str) -> None:
    assert value(fn("format", fields=["a", "b"], format=template), {"a": cells[0], "b": cells[1]}) == result


@pytest.mark.parametrize(
    ("pattern", "text", "result"),
    [
        ("([0-9]+) (.*)", "x 12 Main", "12Main"),
        ("(a)|(b)", "b", "b"),
        ("[0-9]+", "12", ""),
        ("(z)", "12", ""),
        ("^(.*)$", "a\n", "a"),
        ("^(\\d+)", "١٢ شارع", "١٢"),
        ("(\\w+)", "²Ş", "²Ş"),
        ("(\\w+)", "e\u0301a", "e"),
        ("^(\\S+)\\s", "a\x1cb", "a"),
        ("(?i)(i+)", "\u0130I", "\u0130I"),
        ("(?<=x)(.)", "axb", "b"),
        ("^(?:\\d+\\s+)(.+?)(?:\\s+\\<.+)?$", "151 FALCON DR <Null>", "FALCON DR"),
        ("([[:alpha:]]+)", "x[:a]", "a]"),
        ("([a&&b]+)", "x&&b", "&&b"),
        ("^(a|b)*$", "ab", "b"),
        ("\\B(b)", "ab", "b"),
    ],
    ids=ascii,
)
def test_regexp_gives_the_groups_of_the_first_match(pattern: str, text: str, result: str) -> None:
    assert value(fn("regexp", field="a", pattern=pattern), {"a": text}) == result


@pytest.mark.parametrize(
    ("pattern", "replace", "text", "result"),
    [
        ("^(\\d+) (.*)$", "$2-$1x", "12 Main", "Main-12x"),
        ("^(\\d+) (.*)$", "$1", "no number", "no number"),
        ("^(\\d+)( x)?$", "$1", "12", "12"),
        ("^(\\d+)?(x)$", "$1", "x", ""),
        ("(.)", "$1$1", "ab", "aabb"),
        ("x*", "-", "axb", "-a--b-"),
        ("^x??", "-", "x", "--"),
        ("(b)", "${1}0", "abc", "ab0c"),
        ("(b)", "$b $name $", "abc", "a$b $name $c"),
        ("(b)", r"[\1\t\\\g<1>]", "abc", "a[b\t\\b]c"),
        ("(?P<n>b)", r"<\g<n>>", "abc", "a<b>c"),
        ("b", "$0$0", "abc", "abbc"),
        ("(b)", r"\$1", "abc", r"a\$1c"),
        ("(b)", "{0.__init__}%s__class__", "b", "{0.__init__}%s__class__"),
        ("(b)", "", "abc", "b"),
        ("(b)", "\U000f0001", "abc", "a\U000f0001c"),
        ("b", "$$", "abc", "a$$c"),
        ("^(.*)$", "$1!", "a\n", "a!\n"),
        ("(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)(l)(m)", "$12$1", "bcdefghijklm", "mb"),
        ("NEKOOSA", r"\g<0> 54457", "NEKOOSA", "NEKOOSA 54457"),
    ],
    ids=ascii,
)
def test_regexp_with_replace_replaces_every_match(pattern: str, replace: str, text: str, result: str) -> None:
    function = fn("regexp", field="a", pattern=pattern, replace=replace)
    assert value(function, {"a": text}) == result


ADDRESSES = {
    "123 Main St": ("123", "Main St", "Main St", ""),
    "123A Main St": ("123A", "Main St", "Main St", ""),
    "123-a Main": ("123-a", "Main", "Main", ""),
    "12-14 Main": ("12-14", "Main", "Main", ""),
    "123 1/2 Main": ("123 1/2", "Main", "Main", ""),
    "123-1/2 Main": ("123-1/2", "Main", "Main", ""),
    "5th Ave": ("", "5th Ave", "5th Ave", ""),
    "123": ("", "123", "123", ""),
    "123 ": ("123", "", "123 ", ""),
    f"123{NBSP}Main": ("123", "Main", "Main", ""),
    "１２ Main": ("１２", "Main", "Main", ""),
    "123\u212a Main": ("123\u212a", "Main", "Main", ""),
    "1 Main St Apt 4": ("1", "Main St Apt 4", "Main St", "Apt 4"),
    "1 Main St  # 4": ("1", "Main St  # 4", "Main St", "# 4"),
    "1 Main St#4": ("1", "Main St#4", "Main St#4", ""),
    "1 Main Haste 5": ("1", "Main Haste 5", "Main Haste 5", ""),
    "1 Main Bldg. 2 Ste. 3": ("1", "Main Bldg. 2 Ste. 3", "Main", "Bldg. 2 Ste. 3"),
    "Unit 5 Unit 6": ("", "Unit 5 Unit 6", "Unit 5", "Unit 6"),
    "5 Lot 3 Rd": ("5", "Lot 3 Rd", "Lot 3 Rd", "Lot 3 Rd"),
    "12 Main\nApt 5": ("12", "Main", "Main", "Apt 5"),
    "": ("", "", "", ""),
}


def test_address_functions_take_an_address_apart() -> None:
    conform = {
        "city": fn("prefixed_number", field="a"),
        "district": fn("postfixed_street", field="a"),
        "region": fn("postfixed_street", field="a", may_contain_units=True),
        "id": fn("postfixed_unit", field="a"),
    }
    rows = conformed(conform, [{"a": text} for text in ADDRESSES])
    got = [(row["city"], row["district"], row["region"], row["id"]) for row in rows]
    assert dict(zip(ADDRESSES, got, strict=True)) == ADDRESSES


@pytest.mark.parametrize(
    ("function", "text", "other", "result"),
    [
        ("remove_prefix", "123  Main", "123", "Main"),
        ("remove_prefix", "123\tMain", "123", "\tMain"),
        ("remove_prefix", "Main", "123", "Main"),
        ("remove_prefix", " Main", "", "Main"),
        ("remove_prefix", "a.b", "a.", "b"),
        ("remove_postfix", "Main Apt 5", "Apt 5", "Main"),
        ("remove_postfix", f"Main{NBSP}5", "5", f"Main{NBSP}"),
        ("remove_postfix", "Main ", "", "Main "),
        ("remove_postfix", "MAIN", "main", "MAIN"),
    ],
    ids=ascii,
)
def test_remove_cuts_at_the_ends_and_trims_blanks_only(function: str, text: str, other: str, result: str) -> None:
    assert value(fn(function, field="a", field_to_remove="b"), {"a": text, "b": other}) == result


def test_first_non_empty_takes_the_first_cell_with_text_as_it_is() -> None:
    function = fn("first_non_empty", fields=["missing", "a", "b"])
    assert value(function, {"a": " \x1f", "b": " x "}) == " x "
    assert value(function, {"a": "", "b": NBSP}) == ""


MAPPING = {"A": 1, "": "blank", "1": 2.5}


@pytest.mark.parametrize(
    ("cell", "text", "json"),
    [("A", "1", 1), ("", "blank", "blank"), ("1", "2.5", 2.5), ("1.0", "5", 5), ("a", "5", 5)],
    ids=ascii,
)
def test_map_looks_the_exact_text_up_and_keeps_numbers_for_accuracy(cell: str, text: str, json: Any) -> None:
    function = fn("map", field="a", mapping=MAPPING, **{"else": 5})
    row = conformed({"city": function, "accuracy": function}, [{"a": cell}])[0]
    assert (row["city"], row["accuracy"]) == (text, json)


def test_map_gives_nothing_for_an_unknown_text_without_else_and_for_a_missing_column() -> None:
    assert value(fn("map", field="a", mapping={"A": "1"}), {"a": "B"}) == ""
    assert value(fn("map", field="missing", mapping={"": "1"}, **{"else": "2"}), {"a": "B"}) == ""
    assert value(fn("map", field="a", mapping={}, **{"else": "2"}), {"a": "B"}) == "2"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("25", "40"),
        (" 1e2 ", "161"),
        ("1_0", "16"),
        ("３０", "48"),
        ("-5", "-8"),
        ("nan", ""),
        ("inf", ""),
        ("1e400", ""),
        ("", ""),
        ("25 mph", ""),
    ],
)
def test_mph_to_kph_takes_what_python_calls_a_number(text: str, result: str) -> None:
    assert value(fn("mph_to_kph", field="a"), {"a": text}) == result


@pytest.mark.parametrize(
    ("text", "index", "result"),
    [
        ('["a", "b"]', 1, "b"),
        ("['a', 'b']", 0, "a"),
        ("[1, 2.5, true, null]", 0, "1"),
        ("[1, 2.5, true, null]", 2, "True"),
        ("[1, 2.5, true, null]", 3, ""),
        ('["a"]', 1, ""),
        ('["a"]', -1, ""),
        ("plain", 0, "plain"),
        ("plain", 1, ""),
        ('[{"k": ["é"]}]', 0, '{"k":["é"]}'),
        ("[not a list]", 0, "[not a list]"),
        ("[" * 5000 + "]" * 5000, 1, ""),
        ("", 0, ""),
    ],
    ids=lambda held: str(held)[:20],
)
def test_get_takes_one_of_repeated_values(text: str, index: int, result: str) -> None:
    assert value(fn("get", field="a", index=index), {"a": text}) == result


def test_numbers_in_accuracy_stay_numbers_and_become_text_elsewhere() -> None:
    row = conformed({"accuracy": 3, "city": fn("constant", value=3)}, [{"a": "1"}])[0]
    assert (row["accuracy"], row["city"]) == (3, "3")


def test_number_street_and_unit_are_stripped_and_number_loses_one_final_zero() -> None:
    cell = "\x1f 1.0.0\u3000"
    names = ("number", "street", "unit", "city")
    row = conformed(dict.fromkeys(names, "a"), [{"a": cell}])[0]
    assert [row[name] for name in names] == ["1.0", "1.0.0", "1.0.0", cell]


def test_other_layers_are_not_cleaned() -> None:
    assert conformed({"pid": "a"}, [{"a": " 123.0 "}], layer="parcels") == [{"pid": " 123.0 "}]


@pytest.mark.parametrize("missing_is_empty", [False, True])
def test_a_plain_missing_column_is_null_unless_missing_is_empty(missing_is_empty: bool) -> None:
    conform = {
        "number": "zz",
        "street": "zz",
        "unit": "zz",
        "city": "zz",
        "postcode": fn("regexp", field="zz", pattern="(.)"),
    }
    row = conformed(conform, [{"a": "1"}], missing_is_empty=missing_is_empty)[0]
    assert (row["number"], row["street"], row["unit"], row["postcode"]) == ("", "", "", "")
    assert row["city"] == ("" if missing_is_empty else None)
    assert row["id"] == ""  # not mapped at all


@pytest.mark.parametrize("layer", ["parcels", "buildings", "centerlines"])
def test_missing_columns_are_null_in_other_layers(layer: str) -> None:
    name = {"parcels": "pid", "buildings": "height", "centerlines": "name"}[layer]
    assert conformed({name: "zz"}, [{"a": "1"}], layer=layer)[0][name] is None


def test_missing_columns_are_reported_with_the_closest_names() -> None:
    made = program({"number": "HOUSENO", "street": ["STREET", "TYPE"]}, ["house_no", "Street", "HOUSE_NO", "TYPE"])
    assert [(m.attribute, m.column) for m in made.missing] == [("number", "HOUSENO"), ("street", "STREET")]
    assert "HOUSE_NO" in made.missing[0].closest
    assert made.missing[1].closest[0] == "Street"
    assert made.counters["text/missing-columns"] == 2
    assert "no column 'STREET'" in made.warnings[1]


def test_an_unknown_function_is_empty_and_reported() -> None:
    made = program({"number": fn("reverse", field="a")}, ["a"])
    assert run(made, {"a": ["1"]})[0]["number"] == ""
    assert made.warnings == ("conform.number: unknown function 'reverse' gives nothing",)


def test_only_columns_that_matter_are_wanted() -> None:
    conform = {"number": "n", "street": fn("regexp", field="unused", pattern="no group"), "city": ["c", "gone"]}
    assert program(conform, ["n", "c", "unused", "other"]).wanted == {"n", "c"}


def test_column_names_are_never_patterns() -> None:
    row = {"^.*$": "1", "": "2", "*": "3", "made0": "4", "file0": "5", "rows": "6"}
    names = ("number", "street", "unit", "city", "district", "region")
    got = conformed(dict(zip(names, row, strict=True)), [row])[0]
    assert [got[name] for name in names] == list(row.values())


def test_the_attributes_come_in_order_for_any_number_of_rows() -> None:
    made = program({"street": fn("constant", value="High St"), "accuracy": 2}, [])
    for rows in (0, 1, 3):
        got = run(made, {"a": [""] * rows})
        assert len(got) == rows
        assert all(list(row)[:3] == ["number", "street", "unit"] and row["street"] == "High St" for row in got)


def test_a_later_attribute_may_use_an_earlier_one_before_its_clean_up() -> None:
    conform = {"number": "a", "city": fn("format", fields=["oa:number"], format="<$1>"), "region": "oa:number"}
    assert conformed(conform, [{"a": " 1.0"}])[0]["region"] == " 1.0"
    assert conformed(conform, [{"a": " 1.0"}])[0]["city"] == "<1>"
    null = {"city": "gone", "region": fn("join", fields=["oa:city", "a"])}
    assert conformed(null, [{"a": "1"}])[0]["region"] == "1"


def test_a_value_that_functions_swell_is_cut_and_counted() -> None:
    swelling = {"function": "regexp", "field": "a", "pattern": "", "replace": "é" * 40}
    made = program({"city": swelling, "unit": "a"}, ["a"], limits=Limits(cell_chars=100))
    rows = run(made, {"a": ["xx", "x"]})

    assert [len(row["city"]) for row in rows] == [100, 81]
    assert [row["unit"] for row in rows] == ["xx", "x"]
    assert made.counters["text/cut-values"] == 1


def test_a_format_of_very_many_fields_is_refused() -> None:
    with pytest.raises(ConvertError, match="501 fields in the format"):
        value({"function": "format", "fields": ["a"], "format": "$1 " * 501}, {"a": "x"})
    assert value({"function": "format", "fields": ["a"], "format": "$1" * 500}, {"a": "x"}) == "x" * 500
