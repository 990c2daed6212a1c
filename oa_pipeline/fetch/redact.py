"""Addresses fit to be read by anybody: passwords and tokens are masked."""

from __future__ import annotations

import re

MASK = "***"
SHOWN = 300

# Every repetition is bounded or anchored: what is masked here is as long and as odd as its author likes.
_USER = re.compile(r"//[^\s/?#\"'<>]*@")
# A password may hold a bare slash; then what looks like a port is not a number.
_USER_WITH_SLASH = re.compile(r"//[^\s/?#@:\"'<>]{1,255}:(?!\d{1,5}/)[^\s@\"'<>]{0,1024}@")
_KEY = re.compile(r"(?<![\w.-])([\w.-]{1,255})(?:=|%3[dD])")
_SECRET_KEY = re.compile(
    r"token|secret|passw|pwd|signature|credential|api[_-]?key|(?:subscription|access)[_-]?key|auth|session|jwt"
    r"|(?:^|%..|_)(?:key|sig|code|sid|pass|user|username)$",
    re.IGNORECASE,
)
_VALUE = re.compile(r"[^&\s\"'<>#;]+")


def redact(text: str) -> str:
    """`text` with the user part of every address and the value of every token-like query key masked."""
    masked = _USER_WITH_SLASH.sub(f"//{MASK}@", text)
    return _without_values(_USER.sub(f"//{MASK}@", masked))


def _without_values(text: str) -> str:
    kept, at = [], 0
    for key in _KEY.finditer(text):
        if key.end() > at and _SECRET_KEY.search(key[1]) and (value := _VALUE.match(text, key.end())):
            kept += [text[at : key.end()], MASK]
            at = value.end()
    return "".join([*kept, text[at:]])


def place(url: str) -> str:
    """An address as an error names it: masked, printable and of bearable length."""
    shown = "".join(c if c.isprintable() else "?" for c in redact(url))
    return shown if len(shown) <= SHOWN else f"{shown[: SHOWN - 3]}..."
