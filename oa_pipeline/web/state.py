"""The state of sources as tab separated text, with the columns that its readers have always known."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from datetime import timedelta

from ..ledger.snapshot import Line
from ..text import one_line
from .endpoints import Asked

LAYER = "addresses"
COLUMNS = (
    "source", "cache", "sample", "geometry type", "address count", "version", "fingerprint", "cache time", "processed",
    "process time", "process hash", "output", "attribution required", "attribution name", "share-alike", "code version",
)  # fmt: skip


def state_text(asked: Asked, lines: Iterable[Line]) -> str:
    """All of them, below a line with the columns' names."""
    out = io.StringIO()
    writer = csv.writer(out, "excel-tab")
    writer.writerow(COLUMNS)
    writer.writerows(_cells(line, asked.site.whole_object_url) for line in lines)
    return out.getvalue()


def _cells(line: Line, address: Callable[[str], str]) -> tuple[object, ...]:
    """A cell for each of COLUMNS; None is an empty one."""
    cache, sample, processed, output = (
        address(key) if key and not line.pruned_at else None for key in (line.cache, line.sample, line.csv, line.log)
    )
    return (
        f"{one_line(line.source)}.json",
        cache,
        sample,
        one_line(line.geometry_type),
        line.rows,
        None,  # a tag of source files that none has any more
        line.cache_md5,
        _span(line.download),
        processed,
        None if line.total is None else _span(max(0.0, line.total - (line.download or 0.0))),
        line.csv_sha256,
        output,
        _flag(line.attribution_required),
        one_line(line.attribution_name),
        _flag(line.share_alike),
        one_line(line.code_version),
    )


def _span(seconds: float | None) -> str | None:
    return None if seconds is None else str(timedelta(seconds=round(seconds, 6)))


def _flag(value: bool | None) -> str | None:
    return None if value is None else "true" if value else "false"
