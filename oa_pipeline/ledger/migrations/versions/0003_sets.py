"""Sets, collections and what else is published of many runs, and the gate before publication."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = """
ALTER TYPE oa.run_status ADD VALUE IF NOT EXISTS 'held' AFTER 'succeeded';

CREATE TYPE oa.set_status AS ENUM ('open', 'complete', 'incomplete', 'cancelled');

CREATE TYPE oa.set_step AS ENUM ('waiting', 'probing', 'changed', 'queued', 'ended');

CREATE TYPE oa.build_status AS ENUM ('building', 'published', 'failed');

CREATE TABLE oa.sets (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    status oa.set_status DEFAULT 'open' NOT NULL,
    repository TEXT NOT NULL,
    commit_sha TEXT DEFAULT '' NOT NULL,
    "only" TEXT DEFAULT '' NOT NULL,
    asked_by TEXT DEFAULT '' NOT NULL,
    force BOOLEAN DEFAULT false NOT NULL,
    code_versions JSONB DEFAULT '[]' NOT NULL,
    counts JSONB DEFAULT '{}' NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    deadline_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT sets_pk PRIMARY KEY (id),
    CONSTRAINT sets_ends_once_ck CHECK ((status = 'open') = (ended_at IS NULL))
);

CREATE UNIQUE INDEX sets_one_open_ix ON oa.sets (status) WHERE status = 'open';

COMMENT ON COLUMN oa.sets.repository IS 'owner/name, or where the files were read';

COMMENT ON COLUMN oa.sets.only IS 'the pattern of keys asked for; empty: all';

COMMENT ON COLUMN oa.sets.asked_by IS 'the schedule''s tick, or a person';

COMMENT ON COLUMN oa.sets.force IS 'convert what is unchanged too';

COMMENT ON COLUMN oa.sets.code_versions IS 'more than one: upgraded meanwhile';

COMMENT ON COLUMN oa.sets.counts IS 'of members by outcome, at the end';

COMMENT ON COLUMN oa.sets.detail IS 'why it is incomplete or was cancelled';

CREATE TABLE oa.set_members (
    set_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    position INTEGER NOT NULL,
    host TEXT DEFAULT '' NOT NULL,
    expected_seconds FLOAT,
    step oa.set_step DEFAULT 'waiting' NOT NULL,
    probes INTEGER DEFAULT '0' NOT NULL,
    tries INTEGER DEFAULT '0' NOT NULL,
    dagster_run_id TEXT DEFAULT '' NOT NULL,
    run_id BIGINT,
    outcome TEXT DEFAULT '' NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    moved_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT set_members_pk PRIMARY KEY (set_id, key),
    CONSTRAINT set_members_set_id_fk FOREIGN KEY(set_id) REFERENCES oa.sets (id),
    CONSTRAINT set_members_key_fk FOREIGN KEY(key) REFERENCES oa.partitions (key),
    CONSTRAINT set_members_run_id_fk FOREIGN KEY(run_id) REFERENCES oa.runs (id)
);

CREATE INDEX set_members_run_id_ix ON oa.set_members (run_id);

CREATE INDEX set_members_step_ix ON oa.set_members (set_id, step, position);

COMMENT ON COLUMN oa.set_members.position IS 'in the order in which they are taken';

COMMENT ON COLUMN oa.set_members.host IS 'the publisher''s';

COMMENT ON COLUMN oa.set_members.expected_seconds IS 'what its last good run took; null: not known';

COMMENT ON COLUMN oa.set_members.probes IS 'how often its publisher was asked';

COMMENT ON COLUMN oa.set_members.dagster_run_id IS 'which probes it, then carries it out';

COMMENT ON COLUMN oa.set_members.outcome IS 'what became of it; empty: not ended';

COMMENT ON COLUMN oa.set_members.tries IS 'Dagster runs asked for';

COMMENT ON COLUMN oa.set_members.run_id IS 'the run that counts';

COMMENT ON COLUMN oa.set_members.moved_at IS 'when it came to this step';

CREATE TABLE oa.builds (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    kind TEXT NOT NULL,
    status oa.build_status DEFAULT 'building' NOT NULL,
    dagster_run_id TEXT DEFAULT '' NOT NULL,
    run_ids JSONB DEFAULT '[]' NOT NULL,
    fingerprint TEXT DEFAULT '' NOT NULL,
    facts JSONB DEFAULT '{}' NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT builds_pk PRIMARY KEY (id),
    CONSTRAINT builds_ends_once_ck CHECK ((status = 'building') = (ended_at IS NULL))
);

CREATE INDEX builds_kind_id_ix ON oa.builds (kind, id);

COMMENT ON COLUMN oa.builds.kind IS 'collections, tiles, statistics, coverage, dotmap';

COMMENT ON COLUMN oa.builds.run_ids IS 'the runs to date when it began';

COMMENT ON COLUMN oa.builds.fingerprint IS 'equal: of the same runs and code';

CREATE TABLE oa.zips (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    build_id BIGINT NOT NULL,
    area TEXT NOT NULL,
    licence TEXT NOT NULL,
    layer TEXT DEFAULT 'addresses' NOT NULL,
    form TEXT NOT NULL,
    key TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    rows BIGINT NOT NULL,
    sources INTEGER NOT NULL,
    is_current BOOLEAN DEFAULT false NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT zips_pk PRIMARY KEY (id),
    CONSTRAINT zips_licence_is_known_ck CHECK (licence IN ('', 'sa')),
    CONSTRAINT zips_build_id_area_licence_layer_form_uq UNIQUE (build_id, area, licence, layer, form),
    CONSTRAINT zips_build_id_fk FOREIGN KEY(build_id) REFERENCES oa.builds (id)
);

CREATE UNIQUE INDEX zips_one_current_ix ON oa.zips (area, licence, layer, form) WHERE is_current;

COMMENT ON TABLE oa.zips IS 'collections: the regional files of many sources';

COMMENT ON COLUMN oa.zips.area IS 'global, us_northeast ... oceania';

COMMENT ON COLUMN oa.zips.licence IS ''''': freely shareable, ''sa'': share-alike required';

COMMENT ON COLUMN oa.zips.form IS 'zip or parquet';

COMMENT ON COLUMN oa.zips.key IS 'collections/{build}/openaddr-collected-{area}[-sa].zip ...';

CREATE TABLE oa.tiles (
    lon SMALLINT NOT NULL,
    lat SMALLINT NOT NULL,
    build_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    rows BIGINT NOT NULL,
    run_ids JSONB DEFAULT '[]' NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT tiles_pk PRIMARY KEY (lon, lat),
    CONSTRAINT tiles_build_id_fk FOREIGN KEY(build_id) REFERENCES oa.builds (id)
);

COMMENT ON TABLE oa.tiles IS 'the 1 degree zips that are current';

COMMENT ON COLUMN oa.tiles.lon IS 'its western edge, in degrees';

COMMENT ON COLUMN oa.tiles.lat IS 'its southern edge, in degrees';

COMMENT ON COLUMN oa.tiles.run_ids IS 'the runs whose rows it holds';

COMMENT ON COLUMN oa.tiles.fingerprint IS 'equal: of the same results, so it is not made again';

CREATE TABLE oa.artifacts (
    name TEXT NOT NULL,
    build_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    content_type TEXT DEFAULT '' NOT NULL,
    facts JSONB DEFAULT '{}' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT artifacts_pk PRIMARY KEY (name),
    CONSTRAINT artifacts_build_id_fk FOREIGN KEY(build_id) REFERENCES oa.builds (id)
);

COMMENT ON TABLE oa.artifacts IS 'single public files made of many runs, the current ones';

COMMENT ON COLUMN oa.artifacts.name IS 'machine-stats.json, render-world.png ...';

ALTER TABLE oa.runs
    ADD COLUMN set_id BIGINT CONSTRAINT runs_set_id_fk REFERENCES oa.sets (id),
    ADD COLUMN held_because TEXT[],
    ADD COLUMN compared_with BIGINT CONSTRAINT runs_compared_with_fk REFERENCES oa.runs (id),
    ADD COLUMN accepted_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN accepted_by TEXT,
    ADD COLUMN rejected_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN rejected_by TEXT,
    ADD COLUMN pruned_at TIMESTAMP WITH TIME ZONE,
    ADD CONSTRAINT runs_held_says_why_ck CHECK (status::text <> 'held' OR held_because IS NOT NULL),
    ADD CONSTRAINT runs_decided_once_ck CHECK (accepted_at IS NULL OR rejected_at IS NULL);

CREATE INDEX runs_set_id_ix ON oa.runs (set_id, key) WHERE set_id IS NOT NULL;

CREATE INDEX runs_blob_sha_ix ON oa.runs (blob_sha, id);

CREATE INDEX runs_held_ix ON oa.runs (id) WHERE held_because IS NOT NULL;

COMMENT ON COLUMN oa.runs.held_because IS 'what it lost; of held and accepted runs';

COMMENT ON COLUMN oa.runs.accepted_at IS 'when a held run was let through';

COMMENT ON COLUMN oa.runs.accepted_by IS 'a person''s name, or the number of the run that agreed';

COMMENT ON COLUMN oa.runs.rejected_at IS 'when somebody said that a held run shall not be published';

COMMENT ON COLUMN oa.runs.rejected_by IS 'a person''s name, or the number of the rejected run that it agrees with';

COMMENT ON COLUMN oa.runs.pruned_at IS 'when its objects were removed to keep the store small';
"""


def upgrade() -> None:
    """Creates what did not exist."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
