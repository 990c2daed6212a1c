"""What all tables of the schema `oa` share."""

from __future__ import annotations

import sqlalchemy as sa

SCHEMA = "oa"

metadata = sa.MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pk",
        "ix": "%(table_name)s_%(column_0_N_name)s_ix",
        "fk": "%(table_name)s_%(column_0_name)s_fk",
        "uq": "%(table_name)s_%(column_0_N_name)s_uq",
        "ck": "%(table_name)s_%(constraint_name)s_ck",
    },
)

moment = sa.DateTime(timezone=True)
