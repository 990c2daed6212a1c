"""What all assets made of many runs have in common: how they are declared, and what stands when one cannot be made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dagster import AssetKey, AssetsDefinition, Failure, asset

from .. import __version__
from .source import SOURCE

if TYPE_CHECKING:
    from ..orchestration.workplace import Workplace


def made_of_sources(key: AssetKey, description: str) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    """An asset that is made of the latest results of all data sources."""
    return asset(
        key=key,
        deps=[SOURCE],
        code_version=__version__,
        group_name="collections",
        kinds={"python"},
        owners=["team:openaddresses"],
        description=description,
    )


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
