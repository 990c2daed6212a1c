"""What a converter says, kept small and harmless."""

from __future__ import annotations

import re

# CSI and OSC sequences, other two-character escapes, then every control character but newline and tab.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Ring:
    """The last `size` bytes of a stream."""

    def __init__(self, size: int) -> None:
        """Keeps `size` bytes."""
        self._size = size
        self._data = b""
        self._cut = False

    def add(self, data: bytes) -> None:
        """Adds bytes, forgetting the oldest."""
        self._data += data
        if len(self._data) > self._size:
            self._data = self._data[-self._size :]
            self._cut = True

    def text(self) -> str:
        """What is kept, as text without escape sequences and control characters."""
        text = self._data.decode("utf-8", errors="replace")
        # A lone CR would overwrite the line on a terminal.
        text = _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
        return f"[...]{text}" if self._cut else text
