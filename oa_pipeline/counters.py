"""Counters with a grammar: the same names appear in index.json, Dagster metadata, pages and comments.

rows/read                        rows the reader saw
rows/written                     rows in out.geojson
rows/dropped/<cause>             rows left out of everything, by cause
rows/kept/<cause>                rows in out.geojson that other outputs leave out, by cause
field/<attribute>/filled         rows in which a published attribute has text
text/<what>                      repairs to text (replaced characters, cut cells, cut values)
geometry/<what>                  repairs to geometry (closed rings, stroked curves)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping


class Counters(Mapping[str, int]):
    """Named counts that only grow. Reading an absent name gives 0."""

    def __init__(self, counts: Mapping[str, int] | None = None) -> None:
        """Starts from `counts`, or from nothing."""
        self._counts: dict[str, int] = dict(counts or {})

    def add(self, name: str, count: int = 1) -> None:
        """Adds `count` to `name`; nothing is recorded for zero."""
        if count:
            self._counts[name] = self._counts.get(name, 0) + int(count)

    def merge(self, other: Mapping[str, int]) -> None:
        """Adds all of `other`."""
        for name, count in other.items():
            self.add(name, count)

    def under(self, prefix: str) -> dict[str, int]:
        """The counts below `prefix/`, by the rest of their names."""
        return {n.removeprefix(prefix + "/"): c for n, c in sorted(self._counts.items()) if n.startswith(prefix + "/")}

    def __getitem__(self, name: str) -> int:
        return self._counts.get(name, 0)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._counts))

    def __len__(self) -> int:
        return len(self._counts)
