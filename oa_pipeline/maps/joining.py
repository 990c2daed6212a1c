"""Areas joined with the countries and states that they lie in, where neither codes nor folders say which these are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from . import boundaries
from .areas import Area

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

US = "US"


def placed(areas: Sequence[Area]) -> list[Area]:
    """The areas, in their order, with the country that their middle is in, and the state that they are wholly in.

    What has a country or a state keeps it.
    """
    lost = {n: one for n, one in enumerate(areas) if one.shape is not None and not one.country}
    homes = _within(lost, boundaries.countries(), middle=True)
    found = [replace(one, country=homes.get(n, one.country)) for n, one in enumerate(areas)]
    stateless = {n: one for n, one in enumerate(found) if one.country == US and not one.state and one.shape is not None}
    states = _within(stateless, boundaries.states().set_index("state"), middle=False)
    return [replace(one, state=states.get(n, one.state)) for n, one in enumerate(found)]


def _within(areas: dict[int, Area], homes: GeoDataFrame, *, middle: bool) -> dict[int, str]:
    """The home of each area that has one, by the area's number."""
    if not areas:
        return {}
    import geopandas
    import shapely

    shapes = [one.shape for one in areas.values()]
    if middle:
        shapes = list(shapely.point_on_surface(shapes))
    frame = geopandas.GeoDataFrame(index=list(areas), geometry=shapes, crs=homes.crs)
    joined = frame.sjoin(homes[["geometry"]].rename_axis("home"), predicate="within")
    return {int(number): str(home) for number, home in joined["home"].items()}
