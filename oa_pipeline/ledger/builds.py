"""What is made of many runs: each build begins, and then publishes all it has made in one transaction, or fails.

Builds of one kind follow each other: whoever begins one ends those of its kind that have not ended (their process died,
or will find that it may not publish any more). What is current thus changes as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ..errors import PublishError
from ..text import clean_text
from .engine import in_transaction
from .reading import Row, row, rows
from .tables import BuildStatus, artifacts, builds, tiles, zips

BLOCK = 500  # rows a statement
OVERTAKEN = "a newer build of its kind began before it had ended"


@dataclass(frozen=True, slots=True)
class Zip:
    """A regional file of many sources. `licence` is `sa` where share-alike is required, else empty."""

    area: str
    licence: str
    key: str
    size: int
    sha256: str
    rows: int
    sources: int
    layer: str = "addresses"
    form: str = "zip"


@dataclass(frozen=True, slots=True)
class Tile:
    """The zip of one square degree, named by its south-western corner."""

    lon: int
    lat: int
    key: str
    size: int
    sha256: str
    rows: int
    fingerprint: str
    run_ids: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Artifact:
    """A single public file."""

    name: str
    key: str
    size: int
    sha256: str
    content_type: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


def begin_build(
    engine: sa.Engine,
    kind: str,
    *,
    run_ids: Sequence[int],
    fingerprint: str = "",
    dagster_run_id: str = "",
    now: datetime,
) -> int:
    """The number of a new build of what was the latest of these runs."""

    def work(connection: sa.Connection) -> int:
        connection.execute(
            sa.update(builds)
            .where(builds.c.kind == kind, builds.c.status == BuildStatus.BUILDING.value)
            .values(status=BuildStatus.FAILED.value, detail=OVERTAKEN, ended_at=now)
        )
        made = sa.insert(builds).values(
            kind=kind,
            run_ids=list(run_ids),
            fingerprint=fingerprint,
            dagster_run_id=dagster_run_id,
            started_at=now,
        )
        return int(connection.execute(made.returning(builds.c.id)).scalar_one())

    return in_transaction(engine, work)


def publish_zips(
    engine: sa.Engine, build: int, rows: Sequence[Zip], facts: Mapping[str, Any], *, now: datetime
) -> None:
    """Makes these the current regional files, all others former ones, and ends the build."""

    def work(connection: sa.Connection) -> None:
        if not end_as_published(connection, build, facts, now):
            return
        connection.execute(sa.update(zips).where(zips.c.is_current).values(is_current=False))
        made = [asdict(row) | {"build_id": build, "is_current": True, "created_at": now} for row in rows]
        if made:
            connection.execute(sa.insert(zips), made)

    in_transaction(engine, work)


def publish_tiles(
    engine: sa.Engine,
    build: int,
    changed: Sequence[Tile],
    removed: Collection[tuple[int, int]],
    facts: Mapping[str, Any],
    *,
    now: datetime,
) -> None:
    """Adds these tiles or puts them in the place of what was there, removes others, and ends the build."""

    def work(connection: sa.Connection) -> None:
        if not end_as_published(connection, build, facts, now):
            return
        gone = sorted(removed)
        for start in range(0, len(gone), BLOCK):
            where = sa.tuple_(tiles.c.lon, tiles.c.lat).in_(gone[start : start + BLOCK])
            connection.execute(sa.delete(tiles).where(where))
        made = [
            asdict(tile) | {"run_ids": list(tile.run_ids), "build_id": build, "created_at": now} for tile in changed
        ]
        put(connection, tiles, made)

    in_transaction(engine, work)


def publish_artifacts(
    engine: sa.Engine, build: int, rows: Sequence[Artifact], facts: Mapping[str, Any], *, now: datetime
) -> None:
    """Puts these files in the place of what had their names, leaves all other names alone, and ends the build."""

    def work(connection: sa.Connection) -> None:
        if end_as_published(connection, build, facts, now):
            made = [asdict(row) | {"facts": dict(row.facts), "build_id": build, "created_at": now} for row in rows]
            put(connection, artifacts, made)

    in_transaction(engine, work)


def fail_build(engine: sa.Engine, build: int, detail: str, *, now: datetime) -> None:
    """Ends the build without changing what is current. One that has ended stays as it is."""
    statement = (
        sa.update(builds)
        .where(builds.c.id == build, builds.c.status == BuildStatus.BUILDING.value)
        .values(status=BuildStatus.FAILED.value, detail=clean_text(detail)[0], ended_at=now)
    )
    in_transaction(engine, lambda c: c.execute(statement))


def add_facts(engine: sa.Engine, build: int, facts: Mapping[str, Any]) -> None:
    """Adds to what is known of a build."""
    statement = sa.update(builds).where(builds.c.id == build)
    added = sa.cast(sa.literal(dict(facts), builds.c.facts.type), builds.c.facts.type)
    in_transaction(engine, lambda c: c.execute(statement.values(facts=builds.c.facts.op("||")(added))))


def last_published(engine: sa.Engine, kind: str) -> Row | None:
    """The newest build of this kind that was published."""
    query = (
        sa.select(builds)
        .where(builds.c.kind == kind, builds.c.status == BuildStatus.PUBLISHED.value)
        .order_by(builds.c.id.desc())
        .limit(1)
    )
    return row(engine, query)


def newest(engine: sa.Engine, kind: str) -> Row | None:
    """The build of this kind that began last, however it stands."""
    return row(engine, sa.select(builds).where(builds.c.kind == kind).order_by(builds.c.id.desc()).limit(1))


def failed_since(engine: sa.Engine, moment: datetime, limit: int = 20) -> list[Row]:
    """The newest builds, as far as they have failed since then."""
    newest_ones = sa.select(builds).order_by(builds.c.id.desc()).limit(limit).subquery()
    failed = newest_ones.c.status == BuildStatus.FAILED.value
    return rows(engine, sa.select(newest_ones).where(failed, newest_ones.c.ended_at >= moment))


def current_zips(engine: sa.Engine) -> list[Row]:
    """The regional files that are current, with the build they are of."""
    order = (zips.c.area, zips.c.licence, zips.c.form.desc(), zips.c.layer)
    return rows(engine, sa.select(zips).where(zips.c.is_current).order_by(*order))


def current_tiles(engine: sa.Engine) -> list[Row]:
    """The tiles that are current, from south to north."""
    return rows(engine, sa.select(tiles).order_by(tiles.c.lat, tiles.c.lon))


def tile(engine: sa.Engine, lon: int, lat: int) -> Row | None:
    """The current tile of which this is the south-western corner."""
    return row(engine, sa.select(tiles).where(tiles.c.lon == lon, tiles.c.lat == lat))


def artifact(engine: sa.Engine, name: str) -> Row | None:
    """The current file of this name."""
    return row(engine, sa.select(artifacts).where(artifacts.c.name == name))


def end_as_published(connection: sa.Connection, build: int, facts: Mapping[str, Any], now: datetime) -> bool:
    """Ends the build as published, as a part of publishing. False: this very call did so, and its answer was lost."""
    found = connection.execute(sa.select(builds).where(builds.c.id == build).with_for_update()).one()
    if (found.status, found.ended_at) == (BuildStatus.PUBLISHED.value, now):
        return False
    if found.status != BuildStatus.BUILDING.value:
        raise PublishError(
            f"build {build} of {found.kind} has ended as {found.status} and may not publish: {found.detail}",
            cure="the newer build publishes; nothing is to be done",
        )
    values = {"status": BuildStatus.PUBLISHED.value, "facts": dict(facts), "ended_at": now}
    connection.execute(sa.update(builds).where(builds.c.id == build).values(values))
    return True


def put(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds these rows, or puts them in the place of those with their primary keys."""
    keys = [column.name for column in table.primary_key]
    for start in range(0, len(rows), BLOCK):
        added = insert(table).values(rows[start : start + BLOCK])
        changed = {c.name: added.excluded[c.name] for c in table.columns if c.name not in keys}
        connection.execute(added.on_conflict_do_update(index_elements=keys, set_=changed))
