"""Names as people type them: with capitals where there are none, or the other way round."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .catalogue import Standing


def source_spelt(rows: Sequence[Standing], what: str) -> str:
    """The path or key that is this but for capitals; empty where there is none, or more than one."""
    return _only((name for one in rows for name in (one.source, one.key)), what)


def folder_spelt(rows: Sequence[Standing], what: str) -> str:
    """The same of the folders that sources lie in."""
    parts = what.count("/") + 1
    return _only(("/".join(one.source.split("/")[:parts]) for one in rows if one.source.count("/") >= parts), what)


def _only(names: Iterable[str], what: str) -> str:
    folded = what.casefold()
    found = {name for name in names if name.casefold() == folded}
    return found.pop() if len(found) == 1 and what not in found else ""
