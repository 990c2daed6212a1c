"""Wakes workers the moment there is something to take; without it they would find it at their next look."""

from __future__ import annotations

import contextlib
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

CHANNEL = "oa_assignments"


def ring(connection: sa.Connection) -> None:
    """Wakes all who listen, once this transaction commits."""
    connection.execute(sa.select(sa.func.pg_notify(CHANNEL, "")))


class Bell:
    """A connection that hears `ring`. One that broke is opened again by `heard`."""

    def __init__(self, engine: sa.Engine) -> None:
        """Nothing is opened before `heard` is called."""
        self._engine = engine
        self._connection: Any = None

    def fileno(self) -> int | None:
        """What to wait for with select; None where there is no connection at present."""
        return None if self._connection is None else int(self._connection.fileno())

    def heard(self) -> bool:
        """Whether it has rung since the last call, or may have while there was no connection."""
        try:
            if self._connection is None:
                self._open()
                return True
            self._connection.poll()
            rung = bool(self._connection.notifies)
            self._connection.notifies.clear()
            return rung
        except (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error):
            self.close()
            return True

    def close(self) -> None:
        """Gives the connection up."""
        if self._connection is not None:
            with contextlib.suppress(self._engine.dialect.loaded_dbapi.Error):
                self._connection.close()
            self._connection = None

    def _open(self) -> None:
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()  # it is ours alone, and not one of the pool's few
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        self._connection = connection
