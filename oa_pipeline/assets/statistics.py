"""The asset `statistics`: numbers over all runs and sets. What is done stands in `publish.statistics`."""

# Annotations are not postponed here: Dagster reads those of configuration and resources as they are.
from typing import TYPE_CHECKING, Any

from dagster import AssetExecutionContext, AssetKey, DataVersion, MaterializeResult, ResourceParam

from ..orchestration.workplace import Workplace
from .keeping import former_stays, made_of_sources

if TYPE_CHECKING:
    from ..publish.statistics import Published
    from ..publish.store import Store

STATISTICS = AssetKey("statistics")
MOST_LINES = 50  # of lost and recovered data sources; every event is stored for good


@made_of_sources(
    STATISTICS,
    "machine-stats.json, as its readers know it, and statistics.json: problems, and what was lost and recovered "
    "in the last set, by host and by cause.",
)
def statistics(context: AssetExecutionContext, workplace: ResourceParam[Workplace]) -> MaterializeResult[Any]:
    """Makes the numbers anew."""
    from datetime import UTC, datetime
    from functools import partial

    from ..publish.statistics import publish_statistics

    engine, store = workplace.ledger(), workplace.store()
    with former_stays(workplace):
        done = publish_statistics(engine, store, now=partial(datetime.now, UTC), dagster_run_id=context.run.run_id)
    return MaterializeResult(metadata=metadata_of(done, store), data_version=DataVersion(done.version))


def metadata_of(done: "Published", store: "Store") -> dict[str, Any]:
    """What a person wants to see of the numbers."""
    from .metadata import address, stated, table

    index, lost, recovered = done.ours["index"], done.ours["lost"], done.ours["recovered"]
    layers = [(name, *(numbers[of] for of in LAYER_COLUMNS[1:])) for name, numbers in index["layers"].items()]
    columns = ("key", "host", "problem")
    found: dict[str, Any] = {
        "addresses": index["addresses"],
        "sources": index["sources"],
        "sources processed": index["processed"],
        "newest good result": index["newest"],
        "layers": table(LAYER_COLUMNS, layers),
        "problems": table(("problem", "data sources"), done.ours["problems"].items()),
        "lost since the set before": lost["count"],
        "lost by host": table(("host", "data sources"), list(lost["by_host"].items())[:MOST_LINES]),
        "lost by problem": table(("problem", "data sources"), lost["by_problem"].items()),
        "lost": table(columns, [tuple(one.values()) for one in lost["data_sources"][:MOST_LINES]]),
        "recovered since the set before": recovered["count"],
        "recovered": table(columns, [tuple(one.values()) for one in recovered["data_sources"][:MOST_LINES]]),
        **{stored.key.rpartition("/")[2]: address(store.url(stored.key)) for stored in done.objects},
    }
    return stated(found)


LAYER_COLUMNS = ("layer", "rows", "data_sources", "processed")
