"""Runs with a machine of their own, which machine a worker is on, and what operators have been told."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = """
ALTER TABLE oa.assignments ADD COLUMN dedicated BOOLEAN DEFAULT false NOT NULL;

ALTER TABLE oa.assignments ADD COLUMN instance TEXT DEFAULT '' NOT NULL;

COMMENT ON COLUMN oa.assignments.dedicated IS 'only the worker of its own instance takes it';

COMMENT ON COLUMN oa.assignments.instance IS 'EC2''s number of that instance';

CREATE INDEX assignments_dedicated_ix ON oa.assignments (ended_at) WHERE dedicated;

ALTER TABLE oa.heartbeats ADD COLUMN instance TEXT DEFAULT '' NOT NULL;

ALTER TABLE oa.heartbeats ADD COLUMN dedicated BOOLEAN DEFAULT false NOT NULL;

COMMENT ON COLUMN oa.heartbeats.instance IS 'EC2''s number of the instance that it is on';

COMMENT ON COLUMN oa.heartbeats.dedicated IS 'its slots are for one run alone';

CREATE TABLE oa.notices (
    key TEXT NOT NULL,
    said_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT notices_pk PRIMARY KEY (key)
);

COMMENT ON TABLE oa.notices IS 'what operators have been told, so that they are told once';
"""


def upgrade() -> None:
    """Creates what did not exist."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
