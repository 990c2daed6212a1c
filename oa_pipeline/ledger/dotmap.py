"""The dotmap: one archive of tiles for each area, kept as soon as it is made, and the one of the world.

Areas are what the next dotmap is put together of. Nobody is sent to them, so that they need not change together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..errors import PublishError
from .builds import Artifact, end_as_published, put
from .engine import in_transaction
from .reading import Row, rows
from .tables import BuildStatus, artifacts, builds, dotmap_areas

KIND = "dotmap"
ORDER = (dotmap_areas.c.area,)


@dataclass(frozen=True, slots=True)
class Area:
    """The archive of one area. `dropped` counts features that were too many for a tile, by zoom."""

    area: str
    key: str
    size: int
    sha256: str
    fingerprint: str
    sources: int
    rows: int
    tiles: int
    dropped: Mapping[str, int] = field(default_factory=dict)


def areas(engine: sa.Engine) -> list[Row]:
    """All that are kept, by their codes."""
    return rows(engine, sa.select(dotmap_areas).order_by(*ORDER))


def keep_area(engine: sa.Engine, build: int, area: Area, *, now: datetime) -> None:
    """Keeps what this build has made of an area, in the place of what there was.

    Raises PublishError where the build has ended, because a newer one began.
    """

    def work(connection: sa.Connection) -> None:
        status = connection.execute(
            sa.select(builds.c.status).where(builds.c.id == build).with_for_update()
        ).scalar_one()
        if status != BuildStatus.BUILDING.value:
            raise PublishError(
                f"build {build} of {KIND} has ended as {status} and may not keep anything",
                cure="the newer build goes on; nothing is to be done",
            )
        put(connection, dotmap_areas, [asdict(area) | {"build_id": build, "created_at": now}])

    in_transaction(engine, work)


def publish_dotmap(
    engine: sa.Engine,
    build: int,
    made: Sequence[Artifact],
    areas: Collection[str],
    facts: Mapping[str, Any],
    *,
    now: datetime,
) -> None:
    """Makes these files current and no other of this kind, forgets all areas but those named, and ends the build."""

    def work(connection: sa.Connection) -> None:
        if not end_as_published(connection, build, facts, now):
            return
        connection.execute(sa.delete(dotmap_areas).where(dotmap_areas.c.area.not_in(areas)))
        before = sa.select(builds.c.id).where(builds.c.kind == KIND)
        connection.execute(sa.delete(artifacts).where(artifacts.c.build_id.in_(before)))
        put(connection, artifacts, [asdict(a) | {"build_id": build, "created_at": now} for a in made])

    in_transaction(engine, work)
