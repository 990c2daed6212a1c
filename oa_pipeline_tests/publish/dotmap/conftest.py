from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
import sqlalchemy as sa

from oa_pipeline.convert.sandbox import Converter
from oa_pipeline.ledger.tables import partitions
from oa_pipeline.publish.dotmap.build import Dotmap, Wish, build_dotmap
from oa_pipeline.publish.dotmap.making import Workshop, sha256_of
from oa_pipeline.publish.store import Store, open_store
from oa_pipeline.sources.model import Licence
from oa_pipeline_tests.ledger.life import NOW, declare, run

Place = tuple[str, float, float]  # number, longitude, latitude


@dataclass
class World:
    """A ledger, a store, and results of data sources in them."""

    engine: sa.Engine
    store: Store
    folder: Path
    sandbox: Converter
    said: list[tuple[str, int, int | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names = count()

    def publish(self, key: str, places: Sequence[Place], **facts: Any) -> int:
        """A good run of the data source with these addresses."""
        declare(self.engine, key)
        number = next(self._names)
        outputs = {"parquet": self.parquet(f"runs/x{number}/out.parquet", places)}
        facts = {
            "content_hash": repr(sorted(places)), "rows": len(places), "outputs": outputs, "licence": Licence("CC0"),
            **facts,
        }  # fmt: skip
        return run(self.engine, key, **facts)

    def parquet(self, key: str, places: Sequence[Place]) -> dict[str, Any]:
        path = self.folder / "result"
        texts = {"number": [number for number, _, _ in places], "street": ["Main St"] * len(places)}
        geometry = shapely.to_wkb([shapely.Point(lon, lat) for _, lon, lat in places])
        pq.write_table(pa.table({**texts, "geometry": pa.array(geometry, pa.binary())}), path)
        sha256 = sha256_of(path)
        self.store.put(key, path, content_type="x", sha256=sha256)
        return {"key": key, "size": path.stat().st_size, "sha256": sha256, "rows": len(places)}

    def remove(self, key: str) -> None:
        """The data source leaves the repository."""
        with self.engine.begin() as connection:
            gone = sa.update(partitions).where(partitions.c.key == key)
            connection.execute(gone.values(removed_at=sa.func.now()))

    def build(self, **wish: Any) -> Dotmap:
        folder = self.folder / f"work{next(self._names)}"
        folder.mkdir()
        moment = NOW + timedelta(seconds=next(self._names))
        shop = Workshop(self.store, self.sandbox, folder, 250, wish.pop("program", ""))
        asked = Wish(now=lambda: moment, say=lambda *words: self.said.append(words), **wish)
        done = build_dotmap(self.engine, shop, asked)
        assert list(folder.iterdir()) == []
        return done


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Converter]:
    with Converter() as converter:
        yield converter


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """In a folder, unless the test asks for "s3"."""
    if getattr(request, "param", "folder") == "folder":
        return open_store(str(tmp_path / "store"))
    endpoint = request.getfixturevalue("s3_server")
    return open_store(f"s3://{request.getfixturevalue('bucket')}/p", endpoint=endpoint)


@pytest.fixture
def world(engine: sa.Engine, store: Store, tmp_path: Path, sandbox: Converter) -> World:
    return World(engine, store, tmp_path, sandbox)
