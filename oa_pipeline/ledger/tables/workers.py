"""Workers, and the runs they take."""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ENUM, JSONB

from .base import SCHEMA, metadata, moment


class Stage(StrEnum):
    """Where an assignment, one attempt at a Dagster run, stands. DONE and BROKEN are final."""

    READY = "ready"  # waits for a worker
    TAKEN = "taken"  # a worker has it
    DONE = "done"  # Dagster's run has ended, or ended before anybody took it
    BROKEN = "broken"  # its process went away and Dagster's run has not ended


assignment_stage = ENUM(*(s.value for s in Stage), name="assignment_stage", schema=SCHEMA, metadata=metadata)

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
    sa.Column(
        "dedicated",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="only the worker of its own instance takes it",
    ),
    sa.Column("instance", sa.Text, nullable=False, server_default="", comment="EC2's number of that instance"),
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
    sa.Index("assignments_dedicated_ix", "ended_at", postgresql_where=sa.text("dedicated")),
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
    sa.Column(
        "instance", sa.Text, nullable=False, server_default="", comment="EC2's number of the instance that it is on"
    ),
    sa.Column(
        "dedicated", sa.Boolean, nullable=False, server_default=sa.false(), comment="its slots are for one run alone"
    ),
    sa.CheckConstraint("slots > 0", name="has_slots"),
    comment="the workers that live; their clock is the database's",
)

notices = sa.Table(
    "notices",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("said_at", moment, nullable=False, server_default=sa.func.now()),
    comment="what operators have been told, so that they are told once",
)
