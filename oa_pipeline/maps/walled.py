"""A run's maps, as far as they are made of its rows: the picture, and the lines of which tippecanoe makes tiles.

Runs where conversions run, behind the same walls: what it reads was made of a publisher's data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import PngImagePlugin  # noqa: F401 - Pillow looks for it when it saves, and behind the walls it may be late

from ..convert.outputs.sinks import described
from ..convert.task import Outcome, Output, Task
from . import boundaries, preview
from .dotmap.lines import ATTRIBUTES, batches, places, text

PREVIEW, GLIMPSE, LINES = "preview.png", "glimpse.png", "dots.geojsonl"
_POINTS, _CHUNK = ".points", 1 << 19
Tell = Callable[[dict[str, Any]], None]


def warm() -> None:
    """Reads what each picture needs, for a server that forks."""
    for file in ("world", "us"):
        boundaries.features(file)


def make(task: Task, work: Path, tell: Tell) -> Outcome:
    """Of the GeoParquet that is the task's input what its `formats` name: `preview`, `lines`.

    `limits.rows`: as many lines at most, of rows that are evenly spread over the file.
    """
    source, points = Path(task.input), work / _POINTS
    columns = ["geometry", *(ATTRIBUTES if "lines" in task.formats else ())]
    rows, lines = 0, _Lines(work / LINES, _step(source, task.limits.rows)) if "lines" in task.formats else None
    with points.open("wb") as spool:
        for batch in batches(source, columns):
            x, y = places(batch.column("geometry"))
            spool.write(np.column_stack([x, y]).astype("<f8").tobytes())
            if lines is not None:
                lines.add(batch, x, y, rows)
            rows += len(batch)
            tell({"rows": rows})
    outputs: dict[str, Output] = {}
    if lines is not None:
        outputs["lines"] = lines.close()
    if "preview" in task.formats and (picture := preview.render(_spooled(points), boundaries.outlines)) is not None:
        (work / PREVIEW).write_bytes(preview.png(picture))
        (work / GLIMPSE).write_bytes(preview.glimpse(picture))
        outputs["preview"] = described(work / PREVIEW, rows)
        outputs["glimpse"] = described(work / GLIMPSE)
    return Outcome(None, rows=rows, outputs=outputs)


def _step(source: Path, most: int | None) -> int:
    """Every how manyth row is taken."""
    rows = pq.read_metadata(source).num_rows
    return max(1, -(-rows // most)) if most else 1


def _spooled(points: Path) -> Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]:
    def chunks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        with points.open("rb") as spool:
            while len(held := np.frombuffer(spool.read(_CHUNK * 16), "<f8")):
                yield held[0::2], held[1::2]

    return chunks


class _Lines:
    """The file of features, of every `step`th row."""

    def __init__(self, path: Path, step: int) -> None:
        self._path, self._file, self._step = path, path.open("wb"), step
        self._digest, self._size, self._rows = sha256(), 0, 0

    def add(self, batch: Any, x: np.ndarray, y: np.ndarray, before: int) -> None:
        if self._step > 1:
            chosen = np.arange(-before % self._step, len(batch), self._step)
            batch, x, y = batch.take(chosen), x[chosen], y[chosen]
        data = text(batch, x, y)
        self._file.write(data)
        self._digest.update(data)
        self._size += len(data)
        self._rows += data.count(b"\n")

    def close(self) -> Output:
        self._file.close()
        return Output(self._path.name, self._size, self._digest.hexdigest(), self._rows)
