"""Counts the rows of a result that lie outside of the declared coverage: a warning, and never the end of a run."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from ..sources.model import DataSource

if TYPE_CHECKING:
    from ..convert.task import Outcome
    from ..maps.outside import Declared

COUNTER = "coverage/rows outside"
SUMMARY = "-summary.csv"
MOST_BYTES = 64 * 1024 * 1024  # of a summary: every square of the earth's land


def told(data_source: DataSource, outcome: Outcome, folder: Path) -> Outcome:
    """The outcome with what lies outside, in its counters and warnings; as it was where nothing does or can be told."""
    if outcome.problem is not None or outcome.bounds is None or not data_source.coverage.complete:
        return outcome
    from shapely.errors import ShapelyError

    from ..maps.outside import declared_area

    try:
        declared = declared_area(data_source.coverage.declared, data_source.source)
        rows = _rows(declared, outcome, folder) if declared is not None else 0
    except ShapelyError:  # a shape that nobody foresaw is no reason to lose the data
        return outcome
    if declared is None or not rows:
        return outcome
    said = f"rows outside of the declared coverage, {declared.name}: {rows:,}"
    counters = {**outcome.counters, COUNTER: rows}
    return replace(outcome, counters=counters, warnings=(*outcome.warnings, said))


def _rows(declared: Declared, outcome: Outcome, folder: Path) -> int:
    from ..maps.outside import all_near, rows_outside

    if outcome.bounds is None or all_near(declared, outcome.bounds):
        return 0
    squares = _squares(outcome, folder)
    if not len(squares):
        return 0
    import numpy as np

    counts, lon, lat = np.asarray(squares, float).T
    return rows_outside(declared, lon, lat, counts.astype(np.int64))


def _squares(outcome: Outcome, folder: Path) -> Sequence[tuple[float, float, float]]:
    """Count, longitude and latitude of each square of a tenth of a degree that has rows; of addresses only."""
    zipped = outcome.outputs.get("csv")
    if zipped is None:
        return ()
    try:
        with ZipFile(folder / zipped.path) as held:
            name = next(one for one in held.infolist() if one.filename.endswith(SUMMARY))
            if name.file_size > MOST_BYTES:
                return ()
            lines = csv.DictReader(io.StringIO(held.read(name).decode()))
            return [(float(line["count"]), float(line["lon"]), float(line["lat"])) for line in lines]
    except (OSError, BadZipFile, StopIteration, KeyError, ValueError):
        return ()
