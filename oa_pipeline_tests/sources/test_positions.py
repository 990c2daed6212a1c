"""Strict JSON with positions."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oa_pipeline.sources.places import PlacedError, dotted
from oa_pipeline.sources.positions import read_json

TEXT = """{
  "schema": 2,
  "layers": {
    "addresses": [
      {"name": "é😀",
       "data": "x"},
      [1, 2.5, -3]
    ]
  }
}
"""


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ((), (1, 1)),
        (("schema",), (2, 13)),
        (("layers", "addresses"), (4, 18)),
        (("layers", "addresses", 0, "name"), (5, 16)),
        (("layers", "addresses", 0, "data"), (6, 16)),
        (("layers", "addresses", 1), (7, 7)),
        (("layers", "addresses", 0, "absent", 3), (5, 7)),
        (("layers", "addresses", 1, 2), (7, 7)),
    ],
)
def test_every_value_has_its_line_and_column(where: tuple[str | int, ...], place: tuple[int, int]) -> None:
    assert read_json(TEXT.encode(), "x.json").locate(where) == place


def test_a_key_has_a_place_of_its_own() -> None:
    document = read_json(TEXT.encode(), "x.json")
    assert document.locate_key(("layers", "addresses", 0, "data")) == (6, 8)
    assert document.locate_key(("nothing",)) == (1, 1)


def test_columns_count_characters_not_bytes() -> None:
    assert read_json('{"é😀": {"x": 1}}'.encode(), "x").locate(("é😀", "x")) == (1, 14)


REFUSED = [
    pytest.param(b"[" * 100_000, (1, 101), "nested deeper than 100", id="nesting-100k"),
    pytest.param(b'{"a":' * 100_000, (1, 501), "nested deeper than 100", id="object-nesting-100k"),
    pytest.param(b'{"a": ' + b"9" * 5000 + b"}", (1, 7), "5000 characters", id="5000-digit-number"),
    pytest.param(b'{"a": [1,\n ' + b"9" * 5000 + b"]}", (2, 2), "5000 characters", id="5000-digit-number-in-a-list"),
    pytest.param(b"[1, " + b"9" * 200 + b"]", (1, 5), "200 characters", id="200-digit-number-in-a-list"),
    pytest.param(b'{"a": 1e999}', (1, 7), "out of range", id="number-out-of-range"),
    pytest.param(b" " * (8 * 1024 * 1024 + 1), (1, 1), "at most 8,388,608", id="too-large"),
    pytest.param(b"\xef\xbb\xbf{}", (1, 1), "UTF-8 byte order mark", id="bom"),
    pytest.param('{"a": 1}'.encode("utf-16"), (1, 1), "UTF-16 byte order mark", id="utf-16"),
    pytest.param('{"a": 1}'.encode("utf-16-le"), (1, 1), "UTF-16", id="utf-16-without-mark"),
    pytest.param('{"a": 1}'.encode("utf-32-be"), (1, 1), "UTF-16 or UTF-32", id="utf-32"),
    pytest.param(b'{\n "a": "\xe9"}', (2, 8), "0xe9 is not UTF-8", id="latin-1"),
    pytest.param(b'{"a": "x\\ud800y"}', (1, 7), "surrogate", id="lone-surrogate"),
    pytest.param(b'{"\\udc00": 1}', (1, 2), "surrogate", id="lone-surrogate-in-a-key"),
    pytest.param(b'{"a": 1,\n\n "a": 2}', (3, 2), "'a' is here twice; the first is on line 1", id="duplicate-key"),
    pytest.param(b'{"a": NaN}', (1, 7), "NaN is not JSON", id="nan"),
    pytest.param(b'{"a": -Infinity}', (1, 7), "-Infinity is not JSON", id="infinity"),
    pytest.param(b'{"a": None}', (1, 7), "None is not JSON", id="python-none"),
    pytest.param(b"", (1, 1), "the end of the file", id="empty"),
    pytest.param(b'{"a": 1', (1, 8), "the end of the file", id="unclosed"),
    pytest.param(b'{"a": 1} {}', (1, 10), "follows the end", id="two-values"),
    pytest.param(b'{"a": 1,}', (1, 9), "a key in double quotes", id="trailing-comma"),
    pytest.param(b"{'a': 1}", (1, 2), "a key in double quotes", id="single-quotes"),
    pytest.param(b'{"a" 1}', (1, 6), "a colon", id="no-colon"),
    pytest.param(b"[1 2]", (1, 4), "a comma or ']'", id="no-comma"),
    pytest.param(b"[1,,2]", (1, 4), "expected a value", id="two-commas"),
    pytest.param(b"[01]", (1, 3), "a comma or ']'", id="leading-zero"),
    pytest.param(b'["a\nb"]', (1, 4), "broken text", id="line-end-in-a-text"),
    pytest.param(b'["a\\q"]', (1, 4), "broken text", id="bad-escape"),
    pytest.param(b'["abc', (1, 2), "broken text", id="unterminated-text"),
]


@pytest.mark.parametrize(("text", "place", "message"), REFUSED)
def test_what_is_not_plain_json_is_one_line_with_place_and_cure(
    text: bytes, place: tuple[int, int], message: str
) -> None:
    with pytest.raises(PlacedError) as caught:
        read_json(text, "sources/x.json")
    error = caught.value
    assert (error.line, error.column) == place
    assert message in str(error)
    assert error.cure
    assert str(error).startswith(f"sources/x.json:{place[0]}:{place[1]}: ")
    assert "\n" not in str(error)
    assert len(str(error)) < 300


def test_one_hundred_levels_are_read() -> None:
    assert read_json(b"[" * 100 + b"]" * 100, "x").value is not None


def test_a_reference_is_a_key_like_any_other() -> None:
    text = b'{"$ref": "http://127.0.0.1:9/never", "x": {"$ref": "file:///etc/passwd"}}'
    assert read_json(text, "x").value == json.loads(text)


def test_a_paired_surrogate_is_one_character() -> None:
    assert read_json(b'"\\ud83d\\ude00"', "x").value == "😀"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=25,
)


@settings(max_examples=150, deadline=None)
@given(value=JSON, indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
def test_it_reads_what_the_standard_library_reads(value: Any, indent: int | None, ascii_only: bool) -> None:
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        return
    document = read_json(text, "x")
    expected = json.loads(text)
    assert document.value == expected
    assert repr(document.value) == repr(expected)


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from('{}[]",:0123456789.eE+-tfnulraes \n\\ud8'), max_size=60))
def test_it_refuses_what_the_standard_library_refuses(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(PlacedError):
            read_json(text.encode(), "x")
        return
    try:
        read = read_json(text.encode(), "x").value
    except PlacedError as error:  # we are stricter
        stricter = error.message
    else:
        assert read == expected
        return
    assert any(word in stricter for word in ("twice", "surrogate", "out of range", "UTF-16"))


def test_reading_takes_time_in_proportion_to_size() -> None:
    """Counted in calls, not seconds: ten times the text makes ten times the calls, not a hundred."""

    def calls(size: int) -> int:
        text = json.dumps({"a": [{"k": "v", "n": [i, i]} for i in range(size)]}).encode()
        count = 0

        def profile(*_: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(profile)
        try:
            read_json(text, "x")
        finally:
            sys.setprofile(None)
        return count

    assert calls(2000) < 12 * calls(200)


def test_paths_are_written_as_people_write_them() -> None:
    assert dotted(("layers", "addresses", 0, "conform", "number")) == "layers.addresses[0].conform.number"
    assert dotted(("coverage", "US Census", "geoid")) == 'coverage["US Census"].geoid'
    assert dotted(()) == ""
