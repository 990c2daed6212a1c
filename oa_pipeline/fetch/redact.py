"""Addresses fit to be read by anybody: passwords and tokens are masked."""

from __future__ import annotations

import re

MASK = "***"
_USER = re.compile(r"//[^\s/?#\"'<>]*@")
# A password may hold a bare slash; then what looks like a port is not a number.
_USER_WITH_SLASH = re.compile(r"//[^\s/?#@:\"'<>]+:(?!\d+/)[^\s@\"'<>]*@")
_SECRET = re.compile(
    r"(?P<name>[\w.-]*(?:token|secret|passw|pwd|signature|credential|api[_-]?key|subscription[_-]?key|access[_-]?key|auth"
    r"|session|jwt)[\w.-]*|\b(?:key|sig|code|sid|pass|user|username))(?P<equals>=|%3[dD])[^&\s\"'<>#;]+",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` with the user part of every address and the value of every token-like query key masked."""
    masked = _USER_WITH_SLASH.sub(f"//{MASK}@", text)
    masked = _USER.sub(f"//{MASK}@", masked)
    return _SECRET.sub(rf"\g<name>\g<equals>{MASK}", masked)


def place(url: str) -> str:
    """An address as an error names it: masked, printable and of bearable length."""
    shown = "".join(c if c.isprintable() else "?" for c in redact(url))
    return shown if len(shown) <= 300 else f"{shown[:297]}..."
