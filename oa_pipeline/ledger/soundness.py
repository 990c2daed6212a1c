"""Whether the database is sound, for `oa doctor`: the server itself, and the versions of both schemas."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.script import ScriptDirectory

from .engine import in_transaction
from .reading import Row, row
from .tables import Debt, DeliveryStatus, deliveries, outbox
from .upgrade import configuration, newest_version, schema_version


def server(engine: sa.Engine) -> Row:
    """`server_version`, `version_number`, `read_only`, `clock`, `connections`, `max_connections`, and for how many
    seconds the `oldest_transaction` but our own has been open; None where there is none.
    """
    activity = sa.table(
        "pg_stat_activity", sa.column("pid"), sa.column("xact_start"), sa.column("backend_type"), schema="pg_catalog"
    )
    clients = activity.c.backend_type == "client backend"
    oldest = sa.select(sa.func.min(activity.c.xact_start)).where(clients, activity.c.pid != sa.func.pg_backend_pid())
    seconds = sa.func.clock_timestamp() - oldest.scalar_subquery()
    query = sa.select(
        sa.func.current_setting("server_version").label("server_version"),
        sa.cast(sa.func.current_setting("server_version_num"), sa.Integer).label("version_number"),
        sa.or_(
            sa.func.pg_is_in_recovery(), sa.func.current_setting("default_transaction_read_only") == "on"
        ).label("read_only"),
        sa.func.clock_timestamp().label("clock"),
        sa.select(sa.func.count()).select_from(activity).where(clients).scalar_subquery().label("connections"),
        sa.cast(sa.func.current_setting("max_connections"), sa.Integer).label("max_connections"),
        sa.cast(sa.extract("epoch", seconds), sa.Float).label("oldest_transaction"),
    )  # fmt: skip
    found = row(engine, query)
    assert found is not None  # a question without FROM has one row
    return found


def ledger_version(engine: sa.Engine) -> tuple[str | None, str, bool]:
    """The version that the ledger is at, the one that this code needs, and whether this code knows the former."""
    found = in_transaction(engine, schema_version)
    known = {script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()}
    return found, newest_version(), found in known


def dagster_version(engine: sa.Engine) -> str | None:
    """The version that Dagster's own tables are at; None where there are none."""

    def work(connection: sa.Connection) -> str | None:
        if connection.scalar(sa.select(sa.func.to_regclass("public.alembic_version"))) is None:
            return None
        version = sa.table("alembic_version", sa.column("version_num"), schema="public")
        found: str | None = connection.scalar(sa.select(version.c.version_num))
        return found

    return in_transaction(engine, work)


def webhook(engine: sa.Engine) -> Row:
    """`silent`: seconds since the newest delivery; `waiting`: since the oldest one nobody has looked at; `owed`: since
    the oldest thing that GitHub is owed; None where there is no such thing.
    """
    now = sa.func.clock_timestamp()
    oldest_owed = sa.select(sa.func.min(outbox.c.owed_at)).where(outbox.c.debt == Debt.OWED.value)
    unseen = sa.select(sa.func.min(deliveries.c.received_at)).where(
        deliveries.c.status == DeliveryStatus.RECEIVED.value
    )
    newest = sa.select(sa.func.max(deliveries.c.received_at))
    asked = {"silent": newest, "waiting": unseen, "owed": oldest_owed}
    query = sa.select(
        *(
            sa.cast(sa.extract("epoch", now - one.scalar_subquery()), sa.Float).label(name)
            for name, one in asked.items()
        )
    )
    found = row(engine, query)
    assert found is not None
    return found
