"""Which objects of the store are for everybody, and which of them never change.

Whoever serves the store serves these and nothing else: what operators keep beside them is not the public's.
"""

from __future__ import annotations

import re

from .store import LONGEST_KEY

# What lies below runs/7/, pr/7/, collections/7/ ... is written once.
NUMBERED = ("runs", "pr", "collections", "tiles", "statistics", "coverage", "dotmap", "maps")
OTHERS = ("sets/", "cache/uploads/")
LONGEST_PART = 255  # bytes, as file systems allow
_FIXED = re.compile(f"({'|'.join(NUMBERED)})/[0-9]+/.")
_AT_ROOT = re.compile(
    r"openaddr-collected-[\w-]+\.(zip|parquet)|render-[\w-]+\.(png|geojson)|machine-stats\.json|dotmap\.\w+", re.ASCII
)
_CONTROL = re.compile("[\x00-\x1f\x7f\ufffd\ud800-\udfff]")


def is_public(key: str) -> bool:
    """Whether the object of this key, if there is one, may be read by everybody."""
    parts = key.split("/")
    if _CONTROL.search(key) or len(key.encode()) > LONGEST_KEY or any(_hidden(part) for part in parts):
        return False
    below = len(parts) > 1 and (parts[0] in NUMBERED or key.startswith(OTHERS))
    return below or _AT_ROOT.fullmatch(key) is not None


def never_changes(key: str) -> bool:
    """Whether the object of this key is the same for as long as it is there."""
    return _FIXED.match(key) is not None


def _hidden(part: str) -> bool:
    return not part or part.startswith(".") or len(part.encode()) > LONGEST_PART
