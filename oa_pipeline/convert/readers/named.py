"""The named values of JSON features, decoded as a struct where their names allow it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


class Named:
    """What the names of a feature's values decode to: `type`, with no other value made into a Python one."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        # Names with these characters cannot be fields of a struct.
        self._plain = not any(c in '"\\' or c < " " for name in self.names for c in name)
        self.type: Any = self._struct() if self._plain else dict[str, Any]

    def _struct(self) -> type[msgspec.Struct]:
        fields = [f"v{i}" for i in range(len(self.names))]
        return msgspec.defstruct(
            "Values",
            [(field, Any, None) for field in fields],
            rename=dict(zip(fields, self.names, strict=True)),
            gc=False,
        )

    def of(self, held: Mapping[str, Any]) -> Any:
        """The same of values that were decoded without it."""
        return self.type(*map(held.get, self.names)) if self._plain else held

    def columns(self, rows: Sequence[Any]) -> dict[str, Sequence[Any]]:
        """The values of each name, None where a row has none. `rows`: of `type`, or None."""
        if not rows:
            return {name: [] for name in self.names}
        if not self._plain:
            plain = [row or {} for row in rows]
            return {name: [row.get(name) for row in plain] for name in self.names}
        empty = self.type()
        held: list[Any] = [row or empty for row in rows]
        return dict(zip(self.names, zip(*map(msgspec.structs.astuple, held), strict=True), strict=True))
