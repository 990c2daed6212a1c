"""JSON with the line and column of every value, stricter than the standard library and linear in time.

Refused, each with its place: byte order marks, UTF-16, invalid UTF-8, files above 8 MB, nesting above 100 levels,
numbers above 100 characters or out of range, NaN and Infinity, duplicate keys, lone surrogates.
A `$ref` is a key like any other; nothing is ever resolved or fetched.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from functools import cached_property
from typing import Any

from .places import JsonPath, PlacedError, shown

SIZE_CAP = 8 * 1024 * 1024
DEPTH_CAP = 100
NUMBER_CAP = 100

_blank = re.compile(r"[ \t\n\r]*").match
_number = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?").match
# Coordinates are most of a large file: an array of plain numbers, or of such arrays, goes to the C decoder in one
# piece. It alone decides whether the commas are right. The quantifiers never give back, so a mismatch costs one look.
_numbers = re.compile(r"\[[-0-9 \t\n\r,.]++\]").match
_positions = re.compile(r"\[[ \t\n\r]*+(?:\[[-0-9 \t\n\r,.]*+\][ \t\n\r,]*+)++\]").match
_long_number = re.compile(r"[-0-9.]{%d}" % NUMBER_CAP).search  # noqa: UP031 - braces stay readable
_surrogate = re.compile("[\ud800-\udfff]").search
_literal = re.compile(r"true|false|null").match
_odd_literal = re.compile(r"-?(NaN|Infinity|None|True|False|undefined)").match
_scan_string: Any = json.decoder.scanstring  # type: ignore[attr-defined]

_LITERALS = {"true": True, "false": False, "null": None}
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "UTF-8"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))


class Document:
    """A JSON value and where each part of it stands."""

    def __init__(self, text: str, path: str) -> None:
        """Reads `text`, the whole of the file named `path`."""
        self.text = text
        self.path = path
        self._starts: dict[JsonPath, int] = {}
        self._keys: dict[JsonPath, int] = {}
        at = self._skip(0)
        self.value, end = self._value(at, (), 0)
        end = self._skip(end)
        if end < len(text):
            raise self._fault(end, "something follows the end of the JSON", "keep one object in the file", ())

    def locate(self, where: JsonPath) -> tuple[int, int]:
        """Line and column, from 1, of the value at `where`, or of what holds it where there is none."""
        while where and where not in self._starts:
            where = where[:-1]
        return self.line_column(self._starts.get(where, 0))

    def locate_key(self, where: JsonPath) -> tuple[int, int]:
        """Line and column of the key whose value is at `where`."""
        return self.line_column(self._keys[where]) if where in self._keys else self.locate(where)

    def line_column(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of a character of the text."""
        line = bisect_right(self._newlines, offset - 1)
        return line + 1, offset - (self._newlines[line - 1] if line else -1)

    @cached_property
    def _newlines(self) -> list[int]:
        return [m.start() for m in re.finditer("\n", self.text)]

    def _skip(self, at: int) -> int:
        found = _blank(self.text, at)
        assert found is not None
        return found.end()

    def _fault(self, at: int, message: str, cure: str, where: JsonPath) -> PlacedError:
        line, column = self.line_column(at)
        return PlacedError(message, cure=cure, where=where, path=self.path, line=line, column=column)

    def _value(self, at: int, where: JsonPath, depth: int) -> tuple[Any, int]:
        self._starts[where] = at
        first = self.text[at : at + 1]
        if first == '"':
            return self._string(at, where)
        if first in ("{", "["):
            if depth == DEPTH_CAP:
                raise self._fault(at, f"nested deeper than {DEPTH_CAP} levels", "flatten it", where)
            return self._object(at, where, depth) if first == "{" else self._array(at, where, depth)
        if found := _literal(self.text, at):
            return _LITERALS[found.group()], found.end()
        return self._numeric(at, where)

    def _numeric(self, at: int, where: JsonPath) -> tuple[Any, int]:
        if odd := _odd_literal(self.text, at):
            raise self._fault(at, f"{odd.group()} is not JSON", "write null, true, false or a finite number", where)
        found = _number(self.text, at)
        if not found:
            got = repr(self.text[at]) if at < len(self.text) else "the end of the file"
            raise self._fault(at, f"expected a value, found {got}", "check the commas, quotes and brackets", where)
        digits = found.group()
        if len(digits) > NUMBER_CAP:
            raise self._fault(at, f"a number of {len(digits)} characters", "quote it if it is an identifier", where)
        if found.group(1) is None and found.group(2) is None:
            return int(digits), found.end()
        number = float(digits)
        if number in (float("inf"), float("-inf")):
            raise self._fault(at, f"the number {digits} is out of range", "quote it if it is an identifier", where)
        return number, found.end()

    def _string(self, at: int, where: JsonPath) -> tuple[str, int]:
        try:
            text, end = _scan_string(self.text, at + 1, True)
        except json.JSONDecodeError as error:
            cure = "close the quotes; write line ends as \\n and backslashes as \\\\"
            raise self._fault(error.pos, f"a broken text: {error.msg.lower()}", cure, where) from None
        if not text.isascii() and _surrogate(text):
            cure = "write the whole character, or both halves of its \\u pair"
            raise self._fault(at, "a text holds half of a surrogate pair", cure, where)
        return text, end

    def _object(self, at: int, where: JsonPath, depth: int) -> tuple[dict[str, Any], int]:
        held: dict[str, Any] = {}
        at = self._skip(at + 1)
        if self.text.startswith("}", at):
            return held, at + 1
        while True:
            if not self.text.startswith('"', at):
                raise self._fault(at, "expected a key in double quotes", "check for a trailing comma", where)
            key, end = self._string(at, where)
            inner = (*where, key)
            if key in held:
                first = self.line_column(self._keys[inner])[0]
                message = f"the key {shown(key)} is here twice; the first is on line {first}"
                raise self._fault(at, message, "remove one of them", inner)
            self._keys[inner] = at
            at = self._skip(end)
            if not self.text.startswith(":", at):
                raise self._fault(at, f"expected a colon after the key {shown(key)}", "check the quotes", where)
            held[key], end = self._value(self._skip(at + 1), inner, depth + 1)
            at, last = self._next(end, "}", where)
            if last:
                return held, at

    def _array(self, at: int, where: JsonPath, depth: int) -> tuple[list[Any], int]:
        plain = _numbers(self.text, at) or _positions(self.text, at)
        if plain and depth < DEPTH_CAP - 1 and not _long_number(plain.group()):
            try:
                return json.loads(plain.group()), plain.end()
            except ValueError:
                pass  # read again below, for the place of the fault
        held: list[Any] = []
        at = self._skip(at + 1)
        if self.text.startswith("]", at):
            return held, at + 1
        while True:
            item, end = self._value(at, (*where, len(held)), depth + 1)
            held.append(item)
            at, last = self._next(end, "]", where)
            if last:
                return held, at

    def _next(self, at: int, closing: str, where: JsonPath) -> tuple[int, bool]:
        """Where the next item starts, or where the container ended, and which of the two."""
        at = self._skip(at)
        if self.text.startswith(",", at):
            return self._skip(at + 1), False
        if self.text.startswith(closing, at):
            return at + 1, True
        got = repr(self.text[at]) if at < len(self.text) else "the end of the file"
        raise self._fault(at, f"expected a comma or '{closing}', found {got}", "check commas and brackets", where)


def read_json(text: bytes, path: str) -> Document:
    """The JSON in `text` with its positions; raises PlacedError for anything that is not plain UTF-8 JSON."""
    if len(text) > SIZE_CAP:
        message = f"the file has {len(text):,} bytes; at most {SIZE_CAP:,} are read"
        raise PlacedError(message, cure="simplify the coverage geometry", path=path, line=1, column=1)
    for mark, encoding in _BYTE_ORDER_MARKS:
        if text.startswith(mark):
            message = f"the file starts with a {encoding} byte order mark"
            raise PlacedError(message, cure="save it as UTF-8 without one", path=path, line=1, column=1)
    if b"\0" in text[:4]:
        raise PlacedError("the file is UTF-16 or UTF-32", cure="save it as UTF-8", path=path, line=1, column=1)
    try:
        return Document(text.decode("utf-8"), path)
    except UnicodeDecodeError as error:
        before = text[: error.start].decode("utf-8")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"the byte 0x{text[error.start]:02x} is not UTF-8"
        raise PlacedError(message, cure="save the file as UTF-8", path=path, line=line, column=column) from None
