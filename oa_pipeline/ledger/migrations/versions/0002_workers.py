"""Assignments and heartbeats: runs for workers to take, and the workers."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = """
CREATE TYPE oa.assignment_stage AS ENUM ('ready', 'taken', 'done', 'broken');

CREATE TABLE oa.assignments (
    dagster_run_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    stage oa.assignment_stage DEFAULT 'ready' NOT NULL,
    priority INTEGER DEFAULT '0' NOT NULL,
    worker TEXT,
    deliveries INTEGER DEFAULT '0' NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    ready_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    taken_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT assignments_pk PRIMARY KEY (dagster_run_id, attempt),
    CONSTRAINT assignments_ends_once_ck CHECK ((stage IN ('done', 'broken')) = (ended_at IS NOT NULL)),
    CONSTRAINT assignments_taken_by_somebody_ck
        CHECK (stage <> 'taken' OR (worker IS NOT NULL AND taken_at IS NOT NULL))
);

CREATE INDEX assignments_ready_ix ON oa.assignments (priority DESC, ready_at) WHERE stage = 'ready';

CREATE INDEX assignments_taken_ix ON oa.assignments (worker) WHERE stage = 'taken';

CREATE UNIQUE INDEX assignments_one_open_ix ON oa.assignments (dagster_run_id) WHERE stage IN ('ready', 'taken');

CREATE INDEX assignments_ended_ix ON oa.assignments (ended_at) WHERE ended_at IS NOT NULL;

COMMENT ON TABLE oa.assignments IS
    'runs that Dagster launched, for workers to take: one row an attempt, so a second delivery does nothing';

COMMENT ON COLUMN oa.assignments.attempt IS '0 as launched, 1 as resumed for the first time ...';

COMMENT ON COLUMN oa.assignments.priority IS 'Dagster''s: higher goes first';

COMMENT ON COLUMN oa.assignments.worker IS 'who has it, or had it last';

COMMENT ON COLUMN oa.assignments.deliveries IS 'how often it was taken';

COMMENT ON COLUMN oa.assignments.detail IS 'how it ended';

CREATE TABLE oa.heartbeats (
    worker TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    slots INTEGER NOT NULL,
    code_version TEXT DEFAULT '' NOT NULL,
    draining BOOLEAN DEFAULT false NOT NULL,
    usage JSONB DEFAULT '{}' NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    beat_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT heartbeats_pk PRIMARY KEY (worker),
    CONSTRAINT heartbeats_has_slots_ck CHECK (slots > 0)
);

COMMENT ON TABLE oa.heartbeats IS 'the workers that live; their clock is the database''s';

COMMENT ON COLUMN oa.heartbeats.slots IS 'runs it carries out at once';

COMMENT ON COLUMN oa.heartbeats.draining IS 'takes nothing any more';

COMMENT ON COLUMN oa.heartbeats.usage IS 'run: {pid, memory, cpu_seconds}';
"""


def upgrade() -> None:
    """Creates what did not exist."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
