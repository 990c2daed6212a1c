"""The dotmap of each area."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = """
CREATE TABLE oa.dotmap_areas (
    area TEXT NOT NULL,
    build_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    sources INTEGER NOT NULL,
    rows BIGINT NOT NULL,
    tiles BIGINT NOT NULL,
    dropped JSONB DEFAULT '{}' NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT dotmap_areas_pk PRIMARY KEY (area),
    CONSTRAINT dotmap_areas_build_id_fk FOREIGN KEY(build_id) REFERENCES oa.builds (id)
);

COMMENT ON TABLE oa.dotmap_areas IS 'the dotmap of each area, of which the one of the world is put together';

COMMENT ON COLUMN oa.dotmap_areas.area IS 'us-ca, fr; us: what spans states';

COMMENT ON COLUMN oa.dotmap_areas.fingerprint IS 'equal: of the same results, so it is not made again';

COMMENT ON COLUMN oa.dotmap_areas.dropped IS 'by zoom: features too many for a tile';
"""


def upgrade() -> None:
    """Creates what did not exist."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
