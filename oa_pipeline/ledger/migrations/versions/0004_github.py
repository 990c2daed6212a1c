"""Deliveries of GitHub, the jobs that came of them, and what GitHub is owed."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = """
CREATE SEQUENCE oa.job_numbers;

CREATE TYPE oa.delivery_status AS ENUM ('received', 'handled', 'ignored', 'rejected', 'failed');

CREATE TYPE oa.job_status AS ENUM
    ('waiting', 'pending', 'failing', 'success', 'failure', 'error', 'nothing', 'cancelled');

CREATE TYPE oa.debt AS ENUM ('owed', 'paid', 'forgiven');

CREATE TABLE oa.jobs (
    id TEXT NOT NULL,
    sequence BIGINT DEFAULT nextval('oa.job_numbers') NOT NULL,
    status oa.job_status DEFAULT 'pending' NOT NULL,
    repository TEXT NOT NULL,
    event TEXT NOT NULL,
    pull_request INTEGER,
    ref TEXT DEFAULT '' NOT NULL,
    head_sha TEXT NOT NULL,
    base_sha TEXT DEFAULT '' NOT NULL,
    head_at TIMESTAMP WITH TIME ZONE,
    author TEXT DEFAULT '' NOT NULL,
    trusted BOOLEAN DEFAULT true NOT NULL,
    rerun BOOLEAN DEFAULT false NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    files JSONB DEFAULT '[]' NOT NULL,
    merged BOOLEAN,
    comment_id BIGINT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    deadline_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT jobs_pk PRIMARY KEY (id),
    CONSTRAINT jobs_ends_once_ck CHECK ((status IN ('waiting', 'pending', 'failing')) = (ended_at IS NULL)),
    CONSTRAINT jobs_sequence_uq UNIQUE (sequence)
);

CREATE INDEX jobs_head_sha_ix ON oa.jobs (head_sha, sequence);

CREATE INDEX jobs_open_ix ON oa.jobs (sequence) WHERE ended_at IS NULL;

CREATE INDEX jobs_pull_request_ix ON oa.jobs (pull_request, sequence);

COMMENT ON COLUMN oa.jobs.id IS 'a UUID';

COMMENT ON COLUMN oa.jobs.repository IS 'owner/name: where statuses and comments go';

COMMENT ON COLUMN oa.jobs.event IS 'pull_request, push, issue_comment, reconciled';

COMMENT ON COLUMN oa.jobs.ref IS 'of a push: the branch';

COMMENT ON COLUMN oa.jobs.base_sha IS 'the merge base';

COMMENT ON COLUMN oa.jobs.head_at IS 'when GitHub says the head came to be: the newest wins';

COMMENT ON COLUMN oa.jobs.trusted IS 'false: needs an approval';

COMMENT ON COLUMN oa.jobs.rerun IS 'results are not reused';

COMMENT ON COLUMN oa.jobs.files IS '{path, outcome, detail, findings} a file';

COMMENT ON COLUMN oa.jobs.merged IS 'null: not known';

COMMENT ON COLUMN oa.jobs.comment_id IS 'the report, edited in place';

CREATE TABLE oa.deliveries (
    guid TEXT NOT NULL,
    event TEXT NOT NULL,
    action TEXT DEFAULT '' NOT NULL,
    repository TEXT DEFAULT '' NOT NULL,
    body BYTEA NOT NULL,
    status oa.delivery_status DEFAULT 'received' NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    tries INTEGER DEFAULT '0' NOT NULL,
    job_id TEXT,
    received_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    try_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    handled_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT deliveries_pk PRIMARY KEY (guid),
    CONSTRAINT deliveries_handled_once_ck CHECK ((status = 'received') = (handled_at IS NULL)),
    CONSTRAINT deliveries_job_id_fk FOREIGN KEY(job_id) REFERENCES oa.jobs (id)
);

CREATE INDEX deliveries_received_at_ix ON oa.deliveries (received_at);

CREATE INDEX deliveries_received_ix ON oa.deliveries (try_at, received_at) WHERE status = 'received';

COMMENT ON COLUMN oa.deliveries.guid IS 'GitHub''s X-GitHub-Delivery';

COMMENT ON COLUMN oa.deliveries.event IS 'X-GitHub-Event';

COMMENT ON COLUMN oa.deliveries.body IS 'as it came';

COMMENT ON COLUMN oa.deliveries.try_at IS 'not before';

CREATE TABLE oa.job_members (
    job_id TEXT NOT NULL,
    key TEXT NOT NULL,
    partition TEXT NOT NULL,
    dagster_run_id TEXT DEFAULT '' NOT NULL,
    tries INTEGER DEFAULT '0' NOT NULL,
    run_id BIGINT,
    reused BOOLEAN DEFAULT false NOT NULL,
    queued_at TIMESTAMP WITH TIME ZONE,
    ended_at TIMESTAMP WITH TIME ZONE,
    detail TEXT DEFAULT '' NOT NULL,
    CONSTRAINT job_members_pk PRIMARY KEY (job_id, key),
    CONSTRAINT job_members_job_id_fk FOREIGN KEY(job_id) REFERENCES oa.jobs (id),
    CONSTRAINT job_members_partition_fk FOREIGN KEY(partition) REFERENCES oa.partitions (key),
    CONSTRAINT job_members_run_id_fk FOREIGN KEY(run_id) REFERENCES oa.runs (id)
);

CREATE INDEX job_members_partition_ix ON oa.job_members (partition);

CREATE INDEX job_members_open_ix ON oa.job_members (job_id) WHERE ended_at IS NULL;

CREATE INDEX job_members_run_id_ix ON oa.job_members (run_id);

COMMENT ON COLUMN oa.job_members.key IS 'the data source as it would be named once merged';

COMMENT ON COLUMN oa.job_members.run_id IS 'the run that counts; null: none yet';

CREATE TABLE oa.outbox (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    job_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    target TEXT NOT NULL,
    payload JSONB NOT NULL,
    debt oa.debt DEFAULT 'owed' NOT NULL,
    tries INTEGER DEFAULT '0' NOT NULL,
    detail TEXT DEFAULT '' NOT NULL,
    owed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    try_at TIMESTAMP WITH TIME ZONE NOT NULL,
    settled_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT outbox_pk PRIMARY KEY (id),
    CONSTRAINT outbox_settled_once_ck CHECK ((debt = 'owed') = (settled_at IS NULL)),
    CONSTRAINT outbox_job_id_fk FOREIGN KEY(job_id) REFERENCES oa.jobs (id)
);

CREATE INDEX outbox_job_id_ix ON oa.outbox (job_id, id);

CREATE INDEX outbox_target_ix ON oa.outbox (target, kind, id);

CREATE INDEX outbox_owed_ix ON oa.outbox (id) WHERE debt = 'owed';

COMMENT ON COLUMN oa.outbox.id IS 'the order of what is owed';

COMMENT ON COLUMN oa.outbox.kind IS 'status, comment or check';

COMMENT ON COLUMN oa.outbox.target IS 'the commit''s sha, or the pull request''s number';

COMMENT ON COLUMN oa.outbox.try_at IS 'not before';

ALTER TABLE oa.partitions
    ADD COLUMN pull_request INTEGER,
    ADD COLUMN proposes TEXT,
    ADD CONSTRAINT partitions_proposal_is_whole_ck CHECK ((pull_request IS NULL) = (proposes IS NULL));

CREATE INDEX partitions_pull_request_ix ON oa.partitions (pull_request) WHERE pull_request IS NOT NULL;

CREATE INDEX partitions_proposes_ix ON oa.partitions (proposes) WHERE proposes IS NOT NULL;

COMMENT ON COLUMN oa.partitions.pull_request IS 'the pull request that proposes it; null: of the default branch';

COMMENT ON COLUMN oa.partitions.proposes IS 'of a pull request''s partition: the key that it would have once merged';

ALTER TABLE oa.runs
    ADD COLUMN job_id TEXT CONSTRAINT runs_job_id_fk REFERENCES oa.jobs (id),
    ADD COLUMN pull_request INTEGER,
    ADD COLUMN sampled BOOLEAN DEFAULT false NOT NULL;

CREATE INDEX runs_job_id_ix ON oa.runs (job_id) WHERE job_id IS NOT NULL;

COMMENT ON COLUMN oa.runs.pull_request IS 'its objects lie below pr/ and no pointer ever names it';

COMMENT ON COLUMN oa.runs.sampled IS 'of a part of the data only';
"""


def upgrade() -> None:
    """Creates what did not exist."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
