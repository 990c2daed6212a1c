"""The asset `coverage`: maps of what is covered, and shares of land. What is done stands in `publish.coverage`."""

# Annotations are not postponed here: Dagster reads those of configuration and resources as they are.
import base64
from typing import TYPE_CHECKING, Any

from dagster import AssetExecutionContext, AssetKey, DataVersion, MaterializeResult, MetadataValue, ResourceParam, asset

from .. import __version__
from ..orchestration.workplace import Workplace
from .keeping import former_stays
from .source import SOURCE

if TYPE_CHECKING:
    from ..publish.coverage import Drawn
    from ..publish.store import Store

COVERAGE = AssetKey("coverage")
MOST_LINES = 50  # of a table; every event is stored for good
WIDTH = 480  # pixels of the picture that the event itself holds
COLUMNS = ("code", "name", "land %", "sources", "good", "addresses")


@asset(
    key=COVERAGE,
    deps=[SOURCE],
    code_version=__version__,
    group_name="collections",
    kinds={"python"},
    owners=["team:openaddresses"],
    description=(
        "render-world.png, render-usa.png, render-europe.png and render-world.geojson of the latest results and of "
        "every set; how much of each country and state has addresses, and what is missing next."
    ),
)
def coverage(context: AssetExecutionContext, workplace: ResourceParam[Workplace]) -> MaterializeResult[Any]:
    """Draws the maps and counts."""
    from ..orchestration.upkeep import draw

    with former_stays(workplace):
        done = draw(workplace, dagster_run_id=context.run.run_id)
    return MaterializeResult(metadata=metadata_of(done, workplace.store()), data_version=DataVersion(done.version[:16]))


def metadata_of(done: "Drawn", store: "Store") -> dict[str, Any]:
    """What a person wants to see of the maps that are current now, the picture first."""
    from .metadata import address, table

    facts = done.facts
    found: dict[str, Any] = {
        "map": picture(done.picture) if done.picture else None,
        "status": "unchanged" if done.build is None else f"build {done.build}",
        "sources": facts.get("sources"),
        "sources with addresses": facts.get("good"),
        "matched by": table(("by", "sources"), facts.get("matched", {}).items()),
        "not matched, and why": table(("source", "why"), facts.get("failures", [])[:MOST_LINES]),
        "countries": table(COLUMNS, _lines(done.countries)),
        "states": table(COLUMNS, _lines(done.states)),
        **{name: address(store.url(key)) for name, key in done.objects.items()},
    }
    return {name: value for name, value in found.items() if value is not None}


def picture(png: bytes) -> MetadataValue[Any]:
    """A picture that Dagster shows within the event."""
    from ..maps.render import smaller

    shown = base64.b64encode(smaller(png, WIDTH)).decode()
    return MetadataValue.md(f"![what is covered](data:image/png;base64,{shown})")


def _lines(areas: Any) -> list[tuple[Any, ...]]:
    """Those with sources, the largest land first."""
    mine = sorted((one for one in areas if one["sources"]), key=lambda one: -one["land_km2"])[:MOST_LINES]
    names = ("sources", "good", "addresses")
    return [(one["code"], one["name"], round(100 * one["land_share"], 1), *(one[n] for n in names)) for one in mine]
