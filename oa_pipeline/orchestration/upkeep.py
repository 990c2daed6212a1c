"""What is done at night beside the collections: the tile index, maps of what is covered, and what becomes too much."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from .tags import PROPOSALS
from .workplace import Workplace

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from ..publish.coverage import Drawn, Say
    from ..publish.prune import Pruned
    from ..publish.tiles.index import Indexed


def index(workplace: Workplace, *, dagster_run_id: str = "") -> Indexed:
    """Brings the tile index up to date, with a folder for the rows that must be sorted."""
    from ..publish.tiles.index import index_tiles

    now = functools.partial(datetime.now, UTC)
    with workplace.folder("tile index", int(now().timestamp())) as folder:
        # A folder within: in the other one may lie what a killed process has left.
        inner = Path(tempfile.mkdtemp(dir=folder.path))
        return index_tiles(workplace.ledger(), workplace.store(), inner, now=now, dagster_run_id=dagster_run_id)


def draw(workplace: Workplace, *, dagster_run_id: str = "", force: bool = False, say: Say | None = None) -> Drawn:
    """Brings the maps of what is covered up to date, and the numbers with them."""
    from ..publish.coverage import publish_coverage

    return publish_coverage(
        workplace.ledger(),
        workplace.store(),
        now=functools.partial(datetime.now, UTC),
        dagster_run_id=dagster_run_id,
        force=force,
        say=say or (lambda what, done, of: None),
    )


def prune(
    workplace: Workplace, instance: DagsterInstance | None, *, dry: bool = False, orphans: bool = False
) -> Pruned:
    """Removes from store and ledger what is not kept; the partitions of quiet pull requests from Dagster, too.

    Without an instance nothing is removed from Dagster: only for a dry run.
    """
    from ..ledger.clock import database_time
    from ..publish.prune import Wish
    from ..publish.prune import prune as remove

    wish = Wish(timedelta(days=workplace.settings.keep_days), dry=dry, orphans=orphans)

    def forget(keys: Sequence[str]) -> None:
        assert instance is not None
        forget_partitions(instance, keys)

    engine = workplace.ledger()
    return remove(engine, workplace.store(), wish, now=database_time(engine), forget=forget)


def forget_partitions(instance: DagsterInstance, keys: Sequence[str]) -> None:
    """Removes these partitions of pull requests, as far as they are there."""
    for key in keys:
        if instance.has_dynamic_partition(PROPOSALS, key):
            instance.delete_dynamic_partition(PROPOSALS, key)
