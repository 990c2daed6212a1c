"""Text that can be kept and shown. PostgreSQL's `text` and `jsonb` refuse U+0000, lone surrogates and NaN."""

from __future__ import annotations

import math
import re
from typing import Any

_REFUSED = re.compile("[\x00\ud800-\udfff]")
_DEEPEST = 200
# Control characters, line ends of all kinds, half surrogates, and marks that change the direction of writing.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


def one_line(text: str) -> str:
    """`text` for a log or a terminal: on one line, and nothing in it that moves the cursor or turns the writing."""
    return (text if text.isprintable() else _UNSHOWN.sub(" ", text)).strip()


def clean_text(text: str) -> tuple[str, int]:
    """`text` without U+0000 and lone surrogates, and how many were removed."""
    return _REFUSED.subn("", text)


def clean_json(value: Any) -> tuple[Any, int]:
    """`value` as PostgreSQL's `jsonb` takes it, and how many repairs that needed.

    Texts and keys are cleaned as `clean_text` does; NaN and the infinities become null, and so does whatever lies
    more than 200 levels deep. Tuples become lists. What needs no repair comes back equal.
    """
    repairs = 0

    def cleaned(item: Any, depth: int) -> Any:
        nonlocal repairs
        if isinstance(item, str):
            text, removed = clean_text(item)
            repairs += removed
            return text
        if isinstance(item, float) and not math.isfinite(item):
            repairs += 1
            return None
        if isinstance(item, dict | list | tuple):
            if depth == _DEEPEST:
                repairs += 1
                return None
            if isinstance(item, dict):
                return {cleaned(k, depth + 1): cleaned(v, depth + 1) for k, v in item.items()}
            return [cleaned(v, depth + 1) for v in item]
        return item

    return cleaned(value, 0), repairs
