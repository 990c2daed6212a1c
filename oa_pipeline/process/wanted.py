"""Which maps a run makes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """`preview`: the picture of where its rows are. `tiles`: the slippy map."""

    preview: bool = False
    tiles: bool = False

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self.preview or self.tiles
