"""Which runs count, taken once: of everything that is in the source repository now, or of one set.

One statement each, and so of one moment: whoever builds something of many runs asks once, records the run ids, and
builds of those rows however the ledger goes on meanwhile.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from .partitions import in_the_repository
from .reading import Row, records, rows
from .tables import RunStatus, partitions, pointers, runs, set_members

# What a list of many runs shows of each: not its log of counters, validators and walls.
BRIEF = (
    "status", "problem", "detail", "warnings", "tests_passed", "held_because", "code_version", "blob_sha", "commit_sha",
    "rows", "content_hash", "data_version", "outputs", "geometry_type", "bounds", "cache_size", "cache_md5", "licence",
    "attribution_required", "attribution_name", "share_alike", "website", "seconds", "copy_of", "pruned_at",
    "started_at", "ended_at",
)  # fmt: skip

MAKER = runs.alias("maker")


class Line(NamedTuple):
    """How a source file stands in one layer, in few words: of a run, the keys of its outputs, and how long it took."""

    source: str
    geometry_type: str
    rows: int | None
    cache_md5: str | None
    attribution_required: bool | None
    attribution_name: str
    share_alike: bool | None
    code_version: str
    pruned_at: datetime | None
    cache: str | None
    sample: str | None
    csv: str | None
    csv_sha256: str | None
    log: str | None
    download: float | None  # seconds, of the run that made the result
    total: float | None


def runs_to_date(engine: sa.Engine, *, layer: str | None = None) -> list[Row]:
    """The latest good run of every data source that is in the repository now, ordered by key.

    Each row is the run's, with `first`: whether the data source is the first of its layer in its file. A newer run
    that failed, was skipped, held or lost hides nothing; a data source without any good run has no row, nor has one
    that left the repository or that only a pull request proposes.
    """
    query = (
        sa.select(runs, partitions.c.first)
        .join(pointers, pointers.c.run_id == runs.c.id)
        .join(partitions, partitions.c.key == pointers.c.key)
        .where(*in_the_repository())
        .order_by(pointers.c.key)
    )
    if layer is not None:
        query = query.where(partitions.c.layer == layer)
    return rows(engine, query)


def state_to_date(engine: sa.Engine) -> list[Row]:
    """How every data source that is in the repository now stands, ordered by key.

    A row has `key`, `source`, `layer`, `name`, `first`, then of its latest good run, or of its newest ended one where
    there is no good one, `run_id` and the columns of BRIEF; these are None where no run has ended. The `seconds` of a
    run that used another's result again are the other's.
    """
    query = (
        sa.select(*_identity(), runs.c.id.label("run_id"), *_brief(runs))
        .select_from(partitions)
        .outerjoin(pointers, pointers.c.key == partitions.c.key)
        .outerjoin(runs, runs.c.id == sa.func.coalesce(pointers.c.run_id, _newest_ended()))
        .where(*in_the_repository())
        .order_by(partitions.c.key)
    )
    return rows(engine, query)


def runs_of_set(engine: sa.Engine, set_id: int) -> list[Row]:
    """How every member of the set stands, ordered by key.

    A row has `key`, `source`, `layer`, `name`, `first`, `step`, `host`, `good_run_id` (the latest good run there is by
    now, of this set or any other), then `run_id` and the columns of BRIEF of its newest ended run in this set, with
    `seconds` as in `state_to_date`; these are None where none has ended.
    """
    ended = _ended_in_set(set_id, *(runs.c[name] for name in BRIEF))
    query = (
        sa.select(
            *_identity(),
            set_members.c.step,
            set_members.c.host,
            pointers.c.run_id.label("good_run_id"),
            ended.c.id.label("run_id"),
            *_brief(ended),
        )
        .select_from(set_members)
        .join(partitions, partitions.c.key == set_members.c.key)
        .outerjoin(pointers, pointers.c.key == set_members.c.key)
        .outerjoin(ended, ended.c.key == set_members.c.key)
        .where(set_members.c.set_id == set_id)
        .order_by(set_members.c.key)
    )
    return rows(engine, query)


def lines_to_date(engine: sa.Engine, layer: str) -> list[Line]:
    """How every source file stands in one layer now.

    Of each file the first data source of the layer is told, in the order of the files' paths; of one that no run has
    ended for, nothing.
    """
    query = (
        sa.select(*_line(runs))
        .select_from(partitions)
        .outerjoin(pointers, pointers.c.key == partitions.c.key)
        .join(runs, runs.c.id == sa.func.coalesce(pointers.c.run_id, _newest_ended()))
        .outerjoin(MAKER, MAKER.c.id == _made_by(runs))
        .where(*in_the_repository(), partitions.c.layer == layer, partitions.c.first)
        .order_by(partitions.c.source.collate("C"))
    )
    return records(engine, query, Line)


def lines_of_set(engine: sa.Engine, set_id: int, layer: str) -> list[Line]:
    """The same of one set: of the newest run of each that has ended in it."""
    ended = _ended_in_set(set_id, *(runs.c[name] for name in ("outputs", "copy_of", *Line._fields) if name in runs.c))
    query = (
        sa.select(*_line(ended))
        .select_from(set_members)
        .join(partitions, partitions.c.key == set_members.c.key)
        .join(ended, ended.c.key == set_members.c.key)
        .outerjoin(MAKER, MAKER.c.id == _made_by(ended))
        .where(set_members.c.set_id == set_id, partitions.c.layer == layer, partitions.c.first)
        .order_by(partitions.c.source.collate("C"))
    )
    return records(engine, query, Line)


def _newest_ended() -> sa.ScalarSelect[int]:
    """The newest run of a partition that has ended."""
    newest = runs.alias("newest")
    return (
        sa.select(newest.c.id)
        .where(newest.c.key == partitions.c.key, newest.c.status != RunStatus.RUNNING.value)
        .order_by(newest.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def _ended_in_set(set_id: int, *columns: sa.Column[Any]) -> sa.Subquery:
    """Of each data source the newest run that has ended in the set, found in one pass: its id, key and `columns`."""
    return (
        sa.select(runs.c.id, runs.c.key, *columns)
        .where(runs.c.set_id == set_id, runs.c.status != RunStatus.RUNNING.value)
        .ext(distinct_on(runs.c.key))
        .order_by(runs.c.key, runs.c.id.desc())
        .subquery("ended")
    )


def _identity() -> tuple[sa.Column[Any], ...]:
    return tuple(partitions.c[name] for name in ("key", "source", "layer", "name", "first"))


def _brief(run: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    """BRIEF's columns of `run`. What the result took is told by the run that made it, found by its number."""
    maker = runs.alias("maker")
    spent = sa.select(maker.c.seconds).where(maker.c.id == _made_by(run)).scalar_subquery()
    return tuple(spent.label(name) if name == "seconds" else run.c[name] for name in BRIEF)


def _made_by(run: sa.FromClause) -> sa.ColumnElement[int]:
    return sa.func.coalesce(run.c.copy_of, run.c.id)


def _line(run: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    """Line's columns of `run`, and of MAKER, whose result it is."""
    outputs, seconds = run.c.outputs, MAKER.c.seconds
    made: dict[str, sa.ColumnElement[Any]] = {
        "source": partitions.c.source,
        **{kind: outputs[(kind, "key")].astext for kind in ("cache", "sample", "csv", "log")},
        "csv_sha256": outputs[("csv", "sha256")].astext,
        "download": seconds["download"].as_float(),
        "total": seconds["total"].as_float(),
    }
    return tuple(made[name].label(name) if name in made else run.c[name] for name in Line._fields)
