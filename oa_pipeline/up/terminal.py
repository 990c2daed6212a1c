"""What `oa up` tells: a moving line on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.status import Status

LONGEST = 300


class Terminal:
    """Says what happens. On a terminal what is being waited for stands on a last, moving line."""

    def __init__(self, console: Console | None = None) -> None:
        """`console` is where it goes; standard output by default."""
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._status: Status | None = None

    def waiting(self, what: str) -> None:
        """What goes on now."""
        if not self.console.is_terminal:
            self.console.print(what, markup=False)
        elif self._status is None:
            self._status = self.console.status(what)
            self._status.start()
        else:
            self._status.update(what)

    def update(self, what: str) -> None:
        """The same, where only a moving line can show it."""
        if self.console.is_terminal:
            self.waiting(what)

    def say(self, text: str, style: str | None = None) -> None:
        """A line that stays."""
        self.console.print(text, style=style, markup=False)

    def done(self) -> None:
        """Nothing is being waited for any more."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def outcome(self, row: Mapping[str, Any]) -> None:
        """How one run ended."""
        status, key = row["status"], row["key"]
        if status == "succeeded":
            same = f", the same as run {row['copy_of']}" if row["copy_of"] else ""
            self.say(f"  done     {key}: {row['rows']:,} rows (run {row['id']}{same})", "green")
        else:
            words = [shortened(part) for part in (row["problem"], row["detail"], row["cure"]) if part]
            self.say(f"  {status:<8} {key}: {'; '.join(words)} (run {row['id']})", "yellow")


def shortened(text: str) -> str:
    """One line of a text that may be long; the whole of it is in the UI and in output.txt."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
