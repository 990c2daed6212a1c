"""When a data source, or what is published of it, last changed: asked before every page, so by an index."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = """
CREATE INDEX partitions_changed_at_ix ON oa.partitions (changed_at);

CREATE INDEX partitions_removed_at_ix ON oa.partitions (removed_at) WHERE removed_at IS NOT NULL;

CREATE INDEX pointers_swapped_at_ix ON oa.pointers (swapped_at);
"""


def upgrade() -> None:
    """Creates what did not exist."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
