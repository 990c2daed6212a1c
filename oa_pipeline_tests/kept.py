"""All that a database keeps, as text."""

from __future__ import annotations

import zlib

import sqlalchemy as sa

from oa_pipeline.ledger.engine import ledger_engine


def rows_of(url: str) -> list[tuple[str, str]]:
    """Every row of every table, with the table's name; snapshots of jobs, which are compressed, as they are read."""
    with ledger_engine(url).connect() as connection:
        tables = [
            (schema, name) for schema in ("public", "oa") for name in sa.inspect(connection).get_table_names(schema)
        ]
        found = [
            (name, text)
            for schema, name in tables
            for text in connection.scalars(sa.text(f'SELECT t::text FROM "{schema}"."{name}" t'))
        ]
        bodies = connection.scalars(sa.text("SELECT snapshot_body FROM public.snapshots")).all()
    return [*found, *(("snapshots", zlib.decompress(body).decode()) for body in bodies)]
