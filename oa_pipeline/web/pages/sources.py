"""The list of all data sources, with filters; as a page, JSON, CSV and GeoJSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any
from urllib.parse import quote

from ..catalogue import STATES, Standing
from ..endpoints import Answer, Asked, Endpoint, Field, Kind, Parameter
from ..facets import COUNTRY, LAYER, SEARCH, chosen, facet, holding
from ..forms import Feature, csv_form, geojson_form, json_form
from ..ordering import OTHER_PARTS, ordered_by, part_asked
from ..terms import TERMS
from . import source

KEY = attrgetter("key")
RANKS = {state: rank for rank, state in enumerate(STATES)}
SORTS: Mapping[str, Callable[[Standing], object]] = {
    "name": KEY,
    "rows": attrgetter("rows"),
    "date": attrgetter("good_at"),
    "state": lambda one: RANKS[one.state],
}
FIELDS = (
    Field("key", Kind.STRING, "names the data source: path of its file, layer, name", "data_sources"),
    Field("source", Kind.STRING, "path of its source file", "data_sources"),
    Field("layer", Kind.STRING, "addresses, buildings, parcels or centerlines", "data_sources"),
    Field("name", Kind.STRING, "its name in the file", "data_sources"),
    Field("place", Kind.STRING, "its county or town, state and country, as far as it says so", "data_sources"),
    Field("state", Kind.STRING, "; ".join(f"{state}: {says}" for state, says in STATES.items()), "data_sources"),
    Field("rows", Kind.INTEGER, "published rows", "data_sources"),
    Field("good_at", Kind.MOMENT, "when the published result was made or last confirmed", "data_sources"),
    Field("good_run_id", Kind.INTEGER, "the run whose result is published", "data_sources"),
    Field("run_id", Kind.INTEGER, "the newest run that has ended", "data_sources"),
    Field("status", Kind.STRING, "how that one ended", "data_sources"),
    Field("problem", Kind.STRING, "why it gave no result", "data_sources"),
    Field("ended_at", Kind.MOMENT, "when it ended", "data_sources"),
    Field("licence", Kind.STRING, "as the source states it", "data_sources"),
    Field("attribution_required", Kind.BOOLEAN, "whether users must name the publisher", "data_sources"),
    Field("attribution_name", Kind.STRING, "whom they must name", "data_sources"),
    Field("share_alike", Kind.BOOLEAN, "whether derived data must have the same licence", "data_sources"),
    Field("terms", Kind.STRING, "; ".join(f"{terms}: {says}" for terms, says in TERMS.items()), "data_sources"),
    Field("website", Kind.STRING, "the publisher's", "data_sources"),
    Field("bounds", Kind.ARRAY, "west, south, east, north of the published rows", "data_sources"),
    Field("url", Kind.STRING, "its page", "data_sources"),
)
COLUMNS = tuple(field.name for field in FIELDS)
OWN = tuple(name for name in COLUMNS if name != "url")
FRESH = 60.0  # seconds for which a whole list is shown although there is something newer


def sources(asked: Asked) -> Answer:
    """The data sources that are asked for, and how many there are of each kind."""
    every = asked.catalogue.rows
    meant = holding(every, asked["q"])
    found = chosen(meant, FACETS, asked.values)
    part = part_asked(asked, found, SORTS, KEY)
    data = {
        "total": len(found),
        "of": len(every),
        "rows": sum(one.rows or 0 for one in found),
        "facets": {name: facet(meant, FACETS, asked.values, name) for name in FACETS},
        "data_sources": [facts_of(asked, one) for one in part.rows],
    }
    return Answer(data, links=part.links(asked), only_page={"states": STATES, "terms": TERMS})


def facts_of(asked: Asked, one: Standing) -> dict[str, Any]:
    """A data source in the words of the public, as in FIELDS."""
    return {**{name: getattr(one, name) for name in OWN}, "url": asked.site.url(f"/sources/{quote(one.key)}")}


FACETS: Mapping[str, Callable[[Standing], str]] = {
    "country": attrgetter("area"),
    "layer": attrgetter("layer"),
    "state": attrgetter("state"),
    "terms": attrgetter("terms"),
}


def _features(answer: Answer, asked: Asked) -> list[Feature]:
    return [
        Feature(one["key"], _box(one["bounds"]), {name: one[name] for name in COLUMNS if name != "bounds"})
        for one in answer.data["data_sources"]
    ]


def _box(bounds: Sequence[float] | None) -> dict[str, Any] | None:
    if not bounds:
        return None
    west, south, east, north = bounds
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


ENDPOINTS = (
    Endpoint(
        "/sources/",
        "Data sources",
        "Every data source: whether it is in, how fresh and how good it is, and what is wrong with it.",
        sources,
        template="sources.html",
        twins={
            "json": json_form(),
            "csv": csv_form("data_sources", COLUMNS, fresh_seconds=FRESH),
            "geojson": geojson_form(_features, fresh_seconds=FRESH),
        },
        parameters=(
            SEARCH,
            COUNTRY,
            LAYER,
            Parameter("state", "one state", allowed=tuple(STATES)),
            Parameter("terms", "what the licence of what is published asks", allowed=tuple(TERMS)),
            *ordered_by(SORTS, "name"),
        ),
        result=(
            Field("total", Kind.INTEGER, "data sources that are asked for"),
            Field("of", Kind.INTEGER, "data sources there are"),
            Field("rows", Kind.INTEGER, "published rows of those that are asked for"),
            Field("facets", Kind.OBJECT, "how many by country, layer, state and terms, with the other filters kept"),
            Field("data_sources", Kind.ARRAY, "this part of them"),
            *FIELDS,
            *OTHER_PARTS,
        ),
        example="/sources.json?country=us&state=failing",
        of_catalogue=True,
    ),
    *source.ENDPOINTS,
)
