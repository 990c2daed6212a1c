from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from oa_pipeline.convert.outputs.csvzip import CsvZipWriter, Readme
from oa_pipeline.ledger.tables import RunStatus, runs
from oa_pipeline.publish.store import Store
from oa_pipeline.publish.tiles.index import Indexed, index_tiles
from oa_pipeline.sources.model import Licence
from oa_pipeline_tests.convert.outputs.conftest import MakeBlock, block
from oa_pipeline_tests.ledger.life import NOW, declare, run

__all__ = ["block"]

Place = tuple[str, float, float]  # number, longitude, latitude


@dataclass
class World:
    """A ledger, a store, and data sources in them."""

    engine: sa.Engine
    store: Store
    folder: Path
    make_block: MakeBlock

    def __post_init__(self) -> None:
        self._names = count()

    def publish(self, key: str, places: Sequence[Place], **facts: Any) -> int:
        """A good run of the data source with these addresses."""
        declare(self.engine, key, **{name: facts.pop(name) for name in ("first",) if name in facts})
        source = key.rsplit("/", 2)[0]
        number = 1 + (self._last() or 0)
        zip_key = f"runs/{number}/{source.rpartition('/')[2]}.zip"
        output = self.zip(zip_key, source, places)
        facts = {
            "content_hash": repr(sorted(places)),
            "rows": len(places),
            "outputs": {"csv": output},
            "licence": Licence("CC0"),
            "website": "https://x.example/",
            **facts,
        }
        found = run(self.engine, key, **facts)
        assert found == number
        return number

    def fail(self, key: str) -> int:
        return run(self.engine, key, RunStatus.FAILED)

    def zip(self, zip_key: str, source: str, places: Sequence[Place]) -> dict[str, Any]:
        folder = self.folder / f"zip{next(self._names)}"
        folder.mkdir()
        writer = CsvZipWriter(folder, source, Readme(source, "x"))
        rows = [{"number": number, "street": 'the "Mews"\r\nback'} for number, _, _ in places]
        if rows:
            writer.write(self.make_block(rows, [(lon, lat) for _, lon, lat in places]))
        made = writer.close()
        path = folder / made.path
        self.store.put(zip_key, path, content_type="application/zip", sha256=made.sha256)
        return {"key": zip_key, "size": path.stat().st_size, "sha256": made.sha256, "rows": len(places)}

    def index(self, when: datetime = NOW) -> Indexed:
        folder = self.folder / f"work{next(self._names)}"
        folder.mkdir()
        found = index_tiles(self.engine, self.store, folder, now=lambda: when)
        assert list(folder.iterdir()) == []
        return found

    def _last(self) -> int | None:
        with self.engine.connect() as connection:
            return connection.scalar(sa.select(sa.func.max(runs.c.id)))


MakeWorld = Callable[[Store], World]


@pytest.fixture
def world(engine: sa.Engine, store: Store, tmp_path: Path, block: MakeBlock) -> World:
    return World(engine, store, tmp_path, block)
