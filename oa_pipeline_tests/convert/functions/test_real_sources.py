"""Real conforms: their acceptance tests, their patterns, and the cases made of them."""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from oa_pipeline.convert.functions import run_tests
from oa_pipeline.convert.functions.patterns import compile_pattern
from oa_pipeline.convert.functions.translate import parse
from oa_pipeline.convert.task import Limits
from oa_pipeline.sources.model import Chain, DataSource, Regexp, Value
from oa_pipeline.sources.parse import parse_source
from oa_pipeline.sources.repository import read_repository

from .rows import program, run


@cache
def corpus(folder: Path) -> tuple[DataSource, ...]:
    (packed,) = folder.glob("*.tar.gz")
    return tuple(held for source in read_repository(packed).sources for held in source.data_sources)


@pytest.fixture(scope="module")
def sources(shared: Path) -> tuple[DataSource, ...]:
    return corpus(shared / "corpus")


def test_all_acceptance_tests_of_all_sources_pass(sources: tuple[DataSource, ...]) -> None:
    results = [(source.key, result) for source in sources if source.tests for result in run_tests(source, Limits())]
    assert len(results) == 132
    assert [(key, result) for key, result in results if not result.passed] == []


def patterns_of(value: Value) -> Iterator[tuple[str, str | None]]:
    if isinstance(value, Regexp):
        yield value.pattern, value.replace
    if isinstance(value, Chain):
        for step in value.steps:
            yield from patterns_of(step)


def all_patterns(sources: tuple[DataSource, ...]) -> list[tuple[str, str | None]]:
    conforms = [source.conform for source in sources if source.conform]
    return sorted(
        {pair for conform in conforms for _, value in conform.attributes for pair in patterns_of(value)}, key=str
    )


def a_match(tree: Any, chance: random.Random) -> str:
    """A text that a pattern may match, from its syntax tree; what looks around or back is left out."""
    return "".join(_piece(str(op), argument, chance) for op, argument in tree)


def _piece(op: str, argument: Any, chance: random.Random) -> str:
    if op == "LITERAL":
        return chr(argument)
    if op == "IN":
        kind, held = argument[-1]
        return _piece(str(kind), held, chance)
    if op == "RANGE":
        return chr(chance.randint(argument[0], min(argument[1], argument[0] + 40)))
    if op == "BRANCH":
        return a_match(chance.choice(argument[1]), chance)
    if op == "SUBPATTERN":
        return a_match(argument[3], chance)
    if op in ("MAX_REPEAT", "MIN_REPEAT"):
        low, high, item = argument
        return "".join(a_match(item, chance) for _ in range(chance.randint(low, min(int(high), low + 3))))
    return chance.choice(ANYTHING)


ANYTHING = [*"aZ5 ,-", "É", "٣", "\u00a0"]
ODD = ["\n", "\x1c", "e\u0301", "²", "\u0130", "\t", " ", "", "\r", "#", "<", "$"]


def texts_for(pattern: str, chance: random.Random, count: int) -> list[str]:
    tree = parse(pattern)
    texts = [""]
    for _ in range(count):
        text = a_match(tree, chance)
        cut = chance.randint(0, len(text))
        texts += [text, text + chance.choice(ODD), text[:cut] + chance.choice(ODD) + text[cut:], text[:cut]]
    return texts


def expected(pattern: str, replace: str | None, text: str) -> str:
    if not replace:
        match = re.search(pattern, text)
        return "".join(group or "" for group in match.groups()) if match else ""
    return re.sub(pattern, re.sub(r"\$\{?([0-9]+)\}?", r"\\g<\1>", replace), text)


def test_every_real_pattern_gives_what_python_gives(sources: tuple[DataSource, ...]) -> None:
    chance = random.Random(20)
    pairs = all_patterns(sources)
    assert len(pairs) == 326
    for pattern, replace in pairs:
        texts = texts_for(pattern, chance, 12 if len(pattern) < 10_000 else 3)
        function = {"function": "regexp", "field": "a", "pattern": pattern, "replace": replace}
        got = [row["city"] for row in run(program({"city": function}, ["a"]), {"a": texts})]
        assert got == [expected(pattern, replace, text) for text in texts], (pattern[:200], replace)


def test_nearly_all_real_patterns_run_in_rust(sources: tuple[DataSource, ...]) -> None:
    short = {pattern for pattern, _ in all_patterns(sources) if len(pattern) < 10_000}
    left = [p for p in short if compile_pattern(p, Limits(), "here").rust is None]
    assert len(left) == 14
    assert all("(?=" in p or "(?!" in p or "(?<" in p for p in left)


def lines_of(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(file)


def test_function_cases_agree_row_by_row(shared: Path) -> None:
    agreed = 0
    for folder in sorted((shared / "cases").glob("*/")):
        if not folder.name.startswith(("edge-fn-", "fx-unit-")) or not (folder / "data.csv").exists():
            continue
        (source,) = parse_source((folder / "source.json").read_bytes(), "xx/a").data_sources
        lines = list(csv.DictReader(lines_of(folder / "data.csv"), restval=""))
        columns = {name: [row[name] for row in lines] for name in lines[0]}
        assert source.conform is not None
        held = source.declared
        assert held is not None
        made = program(held["conform"], columns, source.layer)
        recorded = [json.loads(line)["properties"] for line in lines_of(folder / "expected.geojsonl")]
        assert run(made, columns) == [{k: v for k, v in row.items() if k != "hash"} for row in recorded], folder.name
        agreed += 1
    assert agreed >= 28
