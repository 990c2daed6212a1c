"""The asset `coverage`: maps of what is covered, and shares of land. What is done stands in `publish.coverage`."""

# Annotations are not postponed here: Dagster reads those of configuration and resources as they are.
from typing import TYPE_CHECKING, Any

from dagster import AssetExecutionContext, AssetKey, DataVersion, MaterializeResult, ResourceParam

from ..orchestration.workplace import Workplace
from .keeping import former_stays, made_of_sources

if TYPE_CHECKING:
    from ..publish.coverage import Drawn
    from ..publish.store import Store

COVERAGE = AssetKey("coverage")
MOST_LINES = 50  # of a table; every event is stored for good
COLUMNS = ("code", "name", "land %", "sources", "good", "addresses")


@made_of_sources(
    COVERAGE,
    "render-world.png, render-usa.png, render-europe.png and render-world.geojson of the latest results and of "
    "every set; how much of each country and state has addresses, and what is missing next.",
)
def coverage(context: AssetExecutionContext, workplace: ResourceParam[Workplace]) -> MaterializeResult[Any]:
    """Draws the maps and counts."""
    from ..orchestration.upkeep import draw

    with former_stays(workplace):
        done = draw(workplace, dagster_run_id=context.run.run_id)
    return MaterializeResult(metadata=metadata_of(done, workplace.store()), data_version=DataVersion(done.version[:16]))


def metadata_of(done: "Drawn", store: "Store") -> dict[str, Any]:
    """What a person wants to see of the maps that are current now, the picture first."""
    from .metadata import address, shrunken, stated, table

    facts = done.facts
    found: dict[str, Any] = {
        "map": shrunken(done.picture, "what is covered") if done.picture else None,
        "status": "unchanged" if done.build is None else f"build {done.build}",
        "sources": facts.get("sources"),
        "sources with addresses": facts.get("good"),
        "matched by": table(("by", "sources"), facts.get("matched", {}).items()),
        "not matched, and why": table(("source", "why"), facts.get("failures", [])[:MOST_LINES]),
        "countries": table(COLUMNS, _lines(done.countries)),
        "states": table(COLUMNS, _lines(done.states)),
        **{name: address(store.url(key)) for name, key in done.objects.items()},
    }
    return stated(found)


def _lines(areas: Any) -> list[tuple[Any, ...]]:
    """Those with sources, the largest land first."""
    mine = sorted((one for one in areas if one["sources"]), key=lambda one: -one["land_km2"])[:MOST_LINES]
    names = ("sources", "good", "addresses")
    return [(one["code"], one["name"], round(100 * one["land_share"], 1), *(one[n] for n in names)) for one in mine]
