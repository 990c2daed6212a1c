"""The data sources as the ledger knows them: what the source repository last declared, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from .engine import in_transaction
from .tables import partitions, renames

if TYPE_CHECKING:
    from ..sources.model import DataSource

BLOCK = 500  # rows a statement


@dataclass(frozen=True, slots=True)
class Declared:
    """One data source as its file declares it."""

    key: str
    source: str
    layer: str
    name: str
    declared: dict[str, Any]
    coverage: dict[str, Any]
    digest: str
    blob_sha: str = ""
    commit_sha: str = ""
    first: bool = True

    @classmethod
    def of(cls, one: DataSource, *, blob_sha: str = "", commit_sha: str = "", key: str = "") -> Declared:
        """Of a data source as it was parsed; `key`: another one than its own."""
        return cls(
            key=key or one.key,
            source=one.source,
            layer=str(one.layer),
            name=one.name,
            declared=dict(one.declared or {}),
            coverage=dict(one.coverage.declared),
            digest=one.digest,
            blob_sha=blob_sha,
            commit_sha=commit_sha,
            first=one.first,
        )


def in_the_repository() -> tuple[sa.ColumnElement[bool], ...]:
    """What holds of a data source of the default branch that has not been removed."""
    return partitions.c.removed_at.is_(None), partitions.c.pull_request.is_(None)


def known(engine: sa.Engine) -> dict[str, str]:
    """Digest by key of every data source that is in the repository now."""
    query = sa.select(partitions.c.key, partitions.c.digest).where(*in_the_repository())
    return in_transaction(engine, lambda c: {r.key: r.digest for r in c.execute(query)})


def declared(engine: sa.Engine, key: str) -> Declared | None:
    """What the file said about this data source when it was last read."""
    columns = [partitions.c[f] for f in Declared.__dataclass_fields__]
    query = sa.select(*columns).where(partitions.c.key == key)
    found = in_transaction(engine, lambda c: c.execute(query).mappings().one_or_none())
    return Declared(**found) if found is not None else None


def declared_ones(engine: sa.Engine, keys: Sequence[str]) -> list[Declared]:
    """What the files said about these data sources when they were last read."""
    columns = [partitions.c[f] for f in Declared.__dataclass_fields__]
    query = sa.select(*columns).where(partitions.c.key.in_(keys))
    return in_transaction(engine, lambda c: [Declared(**found) for found in c.execute(query).mappings()])


def proposed_key(engine: sa.Engine, key: str) -> str:
    """The data source that a pull request's partition would be once merged; of any other key the key itself."""
    query = sa.select(partitions.c.proposes).where(partitions.c.key == key)
    return in_transaction(engine, lambda c: c.scalar(query)) or key


def record(engine: sa.Engine, sources: Iterable[Declared], *, now: datetime) -> None:
    """Adds data sources, or brings them up to date; one that had been removed is back."""
    rows = [
        {f: getattr(s, f) for f in Declared.__dataclass_fields__} | {"first_seen": now, "changed_at": now}
        for s in sources
    ]
    kept = {*Declared.__dataclass_fields__, "changed_at"} - {"key"}

    def work(connection: sa.Connection) -> None:
        for start in range(0, len(rows), BLOCK):
            put = insert(partitions).values(rows[start : start + BLOCK])
            connection.execute(
                put.on_conflict_do_update(
                    index_elements=[partitions.c.key],
                    set_={name: put.excluded[name] for name in kept} | {"removed_at": None},
                )
            )

    if rows:
        in_transaction(engine, work)


def mark_removed(engine: sa.Engine, keys: Sequence[str], *, now: datetime) -> None:
    """Notes that these left the source repository. Their runs and results stay."""
    if keys:
        statement = (
            sa.update(partitions)
            .where(partitions.c.key.in_(keys), partitions.c.removed_at.is_(None))
            .values(removed_at=now)
        )
        in_transaction(engine, lambda c: c.execute(statement))


def record_renames(engine: sa.Engine, pairs: Mapping[str, str], *, commit_sha: str, now: datetime) -> None:
    """Links the history of each new key to the old key it had (`pairs`: new by old)."""
    if pairs:
        rows = [{"old_key": old, "new_key": new, "commit_sha": commit_sha, "at": now} for old, new in pairs.items()]
        in_transaction(engine, lambda c: c.execute(insert(renames).values(rows).on_conflict_do_nothing()))


def former_keys(engine: sa.Engine, key: str) -> list[str]:
    """The keys this data source had before, newest first."""
    # A rename back and forth makes a circle: UNION (not UNION ALL) ends it.
    walk = sa.select(renames.c.old_key, renames.c.at).where(renames.c.new_key == key).cte("walk", recursive=True)
    walk = walk.union(sa.select(renames.c.old_key, renames.c.at).where(renames.c.new_key == walk.c.old_key))
    query = sa.select(walk.c.old_key).where(walk.c.old_key != key).order_by(walk.c.at.desc())
    return in_transaction(engine, lambda c: list(dict.fromkeys(c.scalars(query))))
