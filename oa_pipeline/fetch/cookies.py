"""Cookies of one data source's requests: kept for the origin that set them, shown to no other."""

from __future__ import annotations

import threading
from collections.abc import Iterable

Origin = tuple[str, str, int]
MOST = 50
LONGEST = 4096


class Cookies:
    """Some servers redirect to themselves until their cookie comes back; nothing else is done with them."""

    def __init__(self) -> None:
        """None yet."""
        self._held: dict[Origin, dict[str, str]] = {}
        self._lock = threading.Lock()

    def header(self, origin: Origin) -> str:
        """The `Cookie` header for `origin`; empty where it set none."""
        with self._lock:
            return "; ".join(f"{name}={value}" for name, value in self._held.get(origin, {}).items())

    def take(self, origin: Origin, lines: Iterable[str]) -> None:
        """Remembers the `Set-Cookie` headers of an answer."""
        with self._lock:
            held = self._held.setdefault(origin, {})
            for line in lines:
                pair, _, rest = line.partition(";")
                name, equals, value = (part.strip() for part in pair.partition("="))
                if not (name and equals) or len(pair) > LONGEST or not pair.isascii():
                    continue
                if "max-age=0" in rest.lower().replace(" ", ""):
                    held.pop(name, None)
                elif name in held or len(held) < MOST:
                    held[name] = value
