"""How much of each country and state has addresses, and where each source's rows ought to be."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = """
CREATE TABLE oa.coverage_areas (
    level TEXT NOT NULL,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    build_id BIGINT NOT NULL,
    sources INTEGER NOT NULL,
    good INTEGER NOT NULL,
    addresses BIGINT NOT NULL,
    land_km2 DOUBLE PRECISION NOT NULL,
    covered_km2 DOUBLE PRECISION NOT NULL,
    land_share DOUBLE PRECISION NOT NULL,
    missing JSONB DEFAULT '[]' NOT NULL,
    missing_count INTEGER DEFAULT '0' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT coverage_areas_pk PRIMARY KEY (level, code),
    CONSTRAINT coverage_areas_build_id_fk FOREIGN KEY(build_id) REFERENCES oa.builds (id),
    CONSTRAINT coverage_areas_level_is_known_ck CHECK (level IN ('country', 'state'))
);

COMMENT ON TABLE oa.coverage_areas IS 'how much of each country and state has addresses';

COMMENT ON COLUMN oa.coverage_areas.level IS 'country, or state (of the United States)';

COMMENT ON COLUMN oa.coverage_areas.code IS 'FI, CA';

COMMENT ON COLUMN oa.coverage_areas.sources IS 'files with addresses that are counted with it';

COMMENT ON COLUMN oa.coverage_areas.good IS 'of which there are addresses';

COMMENT ON COLUMN oa.coverage_areas.land_share IS 'from 0 to 1';

COMMENT ON COLUMN oa.coverage_areas.missing IS 'the first: code, name, source, why, km2';

CREATE TABLE oa.coverage_sources (
    source TEXT NOT NULL,
    build_id BIGINT NOT NULL,
    how TEXT NOT NULL,
    kind TEXT NOT NULL,
    code TEXT DEFAULT '' NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    country TEXT DEFAULT '' NOT NULL,
    state TEXT DEFAULT '' NOT NULL,
    good BOOLEAN NOT NULL,
    addresses BIGINT DEFAULT '0' NOT NULL,
    why TEXT DEFAULT '' NOT NULL,
    CONSTRAINT coverage_sources_pk PRIMARY KEY (source),
    CONSTRAINT coverage_sources_build_id_fk FOREIGN KEY(build_id) REFERENCES oa.builds (id),
    CONSTRAINT coverage_sources_how_is_known_ck CHECK (how IN ('geoid', 'iso', 'geometry', 'extent', 'none'))
);

CREATE INDEX coverage_sources_country_state_ix ON oa.coverage_sources (country, state);

COMMENT ON TABLE oa.coverage_sources IS 'the area of each source file with addresses';

COMMENT ON COLUMN oa.coverage_sources.source IS 'us/ca/alameda';

COMMENT ON COLUMN oa.coverage_sources.how IS 'what its area was matched by';

COMMENT ON COLUMN oa.coverage_sources.kind IS 'country, state, county, subdivision or own';

COMMENT ON COLUMN oa.coverage_sources.code IS 'a GEOID, or of ISO 3166';

COMMENT ON COLUMN oa.coverage_sources.country IS 'with which it is counted';

COMMENT ON COLUMN oa.coverage_sources.why IS 'what could not be matched';
"""


def upgrade() -> None:
    """Creates what did not exist."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
