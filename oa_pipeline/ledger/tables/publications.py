"""What is published beyond single runs: collections, tiles, statistics and maps.

Each is a row that names an immutable object; to publish is to move what is current, in one transaction.
"""

from __future__ import annotations

from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ENUM, JSONB

from .base import SCHEMA, metadata, moment


class BuildStatus(StrEnum):
    """How the making of something stands."""

    BUILDING = "building"
    PUBLISHED = "published"
    FAILED = "failed"  # what was current before still is


build_status = ENUM(*(s.value for s in BuildStatus), name="build_status", schema=SCHEMA, metadata=metadata)

builds = sa.Table(
    "builds",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False, comment="collections, tiles, statistics, coverage, dotmap"),
    sa.Column("status", build_status, nullable=False, server_default=BuildStatus.BUILDING.value),
    sa.Column("dagster_run_id", sa.Text, nullable=False, server_default=""),
    sa.Column("run_ids", JSONB, nullable=False, server_default="[]", comment="the runs to date when it began"),
    sa.Column("fingerprint", sa.Text, nullable=False, server_default="", comment="equal: of the same runs and code"),
    sa.Column("facts", JSONB, nullable=False, server_default="{}"),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
    sa.Column("started_at", moment, nullable=False),
    sa.Column("ended_at", moment),
    sa.CheckConstraint("(status = 'building') = (ended_at IS NULL)", name="ends_once"),
    sa.Index(None, "kind", "id"),
)

zips = sa.Table(
    "zips",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("build_id", sa.BigInteger, sa.ForeignKey(builds.c.id), nullable=False),
    sa.Column("area", sa.Text, nullable=False, comment="global, us_northeast ... oceania"),
    sa.Column("licence", sa.Text, nullable=False, comment="'': freely shareable, 'sa': share-alike required"),
    sa.Column("layer", sa.Text, nullable=False, server_default="addresses"),
    sa.Column("form", sa.Text, nullable=False, comment="zip or parquet"),
    sa.Column("key", sa.Text, nullable=False, comment="collections/{build}/openaddr-collected-{area}[-sa].zip ..."),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("sources", sa.Integer, nullable=False),
    sa.Column("is_current", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("created_at", moment, nullable=False),
    sa.CheckConstraint("licence IN ('', 'sa')", name="licence_is_known"),
    sa.UniqueConstraint("build_id", "area", "licence", "layer", "form"),
    sa.Index(
        "zips_one_current_ix",
        "area",
        "licence",
        "layer",
        "form",
        unique=True,
        postgresql_where=sa.text("is_current"),
    ),
    comment="collections: the regional files of many sources",
)

tiles = sa.Table(
    "tiles",
    metadata,
    sa.Column("lon", sa.SmallInteger, primary_key=True, autoincrement=False, comment="its western edge, in degrees"),
    sa.Column("lat", sa.SmallInteger, primary_key=True, autoincrement=False, comment="its southern edge, in degrees"),
    sa.Column("build_id", sa.BigInteger, sa.ForeignKey(builds.c.id), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("run_ids", JSONB, nullable=False, server_default="[]", comment="the runs whose rows it holds"),
    sa.Column("fingerprint", sa.Text, nullable=False, comment="equal: of the same results, so it is not made again"),
    sa.Column("created_at", moment, nullable=False),
    comment="the 1 degree zips that are current",
)

artifacts = sa.Table(
    "artifacts",
    metadata,
    sa.Column("name", sa.Text, primary_key=True, comment="machine-stats.json, render-world.png ..."),
    sa.Column("build_id", sa.BigInteger, sa.ForeignKey(builds.c.id), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False, server_default=""),
    sa.Column("facts", JSONB, nullable=False, server_default="{}"),
    sa.Column("created_at", moment, nullable=False),
    comment="single public files made of many runs, the current ones",
)

dotmap_areas = sa.Table(
    "dotmap_areas",
    metadata,
    sa.Column("area", sa.Text, primary_key=True, comment="us-ca, fr; us: what spans states"),
    sa.Column("build_id", sa.BigInteger, sa.ForeignKey(builds.c.id), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False, comment="equal: of the same results, so it is not made again"),
    sa.Column("sources", sa.Integer, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("tiles", sa.BigInteger, nullable=False),
    sa.Column("dropped", JSONB, nullable=False, server_default="{}", comment="by zoom: features too many for a tile"),
    sa.Column("created_at", moment, nullable=False),
    comment="the dotmap of each area, of which the one of the world is put together",
)
