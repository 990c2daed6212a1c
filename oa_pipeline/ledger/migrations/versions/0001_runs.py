"""Partitions, runs with their numbers, pointers, late results, renames."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = """
CREATE SEQUENCE oa.run_numbers;

CREATE TYPE oa.run_status AS ENUM ('running', 'succeeded', 'failed', 'skipped', 'cancelled', 'lost');

CREATE TABLE oa.partitions (
    key TEXT NOT NULL,
    source TEXT NOT NULL,
    layer TEXT NOT NULL,
    name TEXT NOT NULL,
    declared JSON NOT NULL,
    coverage JSON NOT NULL,
    digest TEXT NOT NULL,
    blob_sha TEXT NOT NULL,
    commit_sha TEXT DEFAULT '' NOT NULL,
    first BOOLEAN DEFAULT true NOT NULL,
    token BIGINT DEFAULT '0' NOT NULL,
    first_seen TIMESTAMP WITH TIME ZONE NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    removed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT partitions_pk PRIMARY KEY (key)
);

CREATE INDEX partitions_source_ix ON oa.partitions (source);

COMMENT ON COLUMN oa.partitions.key IS 'us/ca/alameda/addresses/county';

COMMENT ON COLUMN oa.partitions.declared IS 'the data source''s object; json, not jsonb, which sorts keys';

COMMENT ON COLUMN oa.partitions.digest IS 'changes when the meaning of declared or coverage does';

COMMENT ON COLUMN oa.partitions.first IS 'of its layer in its file';

COMMENT ON COLUMN oa.partitions.token IS 'fencing: the last one given out';

COMMENT ON COLUMN oa.partitions.removed_at IS 'when it left the source repository; null while it is in it';

CREATE TABLE oa.renames (
    old_key TEXT NOT NULL,
    new_key TEXT NOT NULL,
    commit_sha TEXT DEFAULT '' NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT renames_pk PRIMARY KEY (old_key, new_key),
    CONSTRAINT renames_old_key_fk FOREIGN KEY(old_key) REFERENCES oa.partitions (key),
    CONSTRAINT renames_new_key_fk FOREIGN KEY(new_key) REFERENCES oa.partitions (key)
);

CREATE INDEX renames_new_key_ix ON oa.renames (new_key);

COMMENT ON TABLE oa.renames IS 'the history of new_key goes on in old_key';

CREATE TABLE oa.runs (
    id BIGINT DEFAULT nextval('oa.run_numbers') NOT NULL,
    key TEXT NOT NULL,
    source TEXT NOT NULL,
    layer TEXT NOT NULL,
    name TEXT NOT NULL,
    status oa.run_status DEFAULT 'running' NOT NULL,
    token BIGINT NOT NULL,
    dagster_run_id TEXT DEFAULT '' NOT NULL,
    attempt INTEGER DEFAULT '0' NOT NULL,
    blob_sha TEXT DEFAULT '' NOT NULL,
    digest TEXT DEFAULT '' NOT NULL,
    commit_sha TEXT DEFAULT '' NOT NULL,
    code_version TEXT DEFAULT '' NOT NULL,
    problem TEXT,
    detail TEXT DEFAULT '' NOT NULL,
    cure TEXT DEFAULT '' NOT NULL,
    warnings JSONB DEFAULT '[]' NOT NULL,
    tests_passed BOOLEAN,
    cache_sha256 TEXT,
    cache_md5 TEXT,
    cache_size BIGINT,
    cache_content_type TEXT,
    validators JSONB DEFAULT '{}' NOT NULL,
    rows BIGINT,
    counters JSONB DEFAULT '{}' NOT NULL,
    content_hash TEXT DEFAULT '' NOT NULL,
    data_version TEXT DEFAULT '' NOT NULL,
    outputs JSONB DEFAULT '{}' NOT NULL,
    prefix TEXT DEFAULT '' NOT NULL,
    geometry_type TEXT DEFAULT '' NOT NULL,
    bounds DOUBLE PRECISION[],
    licence TEXT DEFAULT '' NOT NULL,
    attribution_required BOOLEAN,
    attribution_name TEXT DEFAULT '' NOT NULL,
    share_alike BOOLEAN,
    website TEXT DEFAULT '' NOT NULL,
    seconds JSONB DEFAULT '{}' NOT NULL,
    cpu_seconds FLOAT,
    peak_memory BIGINT,
    walls JSONB DEFAULT '{}' NOT NULL,
    copy_of BIGINT,
    predecessor BIGINT,
    successor BIGINT,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    beat_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT runs_pk PRIMARY KEY (id),
    CONSTRAINT runs_ends_once_ck CHECK ((status = 'running') = (ended_at IS NULL)),
    CONSTRAINT runs_failure_has_problem_ck CHECK (status <> 'failed' OR problem IS NOT NULL),
    CONSTRAINT runs_success_has_none_ck CHECK (status <> 'succeeded' OR problem IS NULL),
    CONSTRAINT runs_bounds_are_four_ck CHECK (bounds IS NULL OR cardinality(bounds) = 4),
    CONSTRAINT runs_key_fk FOREIGN KEY(key) REFERENCES oa.partitions (key),
    CONSTRAINT runs_copy_of_fk FOREIGN KEY(copy_of) REFERENCES oa.runs (id),
    CONSTRAINT runs_predecessor_fk FOREIGN KEY(predecessor) REFERENCES oa.runs (id),
    CONSTRAINT runs_successor_fk FOREIGN KEY(successor) REFERENCES oa.runs (id)
);

CREATE INDEX runs_dagster_run_id_ix ON oa.runs (dagster_run_id);

CREATE INDEX runs_key_id_ix ON oa.runs (key, id);

CREATE UNIQUE INDEX runs_one_running_ix ON oa.runs (key) WHERE status = 'running';

CREATE INDEX runs_running_ix ON oa.runs (beat_at) WHERE status = 'running';

CREATE INDEX runs_source_id_ix ON oa.runs (source, id);

COMMENT ON COLUMN oa.runs.tests_passed IS 'null: the source has none';

COMMENT ON COLUMN oa.runs.outputs IS 'kind: {key, size, sha256, rows ...}';

COMMENT ON COLUMN oa.runs.prefix IS 'where its own objects lie in the store';

COMMENT ON COLUMN oa.runs.bounds IS 'west, south, east, north';

COMMENT ON COLUMN oa.runs.seconds IS 'wall clock by stage';

COMMENT ON COLUMN oa.runs.copy_of IS 'the run whose objects these are';

COMMENT ON COLUMN oa.runs.predecessor IS 'the lost run it took over from';

COMMENT ON COLUMN oa.runs.successor IS 'of a lost run: who took over';

CREATE TABLE oa.late_results (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    run_id BIGINT NOT NULL,
    token BIGINT NOT NULL,
    status oa.run_status NOT NULL,
    found oa.run_status NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT late_results_pk PRIMARY KEY (id),
    CONSTRAINT late_results_run_id_fk FOREIGN KEY(run_id) REFERENCES oa.runs (id)
);

CREATE INDEX late_results_run_id_ix ON oa.late_results (run_id);

COMMENT ON TABLE oa.late_results IS 'results that came after their run had ended: refused, kept to show who was late';

COMMENT ON COLUMN oa.late_results.status IS 'what it wanted to end as';

COMMENT ON COLUMN oa.late_results.found IS 'what it had already ended as';

CREATE TABLE oa.pointers (
    key TEXT NOT NULL,
    run_id BIGINT NOT NULL,
    swapped_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pointers_pk PRIMARY KEY (key),
    CONSTRAINT pointers_key_fk FOREIGN KEY(key) REFERENCES oa.partitions (key),
    CONSTRAINT pointers_run_id_fk FOREIGN KEY(run_id) REFERENCES oa.runs (id)
);

COMMENT ON TABLE oa.pointers IS 'the latest good run of each data source: what the public is sent to';
"""


def upgrade() -> None:
    """Creates what did not exist."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
