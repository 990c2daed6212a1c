"""Finds where JSON values end in text that arrives in blocks, without decoding it and in constant memory.

numpy looks at a window of bytes at once; what carries over is whether a string is open and how deep the nesting is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ConvertError

MAX_DEPTH = 256
_WINDOW = 1024 * 1024
_COMMA, _QUOTE, _BACKSLASH = ord(","), ord('"'), ord("\\")
_STEP = np.zeros(256, np.int8)
_STEP[[ord("["), ord("{")]] = 1
_STEP[[ord("]"), ord("}")]] = -1
_MARKS = _STEP != 0
_MARKS[_COMMA] = True


@dataclass(frozen=True, slots=True)
class Found:
    """Commas between values at the level at which the scan began, and where that level was closed."""

    commas: np.ndarray
    close: int | None


class Scan:
    """Goes through `data` once, from an offset; more data may be appended between calls."""

    def __init__(self, start: int) -> None:
        """`start` is the offset of the first byte; it lies outside of any string."""
        self.at = start
        self._depth = 0
        self._inside = False

    def run(self, data: bytes) -> Found:
        """Scans all that is new in `data`. Stops behind the closing bracket. Raises ConvertError when too deep."""
        commas: list[np.ndarray] = []
        while self.at < len(data):
            end = self._window_end(data)
            if end == self.at:
                break
            found = self._window(data, self.at, end)
            commas.append(found.commas)
            self.at = end if found.close is None else found.close + 1
            if found.close is not None:
                return Found(np.concatenate(commas), found.close)
        return Found(np.concatenate(commas) if commas else np.empty(0, np.int64), None)

    def _window_end(self, data: bytes) -> int:
        """A window never ends between a backslash and what it escapes."""
        end = min(len(data), self.at + _WINDOW)
        first = end
        while first > self.at and data[first - 1] == _BACKSLASH:
            first -= 1
        return end - (end - first) % 2

    def _window(self, data: bytes, start: int, end: int) -> Found:
        text = data[start:end]
        if b"\\" in text:
            text = text.replace(b"\\\\", b"__").replace(b'\\"', b"__")
        raw = np.frombuffer(text, np.uint8)
        quotes = np.cumsum(raw == _QUOTE, dtype=np.uint8)
        inside = (quotes + self._inside) & 1
        places = np.flatnonzero(_MARKS[raw] & (inside == 0))
        kinds = raw[places]
        depth = self._depth + np.cumsum(_STEP[kinds], dtype=np.int64)
        closes = np.flatnonzero(depth < 0)
        close = None
        if len(closes):
            close = int(places[closes[0]])
            places, kinds, depth = places[: closes[0]], kinds[: closes[0]], depth[: closes[0]]
        if len(depth) and int(depth.max()) > MAX_DEPTH:
            raise ConvertError(
                f"the file nests deeper than {MAX_DEPTH} levels",
                cure="no address data does; check that the download is what it should be",
            )
        self._inside = bool(inside[-1]) if close is None else False
        self._depth = (int(depth[-1]) if len(depth) else self._depth) if close is None else 0
        commas = places[(kinds == _COMMA) & (depth == 0)] + start
        return Found(commas, None if close is None else close + start)
