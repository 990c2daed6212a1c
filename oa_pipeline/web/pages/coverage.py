"""What is covered: by country, by state of the United States, and one country's data sources.

How many sources there are is of the catalogue, and so of now. How much of the land they cover is of the hour in which
the maps were drawn last, and unknown before the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from operator import attrgetter, itemgetter
from typing import Any

from markupsafe import Markup

from ...ledger import coverage as ledger_coverage
from ...ledger.reading import Row
from ...maps.boundaries.codes import NAMES
from ..catalogue import STATES as STATES_OF_SOURCES
from ..catalogue import Standing
from ..drawn.coverage_maps import COUNTRIES, STATES, country_map, features_of, map_of, state_map
from ..endpoints import Answer, Asked, Elsewhere, Endpoint, Field, Kind, NotFound, Parameter
from ..facets import LAYER as ONE_LAYER
from ..facets import chosen, facet
from ..forms import Feature, csv_form, geojson_form, json_form
from ..ordering import OTHER_PARTS, PER_PAGE, ordered_by, part_asked
from ..places import STATE_NAMES
from .quality import cause_of
from .sources import FIELDS as OF_SOURCES
from .sources import KEY, facts_of
from .sources import SORTS as OF_ONE

LAYER = "addresses"
US = "US"
WORLD_PER = 300  # rows in one part: all countries there are
FIRST = 3  # of what is missing that are named in a table
LAND = ("land_km2", "covered_km2", "land_share")
NAME = itemgetter("name")
SORTS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "name": NAME,
    **{name: itemgetter(name) for name in ("addresses", "sources", "data_sources", "good", "missing_count")},
    "share": itemgetter("land_share"),
    "date": itemgetter("newest"),
}
NARROWING: Mapping[str, Callable[[Standing], str]] = {"layer": attrgetter("layer"), "state": attrgetter("state")}


def fields_of(table: str) -> tuple[Field, ...]:
    """What is told of a country or a state."""
    return (
        Field("code", Kind.STRING, "ISO 3166-1 of a country; what the mail calls a state", table),
        Field("name", Kind.STRING, "in English", table),
        Field("sources", Kind.INTEGER, "source files", table),
        Field("data_sources", Kind.INTEGER, "of all layers", table),
        Field("good", Kind.INTEGER, "data sources that have a published result", table),
        Field("addresses", Kind.INTEGER, "published addresses", table),
        Field("newest", Kind.MOMENT, "of the newest published result", table),
        Field("land_km2", Kind.NUMBER, "its land; null before the first map was drawn", table),
        Field("covered_km2", Kind.NUMBER, "of it, what the areas of good sources cover", table),
        Field("land_share", Kind.NUMBER, "covered of all land, from 0 to 1", table),
        Field("missing_count", Kind.INTEGER, "broken sources, and areas without any", table),
        Field("missing", Kind.ARRAY, "the largest of them: source, name, why", table),
        Field("url", Kind.STRING, "where its data sources are", table),
    )


COLUMNS = tuple(one.name for one in fields_of(""))
COLUMNS_OF_ONE = (*(one.name for one in OF_SOURCES), "declares")


@dataclass
class Tally:
    """What there is of one country or state."""

    sources: set[str] = field(default_factory=set)
    data_sources: int = 0
    good: int = 0
    addresses: int = 0
    newest: datetime | None = None
    broken: list[Standing] = field(default_factory=list)

    def add(self, one: Standing) -> None:
        """Counts one more data source."""
        self.sources.add(one.source)
        self.data_sources += 1
        if one.good_at is not None:
            self.good += 1
            self.newest = max(self.newest or one.good_at, one.good_at)
            self.addresses += (one.rows or 0) if one.layer == LAYER else 0
        elif one.layer == LAYER:
            self.broken.append(one)


def tallies(rows: Iterable[Standing], code: Callable[[Standing], str]) -> dict[str, Tally]:
    """By code; what has none is under an empty one."""
    found: dict[str, Tally] = {}
    for one in rows:
        found.setdefault(code(one), Tally()).add(one)
    return found


def area(asked: Asked, code: str, name: str, tally: Tally, drawn: Row | None, link: str) -> dict[str, Any]:
    """A country or state in the words of the public, as in `fields_of`."""
    missing = drawn["missing"] if drawn else [_missing(one) for one in tally.broken]
    return {
        "code": code,
        "name": name,
        "sources": len(tally.sources),
        **{one: getattr(tally, one) for one in ("data_sources", "good", "addresses", "newest")},
        **{one: drawn[one] if drawn else None for one in LAND},
        "missing_count": drawn["missing_count"] if drawn else len(tally.broken),
        "missing": list(missing),
        "url": asked.site.url(link),
    }


def _missing(one: Standing) -> dict[str, Any]:
    return {"code": "", "name": one.source, "source": one.source, "why": cause_of(one), "km2": None}


def world(asked: Asked) -> Answer:
    """The countries that have a source, and the names of those that have none."""
    rows = asked.catalogue.rows
    found = tallies(rows, attrgetter("country"))
    told = _areas(asked, ledger_coverage.COUNTRY, found, NAMES, lambda code: f"/coverage/{code.lower()}/")
    none = [{"code": code, "name": name} for code, name in NAMES.items() if code not in found]
    return _answer(asked, COUNTRIES, told, none, rows)


def united_states(asked: Asked) -> Answer:
    """The states that have a source, and the names of those that have none."""
    rows = [one for one in asked.catalogue.rows if one.us_state or one.country == US]
    found = tallies(rows, attrgetter("us_state"))
    told = _states(asked, found)
    none = [{"code": code, "name": name} for code, name in STATE_NAMES.items() if code not in found]
    return _answer(asked, STATES, told, none, rows)


def _states(asked: Asked, found: Mapping[str, Tally]) -> list[dict[str, Any]]:
    return _areas(asked, ledger_coverage.STATE, found, STATE_NAMES, lambda code: f"/coverage/us/{code.lower()}/")


def _areas(
    asked: Asked, level: str, found: Mapping[str, Tally], names: Mapping[str, str], link: Callable[[str], str]
) -> list[dict[str, Any]]:
    drawn = {one["code"]: one for one in ledger_coverage.areas(asked.site.ledger(), level)}
    return [
        area(asked, code, names[code], tally, drawn.get(code), link(code))
        for code, tally in found.items()
        if code in names
    ]


def _answer(
    asked: Asked, table: str, told: Sequence[Mapping[str, Any]], none: list[dict[str, str]], rows: Sequence[Standing]
) -> Answer:
    part = part_asked(asked, told, SORTS, NAME)
    listed = {one["code"] for one in told}
    data = {
        "total": len(told),
        "addresses": sum(one["addresses"] for one in told),
        "data_sources": len(rows),
        "good": sum(one.good_at is not None for one in rows),
        "nowhere": sum((one.us_state if table == STATES else one.country) not in listed for one in rows),
        table: list(part.rows),
        "without": sorted(none, key=itemgetter("name")),
    }
    return Answer(data, links=part.links(asked), only_page={"table": table, "first": FIRST, "map": map_of(table, told)})


def country(asked: Asked) -> Answer | Elsewhere:
    """One country: how much of it is covered, what is missing, and its data sources."""
    code = asked["code"].upper()
    if code not in NAMES or not asked["code"].isascii():  # one letter of another script may be two of ours
        raise NotFound("There is no such country", cure="/coverage/ lists them by their ISO 3166-1 codes")
    if asked["code"] != code.lower():
        return Elsewhere(f"/coverage/{code.lower()}/", for_good=True)
    rows = [one for one in asked.catalogue.rows if one.country == code]
    drawn = ledger_coverage.area(asked.site.ledger(), ledger_coverage.COUNTRY, code)
    told = area(asked, code, NAMES[code], _sum(rows), drawn, f"/coverage/{code.lower()}/")
    drawing = map_of(STATES, _states(asked, tallies(rows, attrgetter("us_state")))) if code == US else country_map(told)
    return _one(asked, told, rows, drawing)


def state(asked: Asked) -> Answer | Elsewhere:
    """One state of the United States, with a map of its counties."""
    code = asked["mail"].upper()
    if code not in STATE_NAMES or not asked["mail"].isascii():
        raise NotFound("There is no such state", cure="/coverage/us/ lists them by the codes that the mail uses")
    if asked["mail"] != code.lower():
        return Elsewhere(f"/coverage/us/{code.lower()}/", for_good=True)
    engine = asked.site.ledger()
    rows = [one for one in asked.catalogue.rows if one.us_state == code]
    drawn = ledger_coverage.area(engine, ledger_coverage.STATE, code)
    told = area(asked, code, STATE_NAMES[code], _sum(rows), drawn, f"/coverage/us/{code.lower()}/")
    return _one(asked, told, rows, state_map(code, ledger_coverage.sources_of(engine, US, code)))


def _sum(rows: Iterable[Standing]) -> Tally:
    return tallies(rows, lambda one: "").get("", Tally())


def _one(asked: Asked, told: Mapping[str, Any], rows: Sequence[Standing], drawing: Markup) -> Answer:
    part = part_asked(asked, chosen(rows, NARROWING, asked.values), OF_ONE, KEY)
    data = {
        **told,
        "facets": {name: facet(rows, NARROWING, asked.values, name) for name in NARROWING},
        "data_sources_of": [{**facts_of(asked, one), "declares": one.declares} for one in part.rows],
    }
    return Answer(data, title=told["name"], links=part.links(asked), only_page={"map": drawing})


def _features_of_one(table: str, answer: Answer, asked: Asked) -> list[Feature]:
    of_its_sources = ("data_sources_of", "facets")
    return features_of(table, [{name: one for name, one in answer.data.items() if name not in of_its_sources}])


PARAMETERS = ordered_by(SORTS, "name", per=replace(PER_PAGE, default=WORLD_PER))


def _page(path: str, title: str, doc: str, facts: Callable[[Asked], Answer], table: str, *, listed: bool) -> Endpoint:
    return Endpoint(
        path,
        title,
        doc,
        facts,
        template="coverage.html",
        twins={
            "json": json_form(),
            "csv": csv_form(table, COLUMNS),
            "geojson": geojson_form(lambda answer, asked: features_of(table, answer.data[table])),
        },
        parameters=PARAMETERS,
        result=(
            Field("total", Kind.INTEGER, f"{table} with a source"),
            Field("addresses", Kind.INTEGER, "published there"),
            Field("data_sources", Kind.INTEGER, "of all layers"),
            Field("good", Kind.INTEGER, "of these, those that have a published result"),
            Field("nowhere", Kind.INTEGER, f"of these, those that are of none of the {table}"),
            Field(table, Kind.ARRAY, "this part of them"),
            *fields_of(table),
            Field("without", Kind.ARRAY, "those without any source: code, name"),
            *OTHER_PARTS,
        ),
        listed=listed,
        of_catalogue=True,
    )


def _page_of_one(
    path: str,
    title: str,
    doc: str,
    facts: Callable[[Asked], Answer | Elsewhere],
    table: str,
    one: Parameter,
    example: str,
) -> Endpoint:
    return Endpoint(
        path,
        title,
        doc,
        facts,
        template="country.html",
        twins={
            "json": json_form(),
            "csv": csv_form("data_sources_of", COLUMNS_OF_ONE),
            "geojson": geojson_form(partial(_features_of_one, table)),
        },
        parameters=(
            one,
            ONE_LAYER,
            Parameter("state", "one state", allowed=tuple(STATES_OF_SOURCES)),
            *ordered_by(OF_ONE, "name"),
        ),
        result=(
            *fields_of(""),
            Field("facets", Kind.OBJECT, "how many data sources there are by layer and state"),
            Field("data_sources_of", Kind.ARRAY, "this part of its data sources"),
            *(Field(one.name, one.kind, one.doc, "data_sources_of") for one in OF_SOURCES),
            Field("declares", Kind.STRING, "what says where it is", "data_sources_of"),
            *OTHER_PARTS,
        ),
        example=example,
        spelt=True,
        of_catalogue=True,
    )


ENDPOINTS = (
    _page("/coverage/", "Coverage", "Which countries have addresses, and what is missing.", world, "countries",
          listed=True),
    _page("/coverage/world/", "Coverage of the world", "The same as /coverage/.", world, "countries", listed=False),
    _page("/coverage/us/", "Coverage of the United States", "Which states have addresses, and what is missing.",
          united_states, "states", listed=True),
    _page_of_one("/coverage/us/<mail>/", "Coverage of a state", "How much of it has addresses, and what is missing.",
                 state, STATES,
                 Parameter("mail", "the state as the mail calls it, in small letters", most=2, in_path=True),
                 "/coverage/us/ca/"),
    _page_of_one("/coverage/<code>/", "Coverage of a country", "How much of it has addresses, and what is missing.",
                 country, COUNTRIES, Parameter("code", "ISO 3166-1 alpha-2, in small letters", most=2, in_path=True),
                 "/coverage/fr/"),
)  # fmt: skip
