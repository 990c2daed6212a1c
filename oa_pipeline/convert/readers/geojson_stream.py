"""Walks a GeoJSON file of any size and shape and hands out its features, a block at a time, in constant memory.

A FeatureCollection with its members in any order, a bare list of features, one Feature, one value a line, values after
record separators, or several of these one after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from ...errors import ConvertError, Problem
from .json_scan import Scan

BLOCK_BYTES = 4 * 1024 * 1024
_TAIL = 64 * 1024
_BETWEEN = re.compile(rb"\}\s*,(?=\s*\{)")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_WHITE = b" \t\r\n"
_BLANK = _WHITE + b"\x1e"
_KEPT_MEMBERS = {"crs", "type"}

T = TypeVar("T")


class Decoding(Protocol[T]):
    """How the caller makes something of the values that are found."""

    def array(self, raw: bytes) -> list[T] | None:
        """All values of a JSON list, or None where not all of it can be read at once."""

    def lines(self, raw: bytes) -> list[T] | None:
        """All values of JSON lines, or None where not all of it can be read at once."""

    def one(self, raw: bytes) -> T | None:
        """One value, None where it is not wanted."""


def _unclosed() -> ConvertError:
    return ConvertError(
        "the file ends before its list of features is closed",
        cure="the download is incomplete or the publisher's export broke off",
    )


class FeatureStream(Generic[T]):
    """One pass over a file. `members` has the raw `crs` and `type` of a collection as soon as they were passed."""

    def __init__(self, path: Path, decoding: Decoding[T], feature_bytes: int) -> None:
        """`feature_bytes` is the most that one feature, or one member beside the features, may take."""
        self.members: dict[str, bytes] = {}
        self._path = path
        self._decoding = decoding
        self._most = feature_bytes
        self._data = b""
        self._ended = False
        self._blocks: Iterator[bytes] = iter(())

    def lists(self) -> Iterator[list[T]]:
        """Yields what the decoding made of the features, in order. Raises ConvertError for what is not GeoJSON."""
        with self._path.open("rb") as file:
            self._blocks = iter(lambda: file.read(BLOCK_BYTES), b"")
            self._more()
            self._data = self._data.removeprefix(b"\xef\xbb\xbf")
            self._check_start()
            while self._skip_blank():
                if self._data[:1] == b"[":
                    self._data = self._data[1:]
                    yield from self._array()
                elif self._data[:1] == b"{":
                    yield from self._object()
                else:
                    yield from self._lines()

    # ---- the buffer -------------------------------------------------------------------------------

    def _more(self) -> bool:
        block = next(self._blocks, b"")
        self._ended = not block
        self._data += block
        return bool(block)

    def _grow(self) -> None:
        """Makes the buffer longer, or says why it cannot be."""
        self._check_size()
        if not self._more():
            raise _unclosed()

    def _check_size(self) -> None:
        if len(self._data) > self._most:
            raise ConvertError(
                f"one value takes more than {self._most >> 20} MiB",
                cure="no address feature does; check that the download is what it should be",
            )

    def _skip_blank(self) -> bool:
        """Moves to the next value, or the record separator before it; False at the end of the file."""
        while True:
            self._data = self._data.lstrip(_WHITE)
            if self._data.strip(_BLANK):
                return True
            if not self._more():
                return False

    def _check_start(self) -> None:
        while not self._data.strip(_BLANK) and self._more():
            pass
        start = self._data.lstrip(_BLANK)[:1]
        if not start:
            raise ConvertError("the file is empty", problem=Problem.NO_FEATURES)
        if start not in b"{[":
            shown = self._data[:80].decode("utf-8", "replace")
            raise ConvertError(f"the file is not GeoJSON: it starts with {shown!r}", cure="check format and data")

    # ---- an object: a collection, or a value of its own -----------------------------------------------

    def _object(self) -> Iterator[list[T]]:
        at = 1
        while True:
            at = self._token(at, b",")
            if self._data[at : at + 1] == b"}":
                yield from self._alone(at + 1)
                return
            key, at = self._key(at)
            if key == "features" and self._data[at : at + 1] == b"[":
                self._data = self._data[at + 1 :]
                yield from self._array()
                self._rest_of_collection()
                return
            at = self._member(key, at)

    def _token(self, at: int, skip: bytes) -> int:
        """The offset of the next byte that is neither blank nor one of `skip`."""
        while True:
            rest = self._data[at : at + 4096].lstrip(_BLANK + skip)
            if rest:
                return at + min(4096, len(self._data) - at) - len(rest)
            if len(self._data) - at > 4096:
                at += 4096
            else:
                at = len(self._data)
                self._grow()

    def _key(self, at: int) -> tuple[str, int]:
        """A member's name and the offset of its value."""
        while not (found := _STRING.match(self._data, at)):
            if self._data[at : at + 1] != b'"' or len(self._data) - at > _TAIL:
                shown = self._data[at : at + 40].decode("utf-8", "replace")
                raise ConvertError(f"the file is not JSON: a name was expected at {shown!r}")
            self._grow()
        return found[0][1:-1].decode("utf-8", "replace"), self._token(found.end(), b":")

    def _member(self, key: str, at: int) -> int:
        """Skips a value; the offset of what follows it."""
        scan = Scan(at)
        while True:
            found = scan.run(self._data)
            if len(found.commas) or found.close is not None:
                end = int(found.commas[0]) if len(found.commas) else int(found.close or 0)
                if key in _KEPT_MEMBERS and end - at < _TAIL:
                    self.members.setdefault(key, self._data[at:end].strip())
                return end
            self._grow()

    def _rest_of_collection(self) -> None:
        """Lets go of all members behind the features, however long."""
        scan = Scan(0)
        while (found := scan.run(self._data)).close is None:
            self._data = self._data[scan.at :]
            scan.at = 0
            if not self._more():
                raise _unclosed()
        self._data = self._data[found.close + 1 :]

    def _alone(self, end: int) -> Iterator[list[T]]:
        """An object without features: the only value of the file, or the first of many."""
        self.members.clear()
        while not self._data[end:].strip(_BLANK) and self._more():
            pass
        if self._data[end:].strip(_BLANK):
            yield from self._lines()
        else:
            yield from self._one_by_one([self._data[:end]])
            self._data = b""

    def _one_by_one(self, values: list[bytes]) -> Iterator[list[T]]:
        made = [self._decoding.one(value) for value in values if value.strip(_BLANK)]
        kept = [one for one in made if one is not None]
        if kept:
            yield kept

    # ---- a list of features ---------------------------------------------------------------------------

    def _array(self) -> Iterator[list[T]]:
        """The features of a list whose bracket has been passed, up to and with the bracket that closes it."""
        while True:
            if len(self._data) < BLOCK_BYTES and not self._ended:
                self._more()
                continue
            made = None if self._ended else self._quickly()
            if made is not None:
                yield made
                continue
            values, closed = self._exactly()
            whole = self._decoding.array(b"[" + b",".join(values) + b"]") if values else []
            if whole is not None:
                if whole:
                    yield whole
            else:
                yield from self._one_by_one(values)
            if closed:
                return

    def _quickly(self) -> list[T] | None:
        """Cuts between two features near the end of the buffer.

        The cut is right when the text before it decodes as a list: no other cut leaves every bracket closed.
        """
        start = max(0, len(self._data) - _TAIL)
        for found in list(_BETWEEN.finditer(self._data, start))[:-4:-1]:
            made = self._decoding.array(b"[" + self._data[: found.end() - 1] + b"]")
            if made is not None:
                self._data = self._data[found.end() :]
                return made
        return None

    def _exactly(self) -> tuple[list[bytes], bool]:
        """Finds all values in the buffer by their brackets, and whether the list was closed behind them."""
        scan = Scan(0)
        while True:
            found = scan.run(self._data)
            if len(found.commas) or found.close is not None:
                break
            self._grow()
        edges = [-1, *found.commas.tolist()]
        if found.close is not None:
            edges.append(found.close)
        values = [self._data[a + 1 : b] for a, b in pairwise(edges)]
        self._data = self._data[edges[-1] + 1 :]
        return [value for value in values if value.strip(_BLANK)], found.close is not None

    # ---- one value a line -------------------------------------------------------------------------------

    def _lines(self) -> Iterator[list[T]]:
        """All that is left, one value a line or one behind each record separator."""
        separator = b"\x1e" if self._data[:1] == b"\x1e" else b"\n"
        while True:
            if len(self._data) < BLOCK_BYTES and not self._ended:
                self._more()
                continue
            cut = len(self._data) if self._ended else self._data.rfind(separator)
            if cut <= 0 and not self._ended:
                self._check_size()
                self._more()
                continue
            block, self._data = self._data[:cut], self._data[cut:]
            whole = self._decoding.lines(block.replace(b"\x1e", b""))
            if whole is not None:
                yield whole
            else:
                yield from self._one_by_one(block.split(separator))
            if self._ended:
                return


def tail(path: Path) -> bytes:
    """The last bytes of a file, enough for the members that may follow the features."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        return file.read()
