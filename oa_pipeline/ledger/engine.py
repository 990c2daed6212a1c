"""Connections to the ledger, and transactions that outlive a deadlock or a restart of the server."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ..errors import PublishError
from ..text import clean_json
from .masking import mask_writes
from .urls import normalised

T = TypeVar("T")

SERIALIZATION = frozenset({"40001", "40P01"})  # serialization failure, deadlock: the whole transaction again
CONFLICT_ATTEMPTS = 3
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 15.0
# The ledger's questions are many and small, and what they touch lies in memory or on a solid-state disk: an index is
# nearly always the way to the answer, and compiling a plan takes longer than carrying it out.
PLANNED = "-c timezone=UTC -c random_page_cost=1.1 -c jit=off"
OPTIONS = f"-c statement_timeout=60000 -c lock_timeout=10000 {PLANNED}"
# Pages read, and somebody waits for them: what takes longer is not worth it, they have an older copy to show.
READER_SECONDS = 2  # the least that libpq takes for connecting
READER_OPTIONS = f"-c lock_timeout=500 -c default_transaction_read_only=on {PLANNED}"
OUTAGE_SECONDS = 60.0
log = logging.getLogger(__name__)


def ledger_engine(url: str) -> sa.Engine:
    """A small pool of tested connections to `url`; the same one for every caller of a process."""
    return _engine(normalised(url), os.getpid())


@lru_cache(maxsize=16)
def _engine(url: str, pid: int) -> sa.Engine:
    # The process id is part of the key: a pool inherited through fork would share its sockets with the parent.
    engine = sa.create_engine(
        url,
        pool_size=2,
        max_overflow=3,
        pool_timeout=30,
        pool_recycle=300,
        pool_pre_ping=True,
        hide_parameters=True,
        json_serializer=_json,
        connect_args={
            "connect_timeout": 10,
            "application_name": "oa_ledger",
            "keepalives_idle": 60,
            "tcp_user_timeout": 30_000,  # a firewall that forgot us answers nothing: not waited for like a slow query
            "options": OPTIONS,
        },
    )
    mask_writes(engine)
    return engine


def reader_engine(url: str) -> sa.Engine:
    """Connections to `url` that may only read, and that wait neither for a slow answer nor through an outage.

    Each statement is a transaction of its own. The same engine for every caller of a process.
    """
    return _reader(normalised(url), os.getpid())


@lru_cache(maxsize=16)
def _reader(url: str, pid: int) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_size=4,
        max_overflow=4,
        pool_timeout=READER_SECONDS,
        pool_recycle=300,
        pool_pre_ping=True,
        hide_parameters=True,
        isolation_level="AUTOCOMMIT",
        connect_args={
            "connect_timeout": READER_SECONDS,
            "application_name": "oa_web",
            "keepalives_idle": 60,
            "tcp_user_timeout": 2000 * READER_SECONDS,
            "options": f"-c statement_timeout={1000 * READER_SECONDS} {READER_OPTIONS}",
        },
    )
    return engine.execution_options(outage_seconds=0.0)


def _json(value: Any) -> str:
    """JSON that PostgreSQL takes: it refuses U+0000, lone surrogates and NaN."""
    return json.dumps(clean_json(value)[0], ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def in_transaction(
    engine: sa.Engine,
    work: Callable[[sa.Connection], T],
    *,
    outage_seconds: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """The result of `work` in one transaction.

    A deadlock or serialization failure repeats the whole of it, at most three times in all; a server that cannot be
    reached is tried again for `outage_seconds`, where they are not given for the engine's own, else for a minute.
    `work` must thus be safe to repeat after a commit whose answer was lost. Raises PublishError.
    """
    if outage_seconds is None:
        outage_seconds = engine.get_execution_options().get("outage_seconds", OUTAGE_SECONDS)
    until = clock() + outage_seconds
    told = False
    conflicts = 0
    pause = FIRST_PAUSE
    while True:
        try:
            with engine.begin() as connection:
                return work(connection)
        except (DBAPIError, PoolTimeout) as error:
            if _conflict(error):
                conflicts += 1
                if conflicts >= CONFLICT_ATTEMPTS:
                    raise _failure(error) from error
            elif not _unreachable(error) or clock() + pause > until:
                raise _failure(error) from error
            elif not told:
                told = True
                said = _said(error)
                log.warning("the ledger's database is away, and is asked again for %.0f s: %s", outage_seconds, said)
        except SQLAlchemyError as error:
            raise _failure(error) from error
        sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _conflict(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and getattr(error.orig, "pgcode", None) in SERIALIZATION


def _unreachable(error: Exception) -> bool:
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "pgcode", None) or ""
    # 08: connection, 57P0x: the server is stopping or starting. No code at all: the socket broke.
    return (
        error.connection_invalidated
        or code[:2] == "08"
        or code[:4] == "57P0"
        or (isinstance(error, OperationalError) and not code)
    )


def _said(error: Exception) -> str:
    said = str(getattr(error, "orig", None) or error).strip().splitlines()
    return said[0] if said else type(error).__name__


def _failure(error: Exception) -> PublishError:
    return PublishError(
        f"the ledger's database did not do it: {_said(error)}",
        cure="see whether PostgreSQL at OA_DATABASE_URL runs, has space and may be written; run `oa db upgrade`",
    )
