"""Data sources, their runs, and which run is the latest."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, ENUM, JSON, JSONB

from .base import SCHEMA, metadata, moment


class RunStatus(StrEnum):
    """How a run stands. All but RUNNING are final, but for a HELD one that is accepted: it then has succeeded."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"  # it has output, its own or (copy_of) that of an earlier run
    HELD = "held"  # it has output that lost too much against the latest, which stays what it was
    FAILED = "failed"  # the source or its publisher; `problem` says how
    SKIPPED = "skipped"  # the source says to skip
    CANCELLED = "cancelled"  # somebody asked for it to stop
    LOST = "lost"  # its process went away, or a newer run took its place


run_numbers = sa.Sequence("run_numbers", schema=SCHEMA, metadata=metadata)
run_status = ENUM(*(s.value for s in RunStatus), name="run_status", schema=SCHEMA, metadata=metadata)

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
    sa.Column("pull_request", sa.Integer, comment="the pull request that proposes it; null: of the default branch"),
    sa.Column("proposes", sa.Text, comment="of a pull request's partition: the key that it would have once merged"),
    sa.CheckConstraint("(pull_request IS NULL) = (proposes IS NULL)", name="proposal_is_whole"),
    sa.Index(None, "source"),
    sa.Index("partitions_pull_request_ix", "pull_request", postgresql_where=sa.text("pull_request IS NOT NULL")),
    sa.Index("partitions_proposes_ix", "proposes", postgresql_where=sa.text("proposes IS NOT NULL")),
    sa.Index(None, "changed_at"),
    sa.Index("partitions_removed_at_ix", "removed_at", postgresql_where=sa.text("removed_at IS NOT NULL")),
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
    # who asked for it; neither: a person
    sa.Column("set_id", sa.BigInteger, sa.ForeignKey("oa.sets.id")),
    sa.Column("job_id", sa.Text, sa.ForeignKey("oa.jobs.id")),
    sa.Column("pull_request", sa.Integer, comment="its objects lie below pr/ and no pointer ever names it"),
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
    # the gate: a held run has its objects and is seen, but the latest stays what it was
    sa.Column("held_because", ARRAY(sa.Text), comment="what it lost; of held and accepted runs"),
    sa.Column("compared_with", sa.BigInteger, sa.ForeignKey("oa.runs.id")),
    sa.Column("accepted_at", moment, comment="when a held run was let through"),
    sa.Column("accepted_by", sa.Text, comment="a person's name, or the number of the run that agreed"),
    sa.Column("rejected_at", moment, comment="when somebody said that a held run shall not be published"),
    sa.Column("rejected_by", sa.Text, comment="a person's name, or the number of the rejected run that it agrees with"),
    # the cached download
    sa.Column("cache_sha256", sa.Text),
    sa.Column("cache_md5", sa.Text),
    sa.Column("cache_size", sa.BigInteger),
    sa.Column("cache_content_type", sa.Text),
    sa.Column("validators", JSONB, nullable=False, server_default="{}"),
    # what came out
    sa.Column("rows", sa.BigInteger),
    sa.Column("sampled", sa.Boolean, nullable=False, server_default=sa.false(), comment="of a part of the data only"),
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
    sa.Column("pruned_at", moment, comment="when its objects were removed to keep the store small"),
    sa.CheckConstraint("(status = 'running') = (ended_at IS NULL)", name="ends_once"),
    sa.CheckConstraint("status <> 'failed' OR problem IS NOT NULL", name="failure_has_problem"),
    sa.CheckConstraint("status <> 'succeeded' OR problem IS NULL", name="success_has_none"),
    sa.CheckConstraint("bounds IS NULL OR cardinality(bounds) = 4", name="bounds_are_four"),
    # As text: the migration that adds the status may not use it yet.
    sa.CheckConstraint("status::text <> 'held' OR held_because IS NOT NULL", name="held_says_why"),
    sa.CheckConstraint("accepted_at IS NULL OR rejected_at IS NULL", name="decided_once"),
    sa.Index(None, "key", "id"),
    sa.Index(None, "source", "id"),
    sa.Index(None, "dagster_run_id"),
    sa.Index("runs_set_id_ix", "set_id", "key", postgresql_where=sa.text("set_id IS NOT NULL")),
    sa.Index("runs_job_id_ix", "job_id", postgresql_where=sa.text("job_id IS NOT NULL")),
    sa.Index("runs_blob_sha_ix", "blob_sha", "id"),
    sa.Index("runs_held_ix", "id", postgresql_where=sa.text("held_because IS NOT NULL")),
    sa.Index("runs_running_ix", "beat_at", postgresql_where=sa.text("status = 'running'")),
    sa.Index("runs_one_running_ix", "key", unique=True, postgresql_where=sa.text("status = 'running'")),
)

pointers = sa.Table(
    "pointers",
    metadata,
    sa.Column("key", sa.Text, sa.ForeignKey(partitions.c.key), primary_key=True),
    sa.Column("run_id", sa.BigInteger, sa.ForeignKey(runs.c.id), nullable=False),
    sa.Column("swapped_at", moment, nullable=False),
    sa.Index(None, "swapped_at"),
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
