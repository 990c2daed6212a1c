"""Patterns: what is refused, what takes too long, and that Rust is only asked where it answers as Python does."""

from __future__ import annotations

import re
import signal
import sys
import threading
from typing import Any

import polars as pl
import pytest

from oa_pipeline.convert.functions import alphabet
from oa_pipeline.convert.functions.patience import Patience, TooSlow
from oa_pipeline.convert.functions.patterns import compile_pattern, compile_template
from oa_pipeline.convert.task import Limits
from oa_pipeline.errors import ConvertError

from .rows import conformed, program, run, value

EVERY = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
PLAIN = {chr(code) for first, last in alphabet.PLAIN for code in range(first, last + 1)}


def regexp(pattern: str, **more: Any) -> dict[str, Any]:
    return {"function": "regexp", "field": "a", "pattern": pattern, **more}


# ---- the alphabet


def test_white_space_is_what_strip_removes() -> None:
    assert set(alphabet.WHITE_SPACE) == {char for char in EVERY if not char.strip()}


@pytest.mark.parametrize("kind", [r"\w", r"\d", r"\s"])
def test_both_engines_class_every_plain_character_alike(kind: str) -> None:
    chars = sorted(PLAIN)
    rust = pl.Series(chars).str.contains(kind).to_list()
    assert rust == [bool(re.match(kind, char)) for char in chars]


def test_no_plain_character_folds_to_an_ascii_letter_of_its_own() -> None:
    letters = re.compile("[a-z]", re.IGNORECASE)
    assert not [char for char in PLAIN if ord(char) > 0x7F and letters.match(char)]


def test_the_guard_finds_every_character_that_is_not_plain() -> None:
    found = pl.Series(EVERY).str.contains(alphabet.NOT_PLAIN)
    assert set(pl.Series(EVERY).filter(~found).to_list()) == PLAIN


def test_line_ends_are_not_plain() -> None:
    assert not PLAIN & set("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")


# ---- which engine


@pytest.mark.parametrize(
    "pattern",
    [
        r"a(?=b)",
        r"(?<!a)b",
        r"(a)\1",
        r"(?P<n>a)(?(n)b|c)",
        r"(?>a+)b",
        r"a++b",
        r"(a|b)*",
        r"(?:a?)*b",
        r"(?i)é",
        r"(?i)[à-ü]",
        r"(?a)\w",
        r"\Bb",
        r"\w{0,1000}" * 20,
    ],
    ids=lambda pattern: pattern[:20],
)
def test_what_rust_lacks_or_does_otherwise_stays_with_python(pattern: str) -> None:
    made = compile_pattern(pattern, Limits(), "here")
    assert made.rust is None
    assert made.reason


@pytest.mark.parametrize(
    ("pattern", "alike"),
    [("x*", False), ("^x*", False), ("^x??", False), ("^(.*)$", True), ("x+", True), ("(x)?$", False)],
)
def test_patterns_that_may_match_nothing_are_replaced_by_python(pattern: str, alike: bool) -> None:
    assert compile_pattern(pattern, Limits(), "here").replaces_alike is alike


def test_rows_that_python_had_to_do_are_counted() -> None:
    made = program({"city": regexp("(\\w+)")}, ["a"])
    run(made, {"a": ["abc", "²", "e\u0301", "é"]})
    assert made.counters["text/row-wise-patterns"] == 2
    slow = program({"city": regexp("(?<=a)(\\w+)")}, ["a"])
    run(slow, {"a": ["abc", "²", "e\u0301", "é"]})
    assert slow.counters["text/row-wise-patterns"] == 4


# ---- refusals


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"\p{L}+", r"does not compile: bad escape \\p"),
        ("(", "does not compile"),
        ("a(?i)b", "does not compile: global flags"),
        ("(a)" * 5_000, "is too large"),
        ("(?:a{0,100000}){0,100000}", "is too large"),
        ("(?:" * 5_000 + ")" * 5_000, "is too large"),
        ("a{99999999999999999999}", "is too large"),
        ("a" * (64 * 1024 + 1), "has 65537 characters"),
    ],
    ids=lambda text: text[:20],
)
def test_a_pattern_that_cannot_be_used_is_refused_with_its_place(pattern: str, message: str) -> None:
    with pytest.raises(ConvertError, match=rf"conform\.city: the pattern {message}") as refusal:
        program({"city": regexp(pattern)}, ["a"])
    assert refusal.value.cure


def test_a_pattern_of_48_kilobytes_is_accepted() -> None:
    names = "|".join(f"BARRACK POINT {number:05}" for number in range(2_450))
    assert 46_000 < len(names) < 49_152
    assert value(regexp(f"^(.*) (?:{names})$"), {"a": "MAIN ST BARRACK POINT 02449"}) == "MAIN ST"


@pytest.mark.parametrize("replace", ["$2", "$10", "${2}", r"\2", r"\g<999>", r"\g<name>", "x\\", r"\q", r"\g<1"])
def test_a_replacement_that_cannot_be_used_is_refused_with_its_place(replace: str) -> None:
    with pytest.raises(ConvertError, match=r"conform\.city\.functions\[0\]: the replacement .*1 group"):
        program({"city": {"function": "chain", "functions": [regexp("(a)", replace=replace)]}}, ["a"])


def test_a_replacement_is_read_once_for_both_engines() -> None:
    pattern = compile_pattern("(a)(?P<name>b)", Limits(), "here")
    made = compile_template(r"$1x${2}$$\g<name>\n\\$0\101", pattern, "here")
    assert pattern.python.sub(made.python, "ab") == "axb$$b\n\\abA"
    assert made.rust == "${1}x${2}" + "$$" * 2 + "${2}\n\\${0}A"


# ---- patience


def test_a_pattern_too_slow_for_one_value_fails_with_the_row() -> None:
    made = program({"city": regexp("^(a+)+$")}, ["a"], limits=Limits(pattern_seconds=0.1))
    assert run(made, {"a": ["aaa", "b"]})[0]["city"] == "aaa"
    with pytest.raises(ConvertError, match="pattern too slow at row 5") as slow:
        made.run(pl.DataFrame({"a": ["a", "a", "a" * 40 + "!"]}))
    assert slow.value.place == "conform.city"
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_a_slow_value_among_doubtful_rows_is_found_at_its_row() -> None:
    made = program({"city": regexp("^(?:(?:a|b|ab)+)(x)$")}, ["a"], limits=Limits(pattern_seconds=0.1))
    slow = "ab" * 30 + "\u0301"
    with pytest.raises(ConvertError, match="pattern too slow at row 3"):
        made.run(pl.DataFrame({"a": ["ab" * 30, "\u0301", slow]}))


def test_many_values_may_take_longer_together() -> None:
    rows = [{"a": f"{'a' * 14}!{number}"} for number in range(200)]
    got = conformed({"city": regexp("^(a+)+$")}, rows, limits=Limits(pattern_seconds=0.05))
    assert {row["city"] for row in got} == {""}


def test_the_timer_gives_back_the_handler_it_found() -> None:
    seen: list[int] = []
    former = signal.signal(signal.SIGPROF, lambda number, _frame: seen.append(number))
    try:
        with pytest.raises(TooSlow), Patience(0.05):
            re.match("^(a+)+$", "a" * 40 + "!")
        signal.raise_signal(signal.SIGPROF)
        assert seen == [signal.SIGPROF]
    finally:
        signal.signal(signal.SIGPROF, former)


def test_patterns_work_outside_the_main_thread() -> None:
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(value(regexp("(?<=a)(b)"), {"a": "ab"})))
    thread.start()
    thread.join()
    assert got == ["b"]
