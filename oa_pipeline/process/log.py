"""The log of one run, `output.txt`: for people, in order, without secrets."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ..fetch.redact import redact
from ..text import one_line

if TYPE_CHECKING:
    from ..convert.task import Outcome

_LONGEST, _MOST = 4000, 100  # of what a converter says: characters of a text, warnings


def readable_text(outcome: Outcome) -> Outcome:
    """The outcome with texts fit to be shown anywhere: on one line, of bearable length, without secrets.

    They may quote the publisher's file, and a converter that fell to it writes what that wants.
    """

    def fit(text: str) -> str:
        return redact(one_line(text[:_LONGEST]))

    warnings = tuple(fit(warning) for warning in outcome.warnings[:_MOST])
    return replace(outcome, detail=fit(outcome.detail), cure=fit(outcome.cure), warnings=warnings)


class RunLog:
    """Appends lines of time, level and message to a file, and hands each to `echo` as well."""

    def __init__(self, path: Path, *, echo: Callable[[str], None] | None = None) -> None:
        """Opens `path` anew."""
        self._file = path.open("w", encoding="utf-8", errors="replace")
        self._echo = echo
        self._last_progress = 0.0

    def __enter__(self) -> RunLog:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the file."""
        self._file.close()

    def say(self, message: str, *, level: str = "INFO") -> None:
        """One line, whatever the message holds."""
        line = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z {level:>7}: {redact(one_line(message))}"
        self._file.write(line + "\n")
        self._file.flush()
        if self._echo is not None:
            self._echo(line)

    def warn(self, message: str) -> None:
        """One line that asks for attention."""
        self.say(message, level="WARNING")

    def progress(self, message: str, *, every: float = 30.0) -> None:
        """One line, unless another of its kind was said within `every` seconds."""
        now = time.monotonic()
        if now - self._last_progress >= every:
            self._last_progress = now
            self.say(message)
