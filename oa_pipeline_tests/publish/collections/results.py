"""Results of data sources as runs publish them: made by the package's own writers, put into a store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import shapely

from oa_pipeline.convert.batch import Points, Shapes
from oa_pipeline.convert.crs import to_lonlat
from oa_pipeline.convert.geometry import locate
from oa_pipeline.convert.outputs import Block, make_block
from oa_pipeline.convert.outputs.writers import open_writers
from oa_pipeline.counters import Counters
from oa_pipeline.publish.collections.snapshot import Snapshot, taken
from oa_pipeline.publish.store import Store, StoredObject, content_type
from oa_pipeline.sources.keys import base_name, key_of, member_name
from oa_pipeline.sources.model import ATTRIBUTES, Layer

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
FILES = {"csv": "{}.zip", "parquet": "out.parquet"}


@dataclass(frozen=True)
class Result:
    """One data source's result: where its rows lie, or how many there are somewhere around `at`."""

    source: str
    name: str = "city"
    layer: Layer = Layer.ADDRESSES
    first: bool = True
    rows: int = 3
    at: tuple[float, float] = (10.0, 50.0)
    share_alike: bool | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""

    @property
    def key(self) -> str:
        return key_of(self.source, str(self.layer), self.name)


def block_of(result: Result) -> Block:
    """Rows scattered over some degrees, the same ones at every time; every hundredth has no place."""
    layer, count = result.layer, result.rows
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(result.key.encode()).digest()[:4], "big"))
    x = np.clip(result.at[0] + random.normal(0, 2, count), -179.9, 179.9).round(7)
    y = np.clip(result.at[1] + random.normal(0, 1, count), -89, 89).round(7)
    x[99::100] = y[99::100] = np.nan
    names = ATTRIBUTES[layer]
    index = np.arange(count).astype(str)
    texts = {name: np.char.add(f"{result.text}{name} ", index) for name in names}
    frame = pl.DataFrame({name: pl.Series(name, values.tolist(), dtype=pl.String) for name, values in texts.items()})
    shape: Points | Shapes = Points(x, y)
    if layer is not Layer.ADDRESSES:
        corners = shapely.box(x, y, x + 0.001, y + 0.0005)
        shape = Shapes(np.where(np.isnan(x), None, corners))
    return make_block(frame, names, layer, locate(shape, to_lonlat("EPSG:4326", "x"), layer, Counters()))


def publish(store: Store, folder: Path, result: Result, run: int) -> dict[str, Any]:
    """Stores the result's files below `runs/{run}/`, and gives the ledger's row of the run."""
    scratch = folder / f"run-{run}"
    scratch.mkdir()
    member = "" if result.first else member_name(result.source, result.name)
    writers = open_writers(
        scratch, result.source, result.layer, result.name, ATTRIBUTES[result.layer], ("csv", "parquet"), member=member
    )
    block = block_of(result)
    outputs = {}
    for kind, writer in writers.items():
        writer.write(block)
        output = writer.close()
        path = scratch / output.path
        suffix = FILES[kind].format(result.source)
        kept = StoredObject(f"runs/{run}/{suffix}", output.size, output.sha256, content_type(suffix), output.rows)
        store.put(kept.key, path, content_type=kept.content_type, sha256=kept.sha256)
        path.unlink()
        outputs[kind] = kept.as_json()
    return row_of(result, run, outputs)


def row_of(result: Result, run: int, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """A run's row, as the ledger gives it."""
    facts: dict[str, Any] = {
        "licence": f"Licence of {base_name(result.source)}",
        "attribution_required": None,
        "attribution_name": "",
        "website": "",
        "commit_sha": "c0ffee",
        "copy_of": None,
    }
    return {
        **facts,
        **result.facts,
        "id": run,
        "key": result.key,
        "source": result.source,
        "layer": str(result.layer),
        "name": result.name,
        "first": result.first,
        "share_alike": result.share_alike,
        "outputs": dict(outputs),
        "status": "succeeded",
    }


def published(store: Store, folder: Path, results: Sequence[Result]) -> list[dict[str, Any]]:
    """Stores several results, as runs 1, 2, 3 ..."""
    return [publish(store, folder, result, number) for number, result in enumerate(results, 1)]


def snapshot_of(rows: Sequence[Mapping[str, Any]]) -> Snapshot:
    """A snapshot of these rows."""
    return taken(rows, taken_at=NOW, repository="openaddresses/openaddresses", commit="c0ffee", code="1.0")


def keys(store: Store, prefix: str) -> list[str]:
    """The names of what lies below the prefix."""
    return [found.key.removeprefix(prefix) for found in store.list(prefix)]


def copied_to(store: Store, key: str, folder: Path) -> Path:
    """The object as a file."""
    path = folder / key.replace("/", "_")
    with store.open(key) as held, path.open("wb") as out:
        out.writelines(iter(lambda: held.read(1 << 20), b""))
    return path


def lines(data: bytes) -> Iterator[str]:
    """The lines of a csv, without its header."""
    yield from data.decode().splitlines()[1:]
