"""Where in a source file something stands, and the error that says so."""

from __future__ import annotations

import re

from ..errors import SourceError

JsonPath = tuple[str | int, ...]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_LONGEST = 200

# Whatever could move a terminal's cursor, break the line, or turn the direction of writing.
_unprintable = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """`text` with control characters, line breaks and marks of direction written as escapes."""
    return _unprintable.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def shown(text: str, length: int = 80) -> str:
    """`text` quoted for a message: on one line, nothing that a terminal would obey, not too long."""
    return printable(repr(text if len(text) <= length else text[: length - 3] + "..."))


def dotted(path: JsonPath) -> str:
    """`path` as people write it: `layers.addresses[0].conform.number`, `coverage["US Census"].geoid`.

    On one line; the middle of a very long one is left out.
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.match(step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    text = printable(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}...{text[-_LONGEST // 3 :]}"


class PlacedError(SourceError):
    """A source file that cannot be read, with the place of the reason as far as it is known."""

    def __init__(
        self, message: str, *, cure: str, where: JsonPath = (), path: str = "", line: int = 0, column: int = 0
    ) -> None:
        """`where` is the place inside the JSON; `line` and `column` count from 1, 0 where they are not known."""
        spot = f"{line}:{column}" if line else ""
        found = (":".join(p for p in (path, spot) if p), dotted(where))
        super().__init__(message, cure=cure, place=": ".join(p for p in found if p))
        self.where = where
        self.path = path
        self.line = line
        self.column = column

    def located(self, path: str, line: int, column: int) -> PlacedError:
        """The same error with the file, line and column that it is about."""
        return PlacedError(self.message, cure=self.cure, where=self.where, path=path, line=line, column=column)
