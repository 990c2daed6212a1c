"""The functions against the plain row-at-a-time reading, on conforms and rows that nobody thought of."""

from __future__ import annotations

import random
import re
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.oracle import conform_row
from oa_pipeline.convert.functions.patterns import compile_pattern, compile_template
from oa_pipeline.convert.task import Limits
from oa_pipeline.sources.model import Layer

from .rows import data_source, program, run

COLUMNS = ("a", "b", "street", "v")
FIELDS = st.sampled_from([*COLUMNS, "missing", "oa:number", "oa:city"])

PIECES = [
    *("", " ", "1", "12", "12 ", "12-14 ", "7A ", "Main", " St", "Apt 4", " unit 5", " #6", "ste.", ".0", "0.0", "x.0"),
    *(
        "\u00a0",
        "\t",
        "\n",
        "\r",
        "\x1c",
        "\x1f",
        "\u3000",
        "\u200b",
        "e\u0301",
        "É",
        "\u0130",
        "\u0131",
        "ſ",
        "\u212a",
    ),
    *(
        "٣ ",
        "１２ ",
        "²",
        "½",
        "通り",
        "़",
        "$1",
        "\\",
        "{0}",
        "null",
        "nan",
        "1e2",
        "1_0",
        "inf",
        "['p', 'q']",
        '["p"]',
    ),
]
CELLS = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)

PATTERNS = st.sampled_from(
    [
        "^([0-9]+)",
        r"^(\d+)\s+(.*)$",
        r"(\w+)$",
        r"(?<=\s)(\S+)",
        r"^(?!12)(.*)",
        r"(?i)(main|unit|ste\.?)",
        r"\b(\w)",
        r"(a)?(\d)?",
        r"([A-Z])|([^\W\d_])",
        r"\s+",
        r"^.*$",
        r".*",
        r"x??",
        r"(?:(\d)|(\w))+",
        r"[^\d]+$",
        r"(\d)(?=\D)",
    ]
)
REPLACEMENTS = st.sampled_from([None, "", "<$0>", "$$", "$name", r"\t-", "${0}0"])


def functions(fields: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    many = st.lists(fields, min_size=1, max_size=3)
    keys = st.sampled_from(["", "12", "Main", "1.0"])
    numbers = st.one_of(st.integers(0, 5), st.sampled_from(["1", "", "1.0", 2.5]))
    return st.one_of(
        fields,
        many,
        st.builds(_fn("constant"), value=st.sampled_from([" 7.0", "", 3])),
        st.builds(_fn("join"), fields=many, separator=st.sampled_from(["", "-", " "])),
        st.builds(
            _fn("format"), fields=many, format=st.sampled_from(["$1-$2", "a$2b$1c", "$0x$1$3.", "$1", "$9", "($1)"])
        ),
        st.builds(_fn("regexp"), field=fields, pattern=PATTERNS, replace=REPLACEMENTS),
        st.builds(_fn("prefixed_number"), field=fields),
        st.builds(_fn("postfixed_street"), field=fields, may_contain_units=st.booleans()),
        st.builds(_fn("postfixed_unit"), field=fields),
        st.builds(_fn("remove_prefix"), field=fields, field_to_remove=fields),
        st.builds(_fn("remove_postfix"), field=fields, field_to_remove=fields),
        st.builds(_fn("first_non_empty"), fields=many),
        st.builds(_fn("map"), field=fields, mapping=st.dictionaries(keys, numbers, max_size=3), **{"else": numbers}),
        st.builds(_fn("mph_to_kph"), field=fields),
        st.builds(_fn("get"), field=fields, index=st.integers(-1, 2)),
        st.builds(_fn("reverse"), field=fields),
    )


def _fn(name: str) -> Any:
    return lambda **more: {"function": name, **more}


# The first step cannot name the value itself; the file's columns it can.
FIRST = functions(st.sampled_from([*COLUMNS, "missing"]))
LATER = functions(st.sampled_from([*COLUMNS, "w", "oa:w", "oa:v", "oa:postcode", "postcode", "unit"]))


def chains(steps: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda first, more, variable: {"function": "chain", "functions": [first, *more], "variable": variable},
        FIRST,
        st.lists(steps, max_size=3),
        st.sampled_from([None, "w", "oa:w", "v", "unit", "street"]),
    )


CHAINS = chains(st.one_of(LATER, chains(LATER)))
ANY = functions(FIELDS)
CONFORMS = st.builds(
    lambda number, city, others, postcode, region: (
        {"number": number, "city": city, **others, "postcode": postcode, "region": region}
    ),
    FIRST,
    functions(st.sampled_from([*COLUMNS, "oa:number"])),
    st.dictionaries(st.sampled_from(["street", "unit", "accuracy"]), ANY, max_size=2),
    CHAINS,
    FIELDS,
)
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, CELLS)), min_size=1, max_size=6)


@settings(max_examples=350, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(conform=CONFORMS, rows=ROWS, missing_is_empty=st.booleans())
def test_every_conform_gives_what_the_plain_reading_gives(
    conform: dict[str, Any], rows: list[dict[str, str]], missing_is_empty: bool
) -> None:
    held = data_source(conform).conform
    assert held is not None
    expected = [conform_row(held, Layer.ADDRESSES, row, missing_is_empty=missing_is_empty) for row in rows]
    made = program(conform, COLUMNS, missing_is_empty=missing_is_empty)
    assert run(made, {name: [row[name] for row in rows] for name in COLUMNS}) == expected


ATOMS = [*"abAB1 ,-.é", r"\d", r"\w", r"\s", r"\S", r"\D", r"\b", "[ab]", "[^a]", "[A-Z]", r"[\d ]", r"\.", "^", "$"]
TIMES = ["*", "+", "?", "*?", "+?", "??", "{1,2}", "{0,3}?", "{2}"]
PLAIN_TEXT = "aabbAB1129 ,-.é\u00a0\t"


def a_pattern(chance: random.Random, depth: int = 4) -> str:
    """Any pattern that Python takes, often one that looks like those of the sources."""
    kind = chance.random()
    if depth == 0 or kind < 0.35:
        return chance.choice(ATOMS)
    inner = a_pattern(chance, depth - 1)
    if kind < 0.55:
        return inner + a_pattern(chance, depth - 1)
    if kind < 0.65:
        return f"(?:{inner}|{a_pattern(chance, depth - 1)})"
    if kind < 0.80:
        return f"({inner})"
    return f"(?:{inner}){chance.choice(TIMES)}"


@pytest.mark.parametrize("seed", range(4))
def test_rust_finds_and_replaces_what_python_does_on_plain_text(seed: int) -> None:
    chance = random.Random(seed)
    texts = ["", *("".join(chance.choices(PLAIN_TEXT, k=chance.randint(1, 9))) for _ in range(80))]
    frame = pl.DataFrame({"a": texts})
    asked = 0
    for _ in range(350):
        start, end, case = (chance.choice(("", "", mark)) for mark in ("^", "$", "(?i)"))
        pattern = compile_pattern(f"{case}{start}{a_pattern(chance)}{a_pattern(chance)}{end}", Limits(), "here")
        if pattern.rust is None:
            continue
        asked += 1
        if pattern.groups:
            groups = frame.select(pl.col("a").str.extract_groups(pattern.rust)).unnest("a").rows()
            found = [pattern.python.search(text) for text in texts]
            wanted = [match.groups() if match else (None,) * pattern.groups for match in found]
            assert groups == wanted, pattern.python.pattern
        if pattern.replaces_alike:
            template = compile_template("<$0>", pattern, "here")
            assert template.rust is not None
            replaced = frame.select(pl.col("a").str.replace_all(pattern.rust, template.rust)).to_series().to_list()
            assert replaced == [re.sub(pattern.python, template.python, text) for text in texts], pattern.python.pattern
    assert asked > 150
