"""Whether anything has changed that pages show: asked before every page, so by indexes, and with a plan that is kept.

A query's plan takes longer than its answer; a function of PL/pgSQL is planned once in a connection.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    "CREATE INDEX partitions_changed_at_ix ON oa.partitions (changed_at)",
    "CREATE INDEX partitions_removed_at_ix ON oa.partitions (removed_at) WHERE removed_at IS NOT NULL",
    "CREATE INDEX pointers_swapped_at_ix ON oa.pointers (swapped_at)",
    # Numbers are given in order, but transactions do not end in it: that one more has ended shows in how many have not.
    """
    CREATE FUNCTION oa.data_version(
        OUT run BIGINT, OUT run_started TIMESTAMPTZ, OUT runs_running BIGINT, OUT pointer_swapped TIMESTAMPTZ,
        OUT job BIGINT, OUT jobs_open TEXT, OUT set_begun BIGINT, OUT set_ended TIMESTAMPTZ, OUT build BIGINT,
        OUT build_ended TIMESTAMPTZ, OUT partition_changed TIMESTAMPTZ, OUT partition_removed TIMESTAMPTZ
    ) LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
    BEGIN
        SELECT id, started_at FROM oa.runs ORDER BY id DESC LIMIT 1 INTO run, run_started;
        SELECT
            (SELECT count(*) FROM oa.runs WHERE status = 'running'),
            (SELECT max(swapped_at) FROM oa.pointers),
            (SELECT max(sequence) FROM oa.jobs),
            (SELECT string_agg(status::text, ' ' ORDER BY sequence) FROM oa.jobs WHERE ended_at IS NULL),
            (SELECT max(id) FROM oa.sets),
            (SELECT max(ended_at) FROM oa.sets),
            (SELECT max(id) FROM oa.builds),
            (SELECT max(ended_at) FROM oa.builds),
            (SELECT max(changed_at) FROM oa.partitions),
            (SELECT max(removed_at) FROM oa.partitions)
        INTO
            runs_running, pointer_swapped, job, jobs_open, set_begun, set_ended, build, build_ended,
            partition_changed, partition_removed;
    END
    $$
    """,
    "COMMENT ON FUNCTION oa.data_version() IS 'differs as soon as anything has changed that pages show'",
)


def upgrade() -> None:
    """Creates what did not exist."""
    for statement in STATEMENTS:
        op.execute(statement)
