"""All outputs of one conversion, and what is said about them as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..counters import Counters
from ..sources.model import DataSource
from .geometry import Bounds, merged_bounds
from .outputs import Block, ContentHash, count_filled, open_writers, write_sample
from .task import Output, Task

PLAIN = "geojson-plain"


class Published:
    """Writes blocks to every output and keeps the totals. `count` on one thread, `write` on another."""

    def __init__(self, folder: Path, task: Task, data_source: DataSource) -> None:
        """Opens the outputs that the task asks for."""
        self.rows = 0
        self.bounds: Bounds | None = None
        self._folder = folder
        self._names = data_source.attributes
        self._kinds: set[str] = set()
        self._hash = ContentHash()
        self._writers = open_writers(
            folder,
            data_source.source,
            data_source.layer,
            data_source.name,
            data_source.attributes,
            tuple(PLAIN if task.plain_geojson and kind == "geojson" else kind for kind in task.formats),
            website=data_source.website,
            licence=data_source.licence.text,
            member=task.member,
        )

    def count(self, block: Block, counters: Counters) -> None:
        """Takes the block into the totals."""
        self.rows += len(block)
        self._kinds |= block.located.kinds
        self.bounds = merged_bounds(self.bounds, block.located.bounds)
        count_filled(block, self._names, counters)
        counters.add("rows/written", len(block))

    def write(self, block: Block) -> None:
        """Adds the block to every output."""
        for writer in self._writers.values():
            writer.write(block)
        self._hash.add(block.hashes)

    def close(self, sample: tuple[tuple[str, ...], ...]) -> Mapping[str, Output]:
        """Completes all outputs; `sample` is a header and rows."""
        made = {"geojson" if kind == PLAIN else kind: writer.close() for kind, writer in self._writers.items()}
        if sample:
            made["sample"] = write_sample(self._folder / "sample.json", sample[0], sample[1:])
        return made

    def abort(self) -> None:
        """Removes what was written."""
        for writer in self._writers.values():
            writer.abort()

    @property
    def content_hash(self) -> str:
        """The digest of all rows, whatever their order."""
        return self._hash.hexdigest()

    @property
    def alike(self) -> bool:
        """Whether no row differs from another."""
        return self._hash.alike

    @property
    def geometry_type(self) -> str:
        """OGR's name of what the source holds; the widest where there are several."""
        if len(self._kinds) == 1:
            return next(iter(self._kinds))
        plain = {kind.removeprefix("Multi") for kind in self._kinds}
        return f"Multi{plain.pop()}" if len(plain) == 1 else ("Geometry" if plain else "")
