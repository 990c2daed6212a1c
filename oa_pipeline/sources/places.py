"""Where in a source file something stands, and the error that says so."""

from __future__ import annotations

import re

from ..errors import SourceError

JsonPath = tuple[str | int, ...]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


def dotted(path: JsonPath) -> str:
    """`path` as people write it: `layers.addresses[0].conform.number`, `coverage["US Census"].geoid`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.match(step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text


class PlacedError(SourceError):
    """A source file that cannot be read, with the place of the reason as far as it is known."""

    def __init__(
        self, message: str, *, cure: str, where: JsonPath = (), path: str = "", line: int = 0, column: int = 0
    ) -> None:
        """`where` is the place inside the JSON; `line` and `column` count from 1, 0 where they are not known."""
        found = (path, f"{line}:{column}" if line else "", dotted(where))
        super().__init__(message, cure=cure, place=": ".join(p for p in found if p))
        self.where = where
        self.path = path
        self.line = line
        self.column = column

    def located(self, path: str, line: int, column: int) -> PlacedError:
        """The same error with the file, line and column that it is about."""
        return PlacedError(self.message, cure=self.cure, where=self.where, path=path, line=line, column=column)
