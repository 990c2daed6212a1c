"""Whether the installed code is still the one that was loaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
SUFFIXES = {".py", ".json", ".csv"}


def fingerprint(package: Path = PACKAGE) -> str:
    """A text that changes when the package's files do, or the set of installed packages; it costs no reading."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        if path.suffix in SUFFIXES:
            state = path.stat()
            digest.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    for name in sorted(path.name for path in _installed().glob("*.dist-info")):
        digest.update(f"{name}\n".encode())
    return digest.hexdigest()


def _installed() -> Path:
    import dagster

    return Path(dagster.__file__).resolve().parents[1]
