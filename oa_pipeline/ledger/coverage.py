"""What is covered: where each source's rows ought to be, and how much of each country and state has addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from .builds import Artifact, end_as_published, put
from .engine import in_transaction
from .partitions import in_the_repository
from .reading import Row, row, rows
from .tables import SetStatus, artifacts, coverage_areas, coverage_sources, partitions, sets

LAYER = "addresses"
COUNTRY, STATE = "country", "state"


@dataclass(frozen=True, slots=True)
class AreaRow:
    """How much of a country or state has addresses."""

    level: str
    code: str
    name: str
    sources: int
    good: int
    addresses: int
    land_km2: float
    covered_km2: float
    land_share: float
    missing: Sequence[Mapping[str, Any]] = field(default=())
    missing_count: int = 0


@dataclass(frozen=True, slots=True)
class SourceRow:
    """The area of one source file."""

    source: str
    how: str
    kind: str
    code: str
    name: str
    country: str
    state: str
    good: bool
    addresses: int
    why: str = ""


def declared(engine: sa.Engine) -> list[Row]:
    """Of every data source of addresses in the repository: `key`, `source`, `first`, `coverage`, `digest`; by key."""
    columns = (partitions.c[name] for name in ("key", "source", "first", "coverage", "digest"))
    query = sa.select(*columns).where(*in_the_repository(), partitions.c.layer == LAYER).order_by(partitions.c.key)
    return rows(engine, query)


def publish(
    engine: sa.Engine,
    build: int,
    areas: Sequence[AreaRow],
    sources: Sequence[SourceRow],
    files: Sequence[Artifact],
    facts: Mapping[str, Any],
    *,
    now: datetime,
) -> None:
    """Puts the numbers in the place of the former ones, files in that of those with their names; ends the build."""

    def work(connection: sa.Connection) -> None:
        if not end_as_published(connection, build, facts, now):
            return
        for table in (coverage_areas, coverage_sources):
            connection.execute(sa.delete(table))
        made = {"build_id": build, "created_at": now}
        put(connection, coverage_areas, [asdict(one) | {"missing": list(one.missing)} | made for one in areas])
        put(connection, coverage_sources, [asdict(one) | {"build_id": build} for one in sources])
        put(connection, artifacts, [asdict(one) | {"facts": dict(one.facts)} | made for one in files])

    in_transaction(engine, work)


def areas(engine: sa.Engine, level: str) -> list[Row]:
    """All countries (`country`) or all states (`state`) by their codes; empty before the first map was drawn."""
    query = sa.select(coverage_areas).where(coverage_areas.c.level == level).order_by(coverage_areas.c.code)
    return rows(engine, query)


def area(engine: sa.Engine, level: str, code: str) -> Row | None:
    """One of them."""
    query = sa.select(coverage_areas).where(coverage_areas.c.level == level, coverage_areas.c.code == code)
    return row(engine, query)


def sources_of(engine: sa.Engine, country: str, state: str = "") -> list[Row]:
    """The areas of the source files that are counted with a country, or with one of its states."""
    query = sa.select(coverage_sources).where(coverage_sources.c.country == country).order_by(coverage_sources.c.source)
    return rows(engine, query.where(coverage_sources.c.state == state) if state else query)


def matched(engine: sa.Engine) -> dict[str, int]:
    """How many source files were matched by what."""
    query = sa.select(coverage_sources.c.how, sa.func.count().label("count")).group_by(coverage_sources.c.how)
    return {found["how"]: found["count"] for found in rows(engine, query)}


def sets_without(engine: sa.Engine, name: str, *, since: datetime) -> list[int]:
    """The sets over everything that have ended since then and have no file `sets/{number}/{name}`, oldest first."""
    path = sa.func.concat("sets/", sets.c.id, "/", name)
    query = (
        sa.select(sets.c.id)
        .outerjoin(artifacts, artifacts.c.name == path)
        .where(sets.c.status.in_((SetStatus.COMPLETE.value, SetStatus.INCOMPLETE.value)), sets.c.only == "")
        .where(sets.c.ended_at >= since, artifacts.c.name.is_(None))
        .order_by(sets.c.id)
    )
    return [int(found["id"]) for found in rows(engine, query)]
