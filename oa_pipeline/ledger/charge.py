"""Who is in charge, of those who could be: one at a time, and the next when it goes away, however it does."""

from __future__ import annotations

import contextlib
import zlib

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError


class Charge:
    """A charge by its name. It is held as long as its connection lives."""

    def __init__(self, engine: sa.Engine, name: str) -> None:
        """Asks for nothing yet."""
        self._engine, self._number = engine, zlib.crc32(name.encode())
        self._connection: sa.Connection | None = None

    def held(self) -> bool:
        """Whether it is ours, now that it has been asked for. Never while the database cannot be asked."""
        try:
            if self._connection is None:
                self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                if not self._connection.scalar(sa.select(sa.func.pg_try_advisory_lock(0x0A, self._key))):
                    self.close()
                    return False
            self._connection.execute(sa.select(1))
        except SQLAlchemyError:
            self.close()
            return False
        return True

    @property
    def _key(self) -> int:
        return self._number - (1 << 31)  # PostgreSQL's integers have a sign

    def close(self) -> None:
        """Lets go of it."""
        if self._connection is not None:
            with contextlib.suppress(SQLAlchemyError):
                self._connection.execute(sa.select(sa.func.pg_advisory_unlock(0x0A, self._key)))
            with contextlib.suppress(SQLAlchemyError):
                self._connection.invalidate()  # not back into the pool, in case the lock is still its
            self._connection.close()
            self._connection = None
