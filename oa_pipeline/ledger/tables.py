"""The ledger's tables, schema `oa` of the one database that Dagster uses too.

Types that cannot lie: a status is an enum, an outcome is a column a fact, and constraints hold what must be true of
every row. Migrations create these; a test holds the two together.
"""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, ENUM, JSON, JSONB

SCHEMA = "oa"


class RunStatus(StrEnum):
    """How a run stands. All but RUNNING are final."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"  # it has output, its own or (copy_of) that of an earlier run
    FAILED = "failed"  # the source or its publisher; `problem` says how
    SKIPPED = "skipped"  # the source says to skip
    CANCELLED = "cancelled"  # somebody asked for it to stop
    LOST = "lost"  # its process went away, or a newer run took its place


class Stage(StrEnum):
    """Where an assignment, one attempt at a Dagster run, stands. DONE and BROKEN are final."""

    READY = "ready"  # waits for a worker
    TAKEN = "taken"  # a worker has it
    DONE = "done"  # Dagster's run has ended, or ended before anybody took it
    BROKEN = "broken"  # its process went away and Dagster's run has not ended


metadata = sa.MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pk",
        "ix": "%(table_name)s_%(column_0_N_name)s_ix",
        "fk": "%(table_name)s_%(column_0_name)s_fk",
        "uq": "%(table_name)s_%(column_0_N_name)s_uq",
        "ck": "%(table_name)s_%(constraint_name)s_ck",
    },
)

run_numbers = sa.Sequence("run_numbers", schema=SCHEMA, metadata=metadata)
run_status = ENUM(*(s.value for s in RunStatus), name="run_status", schema=SCHEMA, metadata=metadata)
assignment_stage = ENUM(*(s.value for s in Stage), name="assignment_stage", schema=SCHEMA, metadata=metadata)
moment = sa.DateTime(timezone=True)

partitions = sa.Table(
    "partitions",
    metadata,
    sa.Column("key", sa.Text, primary_key=True, comment="us/ca/alameda/addresses/county"),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("layer", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("declared", JSON, nullable=False, comment="the data source's object; json, not jsonb, which sorts keys"),
    sa.Column("coverage", JSON, nullable=False),
    sa.Column("digest", sa.Text, nullable=False, comment="changes when the meaning of declared or coverage does"),
    sa.Column("blob_sha", sa.Text, nullable=False),
    sa.Column("commit_sha", sa.Text, nullable=False, server_default=""),
    sa.Column("first", sa.Boolean, nullable=False, server_default=sa.true(), comment="of its layer in its file"),
    sa.Column("token", sa.BigInteger, nullable=False, server_default="0", comment="fencing: the last one given out"),
    sa.Column("first_seen", moment, nullable=False),
    sa.Column("changed_at", moment, nullable=False),
    sa.Column("removed_at", moment, comment="when it left the source repository; null while it is in it"),
    sa.Index(None, "source"),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.BigInteger, run_numbers, primary_key=True, server_default=run_numbers.next_value()),
    sa.Column("key", sa.Text, sa.ForeignKey(partitions.c.key), nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("layer", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("status", run_status, nullable=False, server_default=RunStatus.RUNNING.value),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("dagster_run_id", sa.Text, nullable=False, server_default=""),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    # what was processed, by what
    sa.Column("blob_sha", sa.Text, nullable=False, server_default=""),
    sa.Column("digest", sa.Text, nullable=False, server_default=""),
    sa.Column("commit_sha", sa.Text, nullable=False, server_default=""),
    sa.Column("code_version", sa.Text, nullable=False, server_default=""),
    # how it ended
    sa.Column("problem", sa.Text),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Column("cure", sa.Text, nullable=False, server_default=""),
    sa.Column("warnings", JSONB, nullable=False, server_default="[]"),
    sa.Column("tests_passed", sa.Boolean, comment="null: the source has none"),
    # the cached download
    sa.Column("cache_sha256", sa.Text),
    sa.Column("cache_md5", sa.Text),
    sa.Column("cache_size", sa.BigInteger),
    sa.Column("cache_content_type", sa.Text),
    sa.Column("validators", JSONB, nullable=False, server_default="{}"),
    # what came out
    sa.Column("rows", sa.BigInteger),
    sa.Column("counters", JSONB, nullable=False, server_default="{}"),
    sa.Column("content_hash", sa.Text, nullable=False, server_default=""),
    sa.Column("data_version", sa.Text, nullable=False, server_default=""),
    sa.Column("outputs", JSONB, nullable=False, server_default="{}", comment="kind: {key, size, sha256, rows ...}"),
    sa.Column("prefix", sa.Text, nullable=False, server_default="", comment="where its own objects lie in the store"),
    sa.Column("geometry_type", sa.Text, nullable=False, server_default=""),
    sa.Column("bounds", ARRAY(DOUBLE_PRECISION), comment="west, south, east, north"),
    # licence, as the source states it
    sa.Column("licence", sa.Text, nullable=False, server_default=""),
    sa.Column("attribution_required", sa.Boolean),
    sa.Column("attribution_name", sa.Text, nullable=False, server_default=""),
    sa.Column("share_alike", sa.Boolean),
    sa.Column("website", sa.Text, nullable=False, server_default=""),
    # cost
    sa.Column("seconds", JSONB, nullable=False, server_default="{}", comment="wall clock by stage"),
    sa.Column("cpu_seconds", sa.Float),
    sa.Column("peak_memory", sa.BigInteger),
    sa.Column("walls", JSONB, nullable=False, server_default="{}"),
    # its relatives
    sa.Column("copy_of", sa.BigInteger, sa.ForeignKey("oa.runs.id"), comment="the run whose objects these are"),
    sa.Column("predecessor", sa.BigInteger, sa.ForeignKey("oa.runs.id"), comment="the lost run it took over from"),
    sa.Column("successor", sa.BigInteger, sa.ForeignKey("oa.runs.id"), comment="of a lost run: who took over"),
    sa.Column("started_at", moment, nullable=False),
    sa.Column("beat_at", moment, nullable=False),
    sa.Column("ended_at", moment),
    sa.CheckConstraint("(status = 'running') = (ended_at IS NULL)", name="ends_once"),
    sa.CheckConstraint("status <> 'failed' OR problem IS NOT NULL", name="failure_has_problem"),
    sa.CheckConstraint("status <> 'succeeded' OR problem IS NULL", name="success_has_none"),
    sa.CheckConstraint("bounds IS NULL OR cardinality(bounds) = 4", name="bounds_are_four"),
    sa.Index(None, "key", "id"),
    sa.Index(None, "source", "id"),
    sa.Index(None, "dagster_run_id"),
    sa.Index("runs_running_ix", "beat_at", postgresql_where=sa.text("status = 'running'")),
    sa.Index("runs_one_running_ix", "key", unique=True, postgresql_where=sa.text("status = 'running'")),
)

pointers = sa.Table(
    "pointers",
    metadata,
    sa.Column("key", sa.Text, sa.ForeignKey(partitions.c.key), primary_key=True),
    sa.Column("run_id", sa.BigInteger, sa.ForeignKey(runs.c.id), nullable=False),
    sa.Column("swapped_at", moment, nullable=False),
    comment="the latest good run of each data source: what the public is sent to",
)

late_results = sa.Table(
    "late_results",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("run_id", sa.BigInteger, sa.ForeignKey(runs.c.id), nullable=False),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("status", run_status, nullable=False, comment="what it wanted to end as"),
    sa.Column("found", run_status, nullable=False, comment="what it had already ended as"),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Column("at", moment, nullable=False),
    sa.Index(None, "run_id"),
    comment="results that came after their run had ended: refused, kept to show who was late",
)

renames = sa.Table(
    "renames",
    metadata,
    sa.Column("old_key", sa.Text, sa.ForeignKey(partitions.c.key), primary_key=True),
    sa.Column("new_key", sa.Text, sa.ForeignKey(partitions.c.key), primary_key=True),
    sa.Column("commit_sha", sa.Text, nullable=False, server_default=""),
    sa.Column("at", moment, nullable=False),
    sa.Index(None, "new_key"),
    comment="the history of new_key goes on in old_key",
)

assignments = sa.Table(
    "assignments",
    metadata,
    sa.Column("dagster_run_id", sa.Text, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True, comment="0 as launched, 1 as resumed for the first time ..."),
    sa.Column("stage", assignment_stage, nullable=False, server_default=Stage.READY.value),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0", comment="Dagster's: higher goes first"),
    sa.Column("worker", sa.Text, comment="who has it, or had it last"),
    sa.Column("deliveries", sa.Integer, nullable=False, server_default="0", comment="how often it was taken"),
    sa.Column("detail", sa.Text, nullable=False, server_default="", comment="how it ended"),
    sa.Column("ready_at", moment, nullable=False, server_default=sa.func.now()),
    sa.Column("taken_at", moment),
    sa.Column("ended_at", moment),
    sa.CheckConstraint("(stage IN ('done', 'broken')) = (ended_at IS NOT NULL)", name="ends_once"),
    sa.CheckConstraint("stage <> 'taken' OR (worker IS NOT NULL AND taken_at IS NOT NULL)", name="taken_by_somebody"),
    sa.Index(
        "assignments_ready_ix",
        sa.text("priority DESC"),
        "ready_at",
        postgresql_where=sa.text("stage = 'ready'"),
    ),
    sa.Index("assignments_taken_ix", "worker", postgresql_where=sa.text("stage = 'taken'")),
    sa.Index(
        "assignments_one_open_ix",
        "dagster_run_id",
        unique=True,
        postgresql_where=sa.text("stage IN ('ready', 'taken')"),
    ),
    sa.Index("assignments_ended_ix", "ended_at", postgresql_where=sa.text("ended_at IS NOT NULL")),
    comment="runs that Dagster launched, for workers to take: one row an attempt, so a second delivery does nothing",
)

heartbeats = sa.Table(
    "heartbeats",
    metadata,
    sa.Column("worker", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("slots", sa.Integer, nullable=False, comment="runs it carries out at once"),
    sa.Column("code_version", sa.Text, nullable=False, server_default=""),
    sa.Column("draining", sa.Boolean, nullable=False, server_default=sa.false(), comment="takes nothing any more"),
    sa.Column("usage", JSONB, nullable=False, server_default="{}", comment="run: {pid, memory, cpu_seconds}"),
    sa.Column("started_at", moment, nullable=False, server_default=sa.func.now()),
    sa.Column("beat_at", moment, nullable=False, server_default=sa.func.now()),
    sa.CheckConstraint("slots > 0", name="has_slots"),
    comment="the workers that live; their clock is the database's",
)
