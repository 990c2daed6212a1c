"""The asset `tile_index`: a zip for each square degree. What is done stands in `publish.tiles`."""

# Annotations are not postponed here: Dagster reads those of configuration and resources as they are.
from typing import TYPE_CHECKING, Any

from dagster import AssetExecutionContext, AssetKey, DataVersion, MaterializeResult, ResourceParam

from ..orchestration.workplace import Workplace
from .keeping import former_stays, made_of_sources

if TYPE_CHECKING:
    from ..publish.tiles.index import Indexed

TILE_INDEX = AssetKey("tile_index")
MOST_LINES = 50  # of what was left out; every event is stored for good
MIB = 1024 * 1024


@made_of_sources(
    TILE_INDEX,
    "All freely shareable addresses by square degree, a zip each. Only tiles whose results have changed are made "
    "again; what has no addresses left goes. All changes become current at once.",
)
def tile_index(context: AssetExecutionContext, workplace: ResourceParam[Workplace]) -> MaterializeResult[Any]:
    """Brings the tile index up to date."""
    from ..orchestration.upkeep import index

    with former_stays(workplace):
        done = index(workplace, dagster_run_id=context.run.run_id)
    return MaterializeResult(metadata=metadata_of(done), data_version=DataVersion(done.version[:16]))


def metadata_of(done: "Indexed") -> dict[str, Any]:
    """What a person wants to see of the index that is current now."""
    from .metadata import stated, table

    found: dict[str, Any] = {
        "status": "unchanged" if done.build is None else f"build {done.build}",
        "tiles": done.tiles,
        "dagster/row_count": done.rows,
        "sources": done.sources,
        "MiB": round(done.bytes / MIB, 3),
        "tiles made": done.made,
        "tiles removed": done.removed,
        "results read": done.read,
        "left out": len(done.left_out),
        "left out, and why": table(("key", "why"), done.left_out[:MOST_LINES]),
    }
    return stated(found)
