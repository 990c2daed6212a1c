"""All that we use of Dagster beyond its public interface, in one place, so that an upgrade has one place to look.

Each entry has a test that fails when the installed Dagster no longer offers it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from dagster._core.storage.sql import create_engine
from dagster._core.storage.tags import GRPC_INFO_TAG as GRPC_INFO_TAG
from dagster._serdes import ConfigurableClassData as ConfigurableClassData
from dagster_postgres.storage import DagsterPostgresStorage as DagsterPostgresStorage

POOL = {"pool_size": 1, "max_overflow": 20, "pool_recycle": 300, "pool_pre_ping": True}


def pool_connections(storage: DagsterPostgresStorage) -> None:
    """Gives the three parts of a PostgreSQL storage engines that keep one tested connection each.

    Also replaces what the webserver does to the same end, whose pool hands out dead connections after a restart.
    """
    for part in (storage.run_storage, storage.event_log_storage, storage.schedule_storage):
        _pool(part, statement_timeout=0)
        part.optimize_for_webserver = _optimiser(part)  # type: ignore[method-assign]


def _optimiser(part: Any) -> Any:
    def optimize_for_webserver(statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        _pool(part, statement_timeout=statement_timeout)

    return optimize_for_webserver


def _pool(part: Any, *, statement_timeout: int) -> None:
    former: sa.Engine = part._engine
    given = former.url.query.get("options")
    options = f"{given or ''} -c statement_timeout={statement_timeout}".strip()
    part._engine = create_engine(
        part.postgres_url,
        isolation_level="AUTOCOMMIT",
        connect_args={"options": options, "application_name": "oa_dagster"},
        **POOL,
    )
    former.dispose()
