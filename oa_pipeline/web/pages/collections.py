"""The regional files of many sources: all that are current, with what their user must know, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from ...ledger import builds
from ...ledger.reading import Row
from ...publish.collections.regions import AREAS, file_name
from ..commands import commands
from ..endpoints import Answer, Asked, Endpoint, Field, Kind, Parameter
from ..facets import LAYER, chosen, facet
from ..forms import csv_form, json_form
from ..ordering import OTHER_PARTS, ordered_by, part_asked

LICENCES: Mapping[str, tuple[str, str]] = {
    "free": ("Freely shareable", "Use it for anything; name those who ask to be named, as its LICENSE.txt says."),
    "share-alike": ("Share-alike required", "What you derive from it must be given away under the same licence."),
}
FORMS: Mapping[str, str] = {"zip": "CSV files in a zip", "parquet": "GeoParquet"}
AREA_NAMES = {area: area.replace("_", " ").title().replace("Us ", "US ") for area in AREAS}
RANKS = {area: rank for rank, area in enumerate(AREAS)}
NAME = itemgetter("name")
SORTS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "area": lambda one: RANKS.get(one["area"], len(RANKS)),
    "size": itemgetter("size"),
    "rows": itemgetter("rows"),
    "sources": itemgetter("sources"),
    "date": itemgetter("created_at"),
    "name": NAME,
}
FACETS = {name: itemgetter(name) for name in ("area", "licence", "form", "layer")}
FIELDS = (
    Field("name", Kind.STRING, "of the file, the same in every build", "collections"),
    Field("area", Kind.STRING, "global, or a part of the world", "collections"),
    Field("licence", Kind.STRING, "free or share-alike", "collections"),
    Field("form", Kind.STRING, "; ".join(f"{form}: {says}" for form, says in FORMS.items()), "collections"),
    Field("layer", Kind.STRING, "addresses, buildings, parcels or centerlines", "collections"),
    Field("size", Kind.INTEGER, "bytes", "collections"),
    Field("rows", Kind.INTEGER, "rows", "collections"),
    Field("sources", Kind.INTEGER, "data sources in it", "collections"),
    Field("sha256", Kind.STRING, "of its bytes, as hex digits", "collections"),
    Field("created_at", Kind.MOMENT, "when it was made", "collections"),
    Field("latest", Kind.STRING, "its address that stays the same; leads to `url`", "collections"),
    Field("url", Kind.STRING, "the very file, which never changes", "collections"),
)
COLUMNS = tuple(field.name for field in FIELDS)


def collections(asked: Asked) -> Answer:
    """The files that are current, as far as they are asked for."""
    every = [collection(asked, one) for one in builds.current_zips(asked.site.ledger())]
    found = chosen(every, FACETS, asked.values)
    part = part_asked(asked, found, SORTS, NAME)
    last = builds.last_published(asked.site.ledger(), "collections")
    example = next((one for one in sorted(found, key=itemgetter("size")) if one["form"] == "parquet"), None)
    example = example or min(found, key=itemgetter("size"), default=None)
    data = {
        "total": len(found),
        "of": len(every),
        "build": last["id"] if last else None,
        "built_at": last["ended_at"] if last else None,
        "facets": {name: facet(every, FACETS, asked.values, name) for name in FACETS},
        "collections": list(part.rows),
        "commands": commands(example["latest"], example["name"]) if example else [],
    }
    words = {"area_names": AREA_NAMES, "licences": LICENCES, "forms": FORMS, "example": example}
    return Answer(data, links=part.links(asked), only_page=words)


def collection(asked: Asked, found: Row) -> dict[str, Any]:
    """A regional file in the words of the public, as in FIELDS."""
    name = name_of(found)
    same = ("area", "form", "layer", "size", "rows", "sources", "sha256", "created_at")
    return {
        "name": name,
        "licence": "share-alike" if found["licence"] else "free",
        **{one: found[one] for one in same},
        "latest": asked.site.url(f"/latest/collections/{name}"),
        "url": asked.site.whole_object_url(found["key"]),
    }


def name_of(found: Row) -> str:
    """What a regional file is called in every build: `openaddr-collected-europe-sa.zip`."""
    return file_name(
        found["area"], found["licence"], ".zip" if found["form"] == "zip" else f"-{found['layer']}.parquet"
    )


ENDPOINTS = (
    Endpoint(
        "/collections/",
        "Collections",
        "The regional files: many sources in one file, by area, licence and layer, with size, date and SHA-256.",
        collections,
        template="collections.html",
        twins={"json": json_form(), "csv": csv_form("collections", COLUMNS)},
        parameters=(
            Parameter("area", "one area", allowed=AREAS),
            Parameter("licence", "one kind of licence", allowed=tuple(LICENCES)),
            Parameter("form", "one format", allowed=tuple(FORMS)),
            LAYER,
            *ordered_by(SORTS, "area"),
        ),
        result=(
            Field("total", Kind.INTEGER, "files that are asked for"),
            Field("of", Kind.INTEGER, "files there are"),
            Field("build", Kind.INTEGER, "the number of the build that made them"),
            Field("built_at", Kind.MOMENT, "when they were published"),
            Field("facets", Kind.OBJECT, "how many there are by area, licence, form and layer"),
            Field("collections", Kind.ARRAY, "this part of them"),
            *FIELDS,
            Field("commands", Kind.ARRAY, "lines for a shell that fetch and read the smallest of them: with, line"),
            *OTHER_PARTS,
        ),
        example="/collections.json?area=europe&form=parquet",
    ),
)
