"""What a process says, without the secrets that it knows: its log, its tracebacks, its notices.

Secrets are known by their place (the password of an address, the value of a token-like key) and by their value: what
this process holds of them is masked wherever it stands.
"""

from __future__ import annotations

import io
import logging
import sys

from .fetch.redact import redact
from .known_secrets import known

FORMAT = "%(asctime)s %(levelname)s %(message)s"


def masked(text: str) -> str:
    """`text` without passwords, the values of token-like keys, and whatever this process knows to be secret."""
    return redact(known().masked(text))


class Masked(logging.Formatter):
    """Lines, with their tracebacks, without secrets, whoever wrote them."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return masked(super().format(record))


class MaskedStream(io.TextIOWrapper):
    """A standard stream that masks all it is given to write."""

    def write(self, text: str, /) -> int:
        """Writes what may be shown; the length of what was given."""
        super().write(masked(text))
        return len(text)


def mask_console() -> None:
    """From now on nothing that this process prints, and those that it forks, shows a secret.

    That holds for Python's own tracebacks and warnings, and for what libraries print.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, MaskedStream) and hasattr(stream, "buffer"):
            stream.flush()
            # The former one lives on as sys.__stdout__ or sys.__stderr__, and with it the buffer that both have.
            setattr(sys, name, MaskedStream(stream.buffer, stream.encoding, "backslashreplace", line_buffering=True))


def log_to_console() -> None:
    """Logs what matters on the standard error stream, masked."""
    mask_console()
    handler = logging.StreamHandler()
    handler.setFormatter(Masked(FORMAT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
