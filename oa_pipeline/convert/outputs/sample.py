"""`sample.json`: the header and the first rows of the source, as a list of lists."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from ..task import Output
from .sinks import HashedFile

ROWS = 5


def write_sample(path: Path, header: Sequence[str], rows: Iterable[Sequence[str | None]]) -> Output:
    """Writes the header and at most five rows; `rows` of the result counts them."""
    chosen = [list(row) for row in islice(rows, ROWS)]
    sink = HashedFile(path)
    sink.write(json.dumps([list(header), *chosen], ensure_ascii=False, indent=1).encode() + b"\n")
    return sink.close(len(chosen))
