"""Sets: the runs of one weekly batch over the default branch, and how far each data source has come in it."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ENUM, JSONB

from .base import SCHEMA, metadata, moment


class SetStatus(StrEnum):
    """How a set stands. All but OPEN are final."""

    OPEN = "open"
    COMPLETE = "complete"  # every member has ended
    INCOMPLETE = "incomplete"  # its deadline passed; the members that had not ended are named
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """What became of a member that has ended."""

    UNCHANGED = "unchanged"  # nothing has changed since the result it had
    SUCCEEDED = "succeeded"
    HELD = "held"
    FAILED = "failed"
    SKIPPED = "skipped"
    LOST = "lost"  # its process went away, twice
    CANCELLED = "cancelled"
    REMOVED = "removed"  # it left the source repository meanwhile


class Step(StrEnum):
    """How far a member of a set, one data source, has come. ENDED is final."""

    WAITING = "waiting"  # nobody has looked at it
    PROBING = "probing"  # its publisher is being asked whether anything has changed
    CHANGED = "changed"  # a run is due
    QUEUED = "queued"  # a Dagster run was asked for, and has not ended
    ENDED = "ended"


set_status = ENUM(*(s.value for s in SetStatus), name="set_status", schema=SCHEMA, metadata=metadata)
set_step = ENUM(*(s.value for s in Step), name="set_step", schema=SCHEMA, metadata=metadata)

sets = sa.Table(
    "sets",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("status", set_status, nullable=False, server_default=SetStatus.OPEN.value),
    sa.Column("repository", sa.Text, nullable=False, comment="owner/name, or where the files were read"),
    sa.Column("commit_sha", sa.Text, nullable=False, server_default=""),
    sa.Column("only", sa.Text, nullable=False, server_default="", comment="the pattern of keys asked for; empty: all"),
    sa.Column("asked_by", sa.Text, nullable=False, server_default="", comment="the schedule's tick, or a person"),
    sa.Column("force", sa.Boolean, nullable=False, server_default=sa.false(), comment="convert what is unchanged too"),
    sa.Column("code_versions", JSONB, nullable=False, server_default="[]", comment="more than one: upgraded meanwhile"),
    sa.Column("counts", JSONB, nullable=False, server_default="{}", comment="of members by outcome, at the end"),
    sa.Column("detail", sa.Text, nullable=False, server_default="", comment="why it is incomplete or was cancelled"),
    sa.Column("started_at", moment, nullable=False),
    sa.Column("deadline_at", moment, nullable=False),
    sa.Column("ended_at", moment),
    sa.CheckConstraint("(status = 'open') = (ended_at IS NULL)", name="ends_once"),
    sa.Index("sets_one_open_ix", "status", unique=True, postgresql_where=sa.text("status = 'open'")),
)

set_members = sa.Table(
    "set_members",
    metadata,
    sa.Column("set_id", sa.BigInteger, sa.ForeignKey(sets.c.id), primary_key=True),
    sa.Column("key", sa.Text, sa.ForeignKey("oa.partitions.key"), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False, comment="in the order in which they are taken"),
    sa.Column("host", sa.Text, nullable=False, server_default="", comment="the publisher's"),
    sa.Column("expected_seconds", sa.Float, comment="what its last good run took; null: not known"),
    sa.Column("step", set_step, nullable=False, server_default=Step.WAITING.value),
    sa.Column("probes", sa.Integer, nullable=False, server_default="0", comment="how often its publisher was asked"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0", comment="Dagster runs asked for"),
    sa.Column(
        "dagster_run_id", sa.Text, nullable=False, server_default="", comment="which probes it, then carries it out"
    ),
    sa.Column("run_id", sa.BigInteger, sa.ForeignKey("oa.runs.id"), comment="the run that counts"),
    sa.Column("outcome", sa.Text, nullable=False, server_default="", comment="what became of it; empty: not ended"),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Column("moved_at", moment, nullable=False, comment="when it came to this step"),
    sa.Index("set_members_step_ix", "set_id", "step", "position"),
    sa.Index("set_members_run_id_ix", "run_id"),
)
