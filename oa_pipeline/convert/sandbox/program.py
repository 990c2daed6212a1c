"""A program in place of a converter's Python: the walled process becomes it, and may become nothing else.

It starts no second process, and the files it may run are itself and what the kernel needs to start it.
"""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}
_ELF64, _INTERPRETER = b"\x7fELF\x02", 3
_DEEPEST = 4  # a script's interpreter, and that one's loader; the kernel allows little more


@dataclass(frozen=True, slots=True)
class Program:
    """What is run. `libraries`: folders that it reads besides the system's."""

    path: str
    arguments: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        """A dictionary of JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> Program:
        """The inverse of `as_json`."""
        return cls(held["path"], tuple(held["arguments"]), tuple(held["libraries"]), held["environment"])

    def become(self) -> None:
        """Turns this process into the program. Does not return; raises OSError where that cannot be."""
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):  # Python ignores them, and that is inherited
            signal.signal(number, signal.SIG_DFL)
        environment = {**ENVIRONMENT, **(self.environment or {})}
        os.execve(self.path, [Path(self.path).name, *self.arguments], environment)  # noqa: S606 - it needs no shell


def executables(path: Path) -> list[Path]:
    """The files that the kernel executes to run this one: itself, and its interpreter or loader."""
    found = [path]
    while (after := _started_by(found[-1])) is not None and len(found) < _DEEPEST:
        found.append(after)
    return found


def _started_by(path: Path) -> Path | None:
    """The interpreter that a script's first line names, or an ELF program's loader."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
            if head[:2] == b"#!":
                file.seek(2)
                words = file.readline(256).split()
                return Path(os.fsdecode(words[0])) if words else None
            if head[:5] != _ELF64:
                return None
            table, size, count = struct.unpack_from("<32xQ14xHH", head)
            for number in range(count):
                file.seek(table + number * size)
                kind, start, length = struct.unpack("<I4xQ16xQ", file.read(40))
                if kind == _INTERPRETER:
                    file.seek(start)
                    return Path(os.fsdecode(file.read(length).rstrip(b"\0")))
    except (OSError, struct.error):
        return None
    return None
