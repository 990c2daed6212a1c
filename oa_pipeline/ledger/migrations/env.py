"""Run by alembic: applies migrations on the connection that `upgrade` hands over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from oa_pipeline.ledger.tables import SCHEMA, metadata

connection: sa.Connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
