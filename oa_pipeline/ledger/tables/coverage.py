"""How much of the world has addresses, as it was last drawn."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION, JSONB

from .base import metadata, moment
from .publications import builds

coverage_areas = sa.Table(
    "coverage_areas",
    metadata,
    sa.Column("level", sa.Text, primary_key=True, comment="country, or state (of the United States)"),
    sa.Column("code", sa.Text, primary_key=True, comment="FI, CA"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("build_id", sa.BigInteger, sa.ForeignKey(builds.c.id), nullable=False),
    sa.Column("sources", sa.Integer, nullable=False, comment="files with addresses that are counted with it"),
    sa.Column("good", sa.Integer, nullable=False, comment="of which there are addresses"),
    sa.Column("addresses", sa.BigInteger, nullable=False),
    sa.Column("land_km2", DOUBLE_PRECISION, nullable=False),
    sa.Column("covered_km2", DOUBLE_PRECISION, nullable=False),
    sa.Column("land_share", DOUBLE_PRECISION, nullable=False, comment="from 0 to 1"),
    sa.Column("missing", JSONB, nullable=False, server_default="[]", comment="the first: code, name, source, why, km2"),
    sa.Column("missing_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", moment, nullable=False),
    sa.CheckConstraint("level IN ('country', 'state')", name="level_is_known"),
    comment="how much of each country and state has addresses",
)

coverage_sources = sa.Table(
    "coverage_sources",
    metadata,
    sa.Column("source", sa.Text, primary_key=True, comment="us/ca/alameda"),
    sa.Column("build_id", sa.BigInteger, sa.ForeignKey(builds.c.id), nullable=False),
    sa.Column("how", sa.Text, nullable=False, comment="what its area was matched by"),
    sa.Column("kind", sa.Text, nullable=False, comment="country, state, county, subdivision or own"),
    sa.Column("code", sa.Text, nullable=False, server_default="", comment="a GEOID, or of ISO 3166"),
    sa.Column("name", sa.Text, nullable=False, server_default=""),
    sa.Column("country", sa.Text, nullable=False, server_default="", comment="with which it is counted"),
    sa.Column("state", sa.Text, nullable=False, server_default=""),
    sa.Column("good", sa.Boolean, nullable=False),
    sa.Column("addresses", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("why", sa.Text, nullable=False, server_default="", comment="what could not be matched"),
    sa.CheckConstraint("how IN ('geoid', 'iso', 'geometry', 'extent', 'none')", name="how_is_known"),
    sa.Index(None, "country", "state"),
    comment="the area of each source file with addresses",
)
