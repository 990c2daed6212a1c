"""The state of sources as tab separated text, with the columns that its readers have always known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from ..ledger.reading import Row
from ..text import one_line
from .endpoints import Asked
from .forms import separated

LAYER = "addresses"


def state_text(asked: Asked, rows: Iterable[Row]) -> str:
    """One line for the first addresses data source of each file, ordered by its path.

    Rows are those of `snapshot`; one that no run has ended for has no line.
    """
    mine = [one for one in rows if one["layer"] == LAYER and one["first"] and one["run_id"] is not None]
    mine.sort(key=lambda one: one["source"])
    return separated(tuple(COLUMNS), [[make(asked, one) for make in COLUMNS.values()] for one in mine], "excel-tab")


def whole(asked: Asked, key: str) -> str:
    """An object's address with its host."""
    url = asked.site.object_url(key)
    return asked.site.url(url) if url.startswith("/") else url


def _object(kind: str) -> Callable[[Asked, Row], str]:
    def address(asked: Asked, row: Row) -> str:
        found = (row["outputs"] or {}).get(kind)
        return whole(asked, found["key"]) if found and not row["pruned_at"] else ""

    return address


def _sha256(asked: Asked, row: Row) -> str:
    return str(((row["outputs"] or {}).get("csv") or {}).get("sha256") or "")


def _seconds(row: Row) -> tuple[float | None, float | None]:
    """Of the download, and of all that came after it."""
    spent: Mapping[str, float] = row["seconds"] or {}
    download, total = spent.get("download"), spent.get("total")
    return download, None if total is None else max(0.0, total - (download or 0.0))


def _span(seconds: float | None) -> str:
    return "" if seconds is None else str(timedelta(seconds=round(seconds, 6)))


def _flag(value: bool | None) -> str:
    return "" if value is None else str(value).lower()


COLUMNS: Mapping[str, Callable[[Asked, Row], Any]] = {
    "source": lambda asked, row: f"{one_line(row['source'])}.json",
    "cache": _object("cache"),
    "sample": _object("sample"),
    "geometry type": lambda asked, row: one_line(row["geometry_type"]),
    "address count": lambda asked, row: row["rows"],
    "version": lambda asked, row: "",  # a tag of source files that none has any more
    "fingerprint": lambda asked, row: row["cache_md5"],
    "cache time": lambda asked, row: _span(_seconds(row)[0]),
    "processed": _object("csv"),
    "process time": lambda asked, row: _span(_seconds(row)[1]),
    "process hash": _sha256,
    "output": _object("log"),
    "attribution required": lambda asked, row: _flag(row["attribution_required"]),
    "attribution name": lambda asked, row: one_line(row["attribution_name"]),
    "share-alike": lambda asked, row: _flag(row["share_alike"]),
    "code version": lambda asked, row: one_line(row["code_version"]),
}
