"""A process that reads files through GDAL under the converter's own driver list, for tests that write files with it.

GDAL takes its list of drivers when it is loaded, so the process of the tests (which writes all kinds of files) cannot
be the one that reads. The child answers one line of JSON with another.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Read:
    """What a reader gave: rows of text by column, WKT by row ("" for none), and what it said of itself."""

    columns: list[str] = field(default_factory=list)
    crs: str | None = None
    rows: list[dict[str, str]] = field(default_factory=list)
    geometry: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    error: str = ""
    cure: str = ""

    def column(self, name: str) -> list[str]:
        """The texts of one column."""
        return [row[name] for row in self.rows]


class Child:
    """The process; one answers many questions."""

    def __init__(self) -> None:
        from oa_pipeline.convert.drivers import gdal_environment

        env = {"PATH": os.environ.get("PATH", ""), **gdal_environment()}
        self.process = subprocess.Popen(
            [sys.executable, __file__], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, path: Path, kind: str, *, limits: dict[str, Any] | None = None, **tags: Any) -> Read:
        """Reads `path` as `kind` with the conform's tags; `wanted` narrows the columns."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        question = {"path": str(path), "kind": kind, "limits": limits or {}, **tags}
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the child ended with status {self.process.wait(10)}"
        return Read(**json.loads(answer))

    def close(self) -> None:
        """Ends the process."""
        with suppress(BrokenPipeError), self.process as process:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)


@pytest.fixture(scope="session")
def ogr() -> Iterator[Child]:
    """Reads files as the converter does."""
    child = Child()
    yield child
    child.close()


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    import shapely

    from oa_pipeline.convert.batch import Points
    from oa_pipeline.convert.readers.ogr import open_ogr
    from oa_pipeline.convert.task import Limits
    from oa_pipeline.errors import OAError
    from oa_pipeline.sources.model import Conform, Format

    kind, limits, path = Format(question.pop("kind")), Limits(**question.pop("limits")), Path(question.pop("path"))
    wanted = question.pop("wanted", None)
    read = Read()
    try:
        reader = open_ogr(path, Conform(kind, kind, (), **question), limits)
        read.columns, read.crs = list(reader.columns), reader.crs
        for batch in reader.batches(frozenset(reader.columns if wanted is None else wanted)):
            read.rows += batch.text.to_dicts()
            read.kinds.append(type(batch.geometry).__name__)
            if isinstance(batch.geometry, Points):
                z = batch.geometry.z
                heights = [float("nan")] * len(batch.geometry.x) if z is None else z.tolist()
                for x, y, height in zip(batch.geometry.x.tolist(), batch.geometry.y.tolist(), heights, strict=True):
                    place = (x, y) if height != height else (x, y, height)
                    read.geometry.append("" if x != x else shapely.Point(place).wkt)
            else:
                read.geometry += ["" if shape is None else shape.wkt for shape in batch.geometry.geometries]
        read.counters = dict(reader.counters)
    except OAError as error:
        read.error, read.cure = error.message, error.cure
    return vars(read)


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)
