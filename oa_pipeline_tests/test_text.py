"""Text that PostgreSQL refuses is cleaned at the edge."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest

from oa_pipeline.text import clean_json, clean_text, one_line


@pytest.mark.parametrize(
    ("given", "clean", "removed"),
    [
        pytest.param("plain é 東 😀", "plain é 東 😀", 0, id="untouched"),
        pytest.param("a\0b\0", "ab", 2, id="nul"),
        pytest.param("a\ud800b\udfff", "ab", 2, id="lone-surrogates"),
        pytest.param("", "", 0, id="empty"),
    ],
)
def test_text_loses_what_postgres_refuses_and_the_loss_is_counted(given: str, clean: str, removed: int) -> None:
    assert clean_text(given) == (clean, removed)
    clean_text(given)[0].encode("utf-8")


def test_json_is_cleaned_in_keys_values_and_numbers() -> None:
    given = {"a\0": ["x\ud800", float("nan"), float("inf"), -float("inf"), 1.5, None, True], "b": {"c": ("\0", 2)}}
    cleaned, repairs = clean_json(given)
    assert cleaned == {"a": ["x", None, None, None, 1.5, None, True], "b": {"c": ["", 2]}}
    assert repairs == 6
    json.dumps(cleaned, allow_nan=False).encode("utf-8")


def test_json_without_faults_comes_back_equal() -> None:
    given = {"rows": 3, "name": "Straße", "list": [1, [2, {"x": None}]]}
    assert clean_json(given) == (given, 0)


def test_endless_nesting_is_cut_not_followed() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    cleaned, repairs = clean_json(deep)
    assert repairs == 1
    assert json.loads(json.dumps(cleaned)) == cleaned


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param("plain é 東 😀 …", "plain é 東 😀 …", id="untouched"),
        pytest.param("one\r\ntwo\u2028three", "one two three", id="line-ends"),
        pytest.param("a\x1b]0;owned\x07b\x9bm", "a ]0;owned b m", id="escapes"),
        pytest.param("to\u202egnp.exe", "to gnp.exe", id="turned-writing"),
        pytest.param("half\ud800", "half", id="lone-surrogate"),
    ],
)
def test_what_is_shown_stays_on_its_line_and_moves_no_cursor(given: str, shown: str) -> None:
    assert one_line(given) == shown


def test_no_character_that_moves_or_turns_is_shown_alone() -> None:
    for category in ("Cc", "Zl", "Zp", "Cs"):
        for character in (chr(n) for n in range(sys.maxunicode + 1) if unicodedata.category(chr(n)) == category):
            assert one_line(f"a{character}b") == "a b", hex(ord(character))
