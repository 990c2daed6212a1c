"""What a process says, without the secrets that it knows: its log, its tracebacks, its notices.

Secrets are known by their place (the password of an address, the value of a token-like key) and by their value: those
of this process's settings and AWS keys are masked wherever they stand.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote

from .fetch.redact import MASK, redact
from .settings import Settings

SHORTEST = 6  # what is shorter is found in any text
FORMAT = "%(asctime)s %(levelname)s %(message)s"
_SETTINGS = tuple(f"OA_{f.name.upper()}" for f in fields(Settings) if f.metadata["secret"])
_OTHERS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "PGPASSWORD")
_PASSWORD = re.compile(r"://[^/?#@:\s]*:([^@]+)@")


def masked(text: str) -> str:
    """`text` without passwords, the values of token-like keys, and whatever is secret in this process's environment."""
    held = tuple(os.environ.get(name, "") for name in (*_SETTINGS, *_OTHERS))
    addresses = tuple(value for name, value in os.environ.items() if name.startswith("OA_") and "@" in value)
    known = _known(held, addresses)
    return redact(known.sub(MASK, text) if known else text)


@lru_cache(maxsize=8)
def _known(held: tuple[str, ...], addresses: tuple[str, ...]) -> re.Pattern[str] | None:
    values = {
        form for one in _values(held, addresses) for form in (one, quote(one), quote(one, safe=""), quote_plus(one))
    }
    longest_first = sorted((one for one in values if len(one) >= SHORTEST), key=lambda one: (-len(one), one))
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


def _values(held: tuple[str, ...], addresses: tuple[str, ...]) -> Iterator[str]:
    for value in held:
        yield value
        yield from (part.strip() for part in value.split(","))
    for address in addresses:
        for password in _PASSWORD.findall(address):
            yield from (password, unquote(password))


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
