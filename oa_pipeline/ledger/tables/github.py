"""What GitHub told us (deliveries), what came of it (jobs), and what it is owed (outbox)."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ENUM, JSONB

from .base import SCHEMA, metadata, moment


class DeliveryStatus(StrEnum):
    """How a webhook's delivery stands. RECEIVED waits to be looked at; the others are final."""

    RECEIVED = "received"
    HANDLED = "handled"  # a job came of it, or a change to one
    IGNORED = "ignored"  # nothing to do, `detail` says why
    REJECTED = "rejected"  # signed, but no event that can be read
    FAILED = "failed"  # tried often enough; `detail` says what stood in the way


class JobStatus(StrEnum):
    """How a job stands. The first three are open, the others final."""

    WAITING = "waiting"  # for somebody who may approve it
    PENDING = "pending"  # runs are queued or at work
    FAILING = "failing"  # one has failed, others are at work
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"  # our own fault
    NOTHING = "nothing"  # there was nothing to check; `detail` says why
    CANCELLED = "cancelled"  # a newer head took its place, or the pull request was closed


class Debt(StrEnum):
    """How something that GitHub is owed stands."""

    OWED = "owed"
    PAID = "paid"
    FORGIVEN = "forgiven"  # it no longer matters, or GitHub will never take it; `detail` says why


delivery_status = ENUM(*(s.value for s in DeliveryStatus), name="delivery_status", schema=SCHEMA, metadata=metadata)
job_status = ENUM(*(s.value for s in JobStatus), name="job_status", schema=SCHEMA, metadata=metadata)
debt = ENUM(*(s.value for s in Debt), name="debt", schema=SCHEMA, metadata=metadata)
job_numbers = sa.Sequence("job_numbers", schema=SCHEMA, metadata=metadata)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("guid", sa.Text, primary_key=True, comment="GitHub's X-GitHub-Delivery"),
    sa.Column("event", sa.Text, nullable=False, comment="X-GitHub-Event"),
    sa.Column("action", sa.Text, nullable=False, server_default=""),
    sa.Column("repository", sa.Text, nullable=False, server_default=""),
    sa.Column("body", sa.LargeBinary, nullable=False, comment="as it came"),
    sa.Column("status", delivery_status, nullable=False, server_default=DeliveryStatus.RECEIVED.value),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("job_id", sa.Text, sa.ForeignKey("oa.jobs.id")),
    sa.Column("received_at", moment, nullable=False, server_default=sa.func.now()),
    sa.Column("try_at", moment, nullable=False, server_default=sa.func.now(), comment="not before"),
    sa.Column("handled_at", moment),
    sa.CheckConstraint("(status = 'received') = (handled_at IS NULL)", name="handled_once"),
    sa.Index("deliveries_received_ix", "try_at", "received_at", postgresql_where=sa.text("status = 'received'")),
    sa.Index(None, "received_at"),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="a UUID"),
    sa.Column("sequence", sa.BigInteger, job_numbers, nullable=False, server_default=job_numbers.next_value()),
    sa.Column("status", job_status, nullable=False, server_default=JobStatus.PENDING.value),
    sa.Column("repository", sa.Text, nullable=False, comment="owner/name: where statuses and comments go"),
    sa.Column("event", sa.Text, nullable=False, comment="pull_request, push, issue_comment, reconciled"),
    sa.Column("pull_request", sa.Integer),
    sa.Column("ref", sa.Text, nullable=False, server_default="", comment="of a push: the branch"),
    sa.Column("head_sha", sa.Text, nullable=False),
    sa.Column("base_sha", sa.Text, nullable=False, server_default="", comment="the merge base"),
    sa.Column("head_at", moment, comment="when GitHub says the head came to be: the newest wins"),
    sa.Column("author", sa.Text, nullable=False, server_default=""),
    sa.Column("trusted", sa.Boolean, nullable=False, server_default=sa.true(), comment="false: needs an approval"),
    sa.Column("rerun", sa.Boolean, nullable=False, server_default=sa.false(), comment="results are not reused"),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Column("files", JSONB, nullable=False, server_default="[]", comment="{path, outcome, detail, findings} a file"),
    sa.Column("merged", sa.Boolean, comment="null: not known"),
    sa.Column("comment_id", sa.BigInteger, comment="the report, edited in place"),
    sa.Column("created_at", moment, nullable=False),
    sa.Column("deadline_at", moment, nullable=False),
    sa.Column("ended_at", moment),
    sa.CheckConstraint("(status IN ('waiting', 'pending', 'failing')) = (ended_at IS NULL)", name="ends_once"),
    sa.UniqueConstraint("sequence"),
    sa.Index("jobs_open_ix", "sequence", postgresql_where=sa.text("ended_at IS NULL")),
    sa.Index("jobs_pull_request_ix", "pull_request", "sequence"),
    sa.Index("jobs_head_sha_ix", "head_sha", "sequence"),
)

job_members = sa.Table(
    "job_members",
    metadata,
    sa.Column("job_id", sa.Text, sa.ForeignKey(jobs.c.id), primary_key=True),
    sa.Column("key", sa.Text, primary_key=True, comment="the data source as it would be named once merged"),
    sa.Column("partition", sa.Text, sa.ForeignKey("oa.partitions.key"), nullable=False),
    sa.Column("dagster_run_id", sa.Text, nullable=False, server_default=""),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("run_id", sa.BigInteger, sa.ForeignKey("oa.runs.id"), comment="the run that counts; null: none yet"),
    sa.Column("reused", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("queued_at", moment),
    sa.Column("ended_at", moment),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Index("job_members_partition_ix", "partition"),
    sa.Index("job_members_run_id_ix", "run_id"),
    sa.Index("job_members_open_ix", "job_id", postgresql_where=sa.text("ended_at IS NULL")),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True, comment="the order of what is owed"),
    sa.Column("job_id", sa.Text, sa.ForeignKey(jobs.c.id), nullable=False),
    sa.Column("kind", sa.Text, nullable=False, comment="status, comment or check"),
    sa.Column("target", sa.Text, nullable=False, comment="the commit's sha, or the pull request's number"),
    sa.Column("payload", JSONB, nullable=False),
    sa.Column("debt", debt, nullable=False, server_default=Debt.OWED.value),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Column("owed_at", moment, nullable=False),
    sa.Column("try_at", moment, nullable=False, comment="not before"),
    sa.Column("settled_at", moment),
    sa.CheckConstraint("(debt = 'owed') = (settled_at IS NULL)", name="settled_once"),
    sa.Index("outbox_owed_ix", "id", postgresql_where=sa.text("debt = 'owed'")),
    sa.Index("outbox_job_id_ix", "job_id", "id"),
    sa.Index("outbox_target_ix", "target", "kind", "id"),
)
