"""The asset `dotmap`: every address a dot. What is done stands in `publish.dotmap`."""

# Annotations are not postponed here: Dagster reads those of configuration and resources as they are.
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    Config,
    DataVersion,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
)
from pydantic import Field

from ..orchestration.workplace import Workplace
from .keeping import former_stays, made_of_sources

if TYPE_CHECKING:
    from ..publish.dotmap.build import Dotmap
    from ..publish.store import Store

DOTMAP = AssetKey("dotmap")
MOST_LINES = 50  # of a table; every event is stored for good
MIB = 1024 * 1024


class DotmapConfig(Config):
    """What a person may ask of a run in the launchpad."""

    force: bool = Field(default=False, description="Make the tiles of all areas anew, though nothing has changed.")


@made_of_sources(
    DOTMAP,
    "Every address a dot, as vector tiles of the world. Only countries and states whose results have changed are "
    "made again. Sent to Mapbox where OA_MAPBOX_USER names an account.",
)
def dotmap(
    context: AssetExecutionContext, config: DotmapConfig, workplace: ResourceParam[Workplace]
) -> MaterializeResult[Any]:
    """Brings the dotmap up to date."""
    from ..orchestration.dotmap import make_dotmap

    with former_stays(workplace):
        done = make_dotmap(workplace, dagster_run_id=context.run.run_id, force=config.force)
    return MaterializeResult(metadata=metadata_of(done, workplace.store()), data_version=DataVersion(done.version[:16]))


def metadata_of(done: "Dotmap", store: "Store") -> dict[str, Any]:
    """What a person wants to see of the dotmap that is current now."""
    from .metadata import address, stated, table

    facts = done.facts
    made = set(facts["made"]) if done.made else set()
    areas = sorted(done.areas, key=lambda area: -area["rows"])[:MOST_LINES]
    found: dict[str, Any] = {
        "map": picture(done, store),
        "status": f"build {done.build}" if done.made else f"unchanged since build {done.build}",
        "dagster/row_count": facts["rows"],
        "sources": facts["sources"],
        "tiles": facts["tiles"],
        "tiles of several areas": facts["shared"],
        "areas": facts["areas"],
        "areas made": len(made),
        "largest areas": table(
            ("area", "addresses", "sources", "tiles", "MiB", "made now"),
            [
                (a["area"], a["rows"], a["sources"], a["tiles"], round(a["size"] / MIB, 3), a["area"] in made)
                for a in areas
            ],
        ),
        "features that were too many": sum(facts["dropped"].values()),
        "... by zoom": table(("zoom", "features"), [(int(zoom), count) for zoom, count in facts["dropped"].items()]),
        "left out": len(done.left_out),
        "left out, and why": table(("key", "why"), done.left_out[:MOST_LINES]),
        "MiB": round(sum(file["size"] for file in done.files) / MIB, 3),
        "Mapbox": facts.get("mapbox", {}).get("tileset"),
        **{file["name"]: address(store.url(file["key"])) for file in done.files},
    }
    return stated(found)


def picture(done: "Dotmap", store: "Store") -> MetadataValue[Any] | None:
    """The map from afar, within the event itself."""
    from ..errors import PublishError
    from .metadata import shrunken

    key = next((file["key"] for file in done.files if file["name"] == "dotmap.png"), None)
    if key is None:
        return None
    try:
        with store.open(key) as held:
            return shrunken(held.read(), "all addresses")
    except PublishError:
        return None  # the map is there, and that is what the event is about
