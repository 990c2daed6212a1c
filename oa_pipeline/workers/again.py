"""What is done every few seconds, and so may fail now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..errors import OAError

if TYPE_CHECKING:
    import logging


@contextmanager
def tried_again(what: str, log: logging.Logger, then: Callable[[], None] | None = None) -> Iterator[None]:
    """A fault of ours, of Dagster's or of the database is logged, and `then` called: it may pass. Others are raised."""
    from dagster import DagsterError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (OAError, DagsterError, SQLAlchemyError) as error:
        log.warning("%s failed and is tried again: %s", what, error)
        if then is not None:
            then()
