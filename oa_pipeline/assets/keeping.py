"""What all assets made of many runs have in common when something stands in their way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dagster import Failure

if TYPE_CHECKING:
    from ..orchestration.workplace import Workplace


@contextmanager
def former_stays(workplace: Workplace) -> Iterator[None]:
    """An OAError fails the run for good, and says that what was published before is still there."""
    from ..errors import OAError
    from ..orchestration import attempt
    from ..orchestration.collect import NotCopied
    from ..publish.dotmap.unfinished import Unfinished

    try:
        yield
    except OAError as error:
        attempt.leave_if_lost(workplace.ledger())
        said = str(error) if isinstance(error, NotCopied | Unfinished) else f"What was published before stays: {error}"
        raise Failure(said, allow_retries=False) from error
