"""Addresses that stay the same while what they lead to changes: the latest results, collections, tiles and maps.

Each answers with a redirect to an object that never changes, or that is replaced as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from urllib.parse import quote

from ...ledger import builds, history, sets
from ...ledger.reading import Row
from ..endpoints import Answer, Asked, Cache, Elsewhere, Endpoint, Facts, Field, Kind, NotFound, Parameter
from ..files.sending import BLUEPRINT
from ..forms import json_form
from ..spelling import source_spelt
from ..state import LAYER
from .collections import name_of

__all__ = ["BLUEPRINT", "ENDPOINTS"]

# By the extension of the stable address: the kinds of output that it means, and what it is.
FORMS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "zip": (("csv",), "zip with a CSV file; of addresses only"),
    "geojson.gz": (("geojson",), "GeoJSON, one feature a line, gzip"),
    "parquet": (("parquet",), "GeoParquet"),
    "pmtiles": (("pmtiles", "slippymap"), "map tiles in one file; where the run has one"),
}
NO_RUN, NO_SET = "No latest run found", "No latest set found"
TILES = "tiles"  # the kind of build that makes the index of square degrees
AT_ROOT: Mapping[str, tuple[str, str]] = {
    "render-world.png": ("Picture of the world", "The areas of all sources, those that work and those that do not."),
    "render-europe.png": ("Picture of Europe", "The same of Europe."),
    "render-usa.png": ("Picture of the United States", "The same of the United States."),
    "render-world.geojson": ("Shapes of all sources", "The areas of all sources as GeoJSON, in a file of the store."),
    "machine-stats.json": ("Statistics, in a file", "Sets over time, with the keys that programs have always read."),
}
WHAT = Parameter("what", "a source's path, or a data source's key", in_path=True, most=900)


def latest_run(extension: str) -> Facts:
    """Leads to the latest good result of a data source in the form of this extension."""
    kinds, _ = FORMS[extension]

    def facts(asked: Asked) -> Elsewhere:
        run = history.latest_run(asked.site.ledger(), asked["what"])
        if run is None and (name := source_spelt(asked.catalogue.rows, asked["what"])):
            return Elsewhere(f"/latest/run/{quote(name)}.{extension}", for_good=True)
        key = _output(run, kinds) if run is not None else ""
        if not key:
            raise NotFound(NO_RUN, cure="/sources/ tells which data sources have results, and in which forms")
        return Elsewhere(asked.site.object_url(key))

    return facts


def _output(run: Row, kinds: tuple[str, ...]) -> str:
    """The key of the first of these outputs that the run still has."""
    if run["pruned_at"]:
        return ""
    found = (run["outputs"].get(kind) for kind in kinds)
    return next((str(one["key"]) for one in found if isinstance(one, Mapping) and one.get("key")), "")


def latest_set(asked: Asked) -> Elsewhere:
    """Leads to the newest set that is complete."""
    found = sets.latest_complete(asked.site.ledger())
    if found is None:
        raise NotFound(NO_SET, cure="/sets/ lists those that are not complete, too")
    return Elsewhere(f"/sets/{found['id']}/")


def licenses(asked: Asked) -> Answer:
    """The sources that have a result, by licence and attribution, in the order in which programs know them."""
    groups: dict[tuple[str | None, str | None], list[list[str | None]]] = {}
    for one in asked.catalogue.rows:
        if one.layer == LAYER and one.first and one.good_run_id is not None:
            attribution = None if one.attribution_required is False else one.attribution_name or None
            group = groups.setdefault((one.licence or None, attribution), [])
            group.append([f"{one.source}.json", one.website or None])
    return Answer(
        {
            "licenses": [
                {
                    "license": licence,
                    "attribution": attribution,
                    "sources": sorted(sources, key=lambda one: str(one[0])),
                }
                for (licence, attribution), sources in sorted(groups.items(), key=lambda group: repr(group[0]))
            ]
        }
    )


def tile(asked: Asked) -> Elsewhere:
    """Leads to the zip of the square degree in which the place lies."""
    said = f'"{asked["lon"]}" and "{asked["lat"]}" must both be'
    lon, lat = _degrees(asked["lon"]), _degrees(asked["lat"])
    if lon is None or lat is None:
        raise NotFound(f"{said} numeric.", cure="as in /tiles/-122.3/37.8.zip")
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise NotFound(f"{said} on earth.", cure="longitude from -180 to 180, latitude from -90 to 90")
    west, south = math.floor(lon), math.floor(lat)
    found = builds.tile(asked.site.ledger(), west, south)
    if found is None and builds.last_published(asked.site.ledger(), TILES) is None:
        raise NotFound("There is no index of tiles yet", cure="it is made after a set; /sources/ has all results")
    if found is None:
        raise NotFound(
            f"No addresses between {west} and {west + 1} degrees east, {south} and {south + 1} degrees north",
            cure="a tile holds what may be shared freely; /collections/ has everything",
        )
    return Elsewhere(asked.site.object_url(found["key"]))


def _degrees(text: str) -> float | None:
    if not text.isascii() or "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def latest_collection(asked: Asked) -> Elsewhere:
    """Leads to the current regional file of this name."""
    name = asked["name"]
    for one in builds.current_zips(asked.site.ledger()):
        if name_of(one) == name:
            return Elsewhere(asked.site.object_url(one["key"]))
    raise NotFound(f"No collection {name} found", cure="/collections/ lists them all")


def at_root(name: str) -> Facts:
    """Leads to a file that readers of the bucket have always found at its root."""

    def facts(asked: Asked) -> Elsewhere:
        found = builds.artifact(asked.site.ledger(), name)
        if found is None:
            raise NotFound(f"There is no {name} yet", cure="it is made after the first set")
        return Elsewhere(asked.site.object_url(found["key"]))

    return facts


def _pointer(
    path: str, title: str, doc: str, facts: Facts, *parameters: Parameter, example: str = "", spelt: bool = False
) -> Endpoint:
    example = example or path
    return Endpoint(path, title, doc, facts, parameters=parameters, example=example, spelt=spelt, cache=Cache.POINTER)


ENDPOINTS = (
    *(
        _pointer(
            f"/latest/run/<path:what>.{extension}",
            f"Latest result, {extension}",
            f"The latest good result of a data source: {says}. A newer run that failed or was skipped hides nothing.",
            latest_run(extension),
            WHAT,
            example=f"/latest/run/us/ca/alameda.{extension}",
            spelt=True,
        )
        for extension, (_, says) in FORMS.items()
    ),
    _pointer("/latest/set", "Latest set", "The newest complete set.", latest_set),
    Endpoint(
        "/latest/licenses.json",
        "Licences and attributions",
        "Under which licence, and with which attribution, the latest results may be used.",
        licenses,
        form=json_form(),
        result=(
            Field("licenses", Kind.ARRAY, "one for each licence and attribution"),
            Field("license", Kind.STRING, "as the sources state it; null: not stated", "licenses"),
            Field("attribution", Kind.STRING, "whom to name; null: nobody must be", "licenses"),
            Field("sources", Kind.ARRAY, "path of the source file, and the publisher's website", "licenses"),
        ),
        example="/latest/licenses.json",
        of_catalogue=True,
    ),
    _pointer(
        "/latest/collections/<name>",
        "Latest regional file",
        "The current regional file of many sources, by its name.",
        latest_collection,
        Parameter("name", "the file's name, as /collections/ lists it", in_path=True),
        example="/latest/collections/openaddr-collected-global.zip",
    ),
    _pointer(
        "/tiles/<lon>/<lat>.zip",
        "Addresses of one square degree",
        "A zip with all freely shareable addresses between two degrees of longitude and two of latitude.",
        tile,
        Parameter("lon", "a longitude in the square, in degrees", in_path=True, most=40),
        Parameter("lat", "a latitude in the square, in degrees", in_path=True, most=40),
        example="/tiles/-122.3/37.8.zip",
    ),
    *(_pointer(f"/{name}", title, doc, at_root(name)) for name, (title, doc) in AT_ROOT.items()),
)
