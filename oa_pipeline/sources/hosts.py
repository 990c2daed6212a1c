"""Whose server an address is at."""

from __future__ import annotations

from urllib.parse import urlsplit


def host_of(data: object) -> str:
    """The host of an address; empty where there is none."""
    try:
        return (urlsplit(data).hostname or "") if isinstance(data, str) else ""
    except ValueError:
        return ""
