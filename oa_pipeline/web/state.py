"""The state of sources as tab separated text, with the columns that its readers have always known."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from datetime import timedelta

from ..ledger.reading import Row
from ..text import one_line
from .endpoints import Asked

LAYER = "addresses"
COLUMNS = (
    "source", "cache", "sample", "geometry type", "address count", "version", "fingerprint", "cache time", "processed",
    "process time", "process hash", "output", "attribution required", "attribution name", "share-alike", "code version",
)  # fmt: skip


def state_text(asked: Asked, rows: Iterable[Row]) -> str:
    """A line each for these rows of `snapshot.lines_...`."""
    out = io.StringIO()
    writer = csv.writer(out, "excel-tab")
    writer.writerow(COLUMNS)
    writer.writerows(_cells(row, lambda key: whole(asked, key)) for row in rows)
    return out.getvalue()


def whole(asked: Asked, key: str) -> str:
    """An object's address with its host."""
    url = asked.site.object_url(key)
    return asked.site.url(url) if url.startswith("/") else url


def _cells(row: Row, address: Callable[[str], str]) -> tuple[object, ...]:
    """A cell for each of COLUMNS; None is an empty one."""
    cache, sample, processed, output = (
        address(key) if key and not row["pruned_at"] else None
        for key in (row["cache"], row["sample"], row["csv"], row["log"])
    )
    download, total = row["download"], row["total"]
    return (
        f"{one_line(row['source'])}.json",
        cache,
        sample,
        one_line(row["geometry_type"]),
        row["rows"],
        None,  # a tag of source files that none has any more
        row["cache_md5"],
        _span(download),
        processed,
        None if total is None else _span(max(0.0, total - (download or 0.0))),
        row["csv_sha256"],
        output,
        _flag(row["attribution_required"]),
        one_line(row["attribution_name"]),
        _flag(row["share_alike"]),
        one_line(row["code_version"]),
    )


def _span(seconds: float | None) -> str | None:
    return None if seconds is None else str(timedelta(seconds=round(seconds, 6)))


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()
