"""Being told to end."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Told:
    """How often the process was told to end, and something to wait for until it is."""

    def __init__(self) -> None:
        """Nobody has said anything."""
        self.times = 0
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def fileno(self) -> int:
        """Readable once a signal has come, until `quiet`."""
        return self._reader

    def quiet(self) -> None:
        """Takes note."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, 4096)

    def hear(self, _number: int, _frame: FrameType | None) -> None:
        """The signals' handler."""
        self.times += 1
        with contextlib.suppress(BlockingIOError):
            os.write(self._writer, b"!")

    def close(self) -> None:
        """Closes what was opened."""
        os.close(self._reader)
        os.close(self._writer)


@contextlib.contextmanager
def told_to_end() -> Iterator[Told]:
    """Counts SIGTERM, Ctrl-C and a closed terminal while the block runs."""
    told = Told()
    former = {number: signal.signal(number, told.hear) for number in SIGNALS}
    try:
        yield told
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        told.close()
