"""What a licence asks of who uses the data, in four words."""

from __future__ import annotations

from collections.abc import Mapping

# The most first.
TERMS: Mapping[str, str] = {
    "share-alike": "What you derive from it must be given away under the same licence.",
    "attribution": "Name the publisher.",
    "unknown": "The source states no licence: ask the publisher before you rely on it.",
    "free": "Nothing but what its text says.",
}


def terms_of(licence: str | None, *, attribution_required: bool | None, share_alike: bool | None) -> str:
    """One of TERMS: the most that the source says of its use."""
    if share_alike:
        return "share-alike"
    if attribution_required:
        return "attribution"
    return "free" if licence else "unknown"
