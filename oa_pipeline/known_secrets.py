"""The secrets that this process holds, known by their values: settings, AWS keys, a GitHub App's key, minted tokens."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from .settings import Settings

MASK = "***"
SHORTEST = 6  # what is shorter is found in any text
LONG, MIXED = 20, 10  # characters, and characters with a digit among them, that stand nowhere by chance
NESTED = 3  # JSON within JSON within JSON
LEARNT = 64  # values that were learnt last
_APP_KEY = "OA_GITHUB_APP_KEY"
_SETTINGS = tuple(f"OA_{f.name.upper()}" for f in fields(Settings) if f.metadata["secret"])
_OTHERS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "PGPASSWORD")
_PASSWORD = re.compile(r"://[^/?#@:\s]*:([^@]+)@")
# The environment as it is held: whoever asks before each of thousands of writes does not decode all of it each time.
_held: Any = getattr(os.environ, "_data", os.environ)
_learnt: list[tuple[str, ...]] = [()]  # one, replaced as a whole, as other threads read it
_learning = threading.Lock()


@dataclass(frozen=True, slots=True)
class Known:
    """Values in every form in which texts repeat them. `sure` are those that stand nowhere by chance."""

    forms: tuple[str, ...]
    _all: re.Pattern[str] | None
    _sure: re.Pattern[str] | None

    @classmethod
    def of(cls, values: set[str]) -> Known:
        """These, but for what is too short."""
        forms = {form: _is_sure(value) for value in values if len(value) >= SHORTEST for form in _forms(value)}
        return cls(tuple(forms), _pattern(list(forms)), _pattern([form for form, sure in forms.items() if sure]))

    def found_in(self, text: str) -> bool:
        """Whether there is any; much faster than masking."""
        return any(form in text for form in self.forms)

    def masked(self, text: str, *, sure: bool = False) -> str:
        """`text` without them. `sure`: a password that might be a word of the text stays."""
        pattern = self._sure if sure else self._all
        return pattern.sub(MASK, text) if pattern else text


def known() -> Known:
    """What is secret now, in this process."""
    return _known(tuple(_held.items()), _learnt[0], _stamp(os.environ.get(_APP_KEY, "")))


def learn(*values: str) -> None:
    """From now on these are secrets, too: tokens that this process was given or has made."""
    with _learning:
        new = tuple(value for value in dict.fromkeys(values) if value not in _learnt[0])
        if new:
            _learnt[0] = (*_learnt[0], *new)[-LEARNT:]


def lines_of(key: str) -> list[str]:
    """The lines of a private key in PEM by which it is recognised: none is to be shown, alone or with others."""
    return [line for line in map(str.strip, key.splitlines()) if line and not line.startswith("-----")]


@lru_cache(maxsize=8)
def _known(_environment: tuple[Any, ...], learnt: tuple[str, ...], stamp: tuple[str, int, int]) -> Known:
    return Known.of({*_values(), *learnt, *_key(stamp[0])})


def _values() -> Iterator[str]:
    for value in (os.environ.get(name, "") for name in (*_SETTINGS, *_OTHERS)):
        yield value
        yield from (part.strip() for part in value.split(","))
    for name, address in os.environ.items():
        if name.startswith("OA_") and "@" in address:
            for password in _PASSWORD.findall(address):
                yield from (password, unquote(password))


def _stamp(name: str) -> tuple[str, int, int]:
    """What tells one state of the file from the next one."""
    if not name:
        return "", 0, 0
    try:
        found = Path(name).stat()
    except (OSError, ValueError):
        return "", 0, 0
    return name, found.st_mtime_ns, found.st_size


def _key(name: str) -> list[str]:
    try:
        return lines_of(Path(name).read_text("ascii")) if name else []
    except (OSError, ValueError):
        return []


def _forms(value: str) -> set[str]:
    """As it is, in an address, as Python shows it, and all that in JSON, and in JSON within JSON."""
    found = {value, repr(value)[1:-1]}
    for _ in range(NESTED):
        found |= {json.dumps(form, ensure_ascii=ascii_only)[1:-1] for form in found for ascii_only in (True, False)}
    return found | {quote(value), quote(value, safe=""), quote_plus(value)}


def _is_sure(value: str) -> bool:
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return len(value) >= (MIXED if mixed else LONG)


def _pattern(forms: list[str]) -> re.Pattern[str] | None:
    longest_first = sorted(forms, key=lambda one: (-len(one), one))
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
