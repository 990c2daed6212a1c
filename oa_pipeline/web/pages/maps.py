"""The map of all addresses, the map of one run, and what a browser draws them with.

Beside each map stands a table with the same facts; without scripts there is the table alone.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any

from ...ledger import builds, dotmap, queries
from ...maps.boundaries import NAMES, ground
from ...maps.dotmap.drawn import HIGHEST, LAYER
from ..drawn.mapstyle import style
from ..endpoints import Answer, Asked, Cache, Endpoint, Field, Kind, NotFound
from ..forms import GEOJSON, JSON, json_form, json_text, text_form
from ..places import STATE_NAMES
from ..vendored import BLUEPRINT
from .runs import NUMBER, PUBLIC, sample

__all__ = ["BLUEPRINT", "ENDPOINTS"]

WORLD = (-170.0, -56.0, 180.0, 75.0)
TILES, PICTURE, RUN_TILES = "dotmap.pmtiles", "dotmap.png", ("slippymap", "pmtiles")
RUN_LAYER = "dots"
AREA = (
    Field("area", Kind.STRING, "the country's code, and in the United States the state's", "areas"),
    Field("name", Kind.STRING, "the country or state", "areas"),
    Field("rows", Kind.INTEGER, "addresses", "areas"),
    Field("sources", Kind.INTEGER, "data sources", "areas"),
    Field("tiles", Kind.INTEGER, "tiles it has dots in", "areas"),
    Field("made_at", Kind.MOMENT, "when its dots were last made", "areas"),
)


def world(asked: Asked) -> Answer:
    """The dotmap and its areas."""
    engine = asked.site.ledger()
    held = builds.artifact(engine, TILES)
    picture = builds.artifact(engine, PICTURE)
    areas = dotmap.areas(engine) if held is not None else []
    return Answer(
        {
            "url": asked.site.object_url(held["key"]) if held is not None else None,
            "made_at": held["created_at"] if held is not None else None,
            **{name: held[name] if held is not None else None for name in ("size", "sha256")},
            "rows": sum(one["rows"] for one in areas),
            "areas": [
                {
                    "area": one["area"],
                    "name": _name(one["area"]),
                    **{name: one[name] for name in ("rows", "sources", "tiles")},
                    "made_at": one["created_at"],
                }
                for one in sorted(areas, key=lambda one: (-one["rows"], one["area"]))
            ],
        },
        only_page={
            "bounds": WORLD,
            "layer": LAYER,
            "picture": asked.site.picture_url(picture["key"]) if picture is not None else "",
        },
    )


def _name(area: str) -> str:
    country, _, state = area.partition("-")
    return STATE_NAMES.get(state.upper(), "") or NAMES.get(country.upper(), "") or "elsewhere"


def tilejson(asked: Asked) -> Answer:
    """The dotmap as TileJSON tells of tiles. Raises NotFound while there is none."""
    held = builds.artifact(asked.site.ledger(), TILES)
    if held is None:
        raise NotFound("There is no map yet", cure="it is made after the first set")
    return Answer(
        {
            "tilejson": "3.0.0",
            "name": "OpenAddresses",
            "description": "Every address, a dot each",
            "attribution": f'<a href="{asked.site.url("/licences/")}">OpenAddresses and its sources</a>',
            "scheme": "xyz",
            "tiles": [f"pmtiles://{asked.site.whole_object_url(held['key'])}/{{z}}/{{x}}/{{y}}"],
            "vector_layers": [{"id": LAYER, "fields": {"number": "String", "street": "String", "unit": "String"}}],
            "minzoom": 0,
            "maxzoom": HIGHEST,
            "bounds": WORLD,
            "version": "1.0.0",
        }
    )


def run(asked: Asked) -> Answer:
    """The map of one run. Raises NotFound where it has none, or has it no more."""
    number = asked["number"]
    found = queries.run(asked.site.ledger(), number)
    outputs: Mapping[str, Any] = found["outputs"] if found is not None and not found["pruned_at"] else {}
    held = next((outputs[kind] for kind in RUN_TILES if isinstance(outputs.get(kind), Mapping)), None)
    if found is None or held is None:
        raise NotFound(f"Run {number} has no map", cure=f"/runs/{number}/ tells what it has")
    data = {
        **{name: found[name] for name in PUBLIC},
        "url": asked.site.object_url(str(held["key"])),
        "size": held.get("size"),
    }
    bounds = found["bounds"] or WORLD
    return Answer(
        data,
        title=f"Map of run {number}",
        only_page={"sample": sample(asked, found), "bounds": bounds, "layer": RUN_LAYER},
    )


def nothing(asked: Asked) -> Answer:
    """Of what is the same for all, nothing need be known."""
    return Answer({})


ENDPOINTS = (
    Endpoint(
        "/map/",
        "Map",
        "Every address that is collected, a dot each, and how many there are where.",
        world,
        template="map.html",
        twins={"json": json_form()},
        result=(
            Field("url", Kind.STRING, "the PMTiles archive; null: not made yet"),
            Field("size", Kind.INTEGER, "its bytes"),
            Field("sha256", Kind.STRING, "its SHA-256"),
            Field("made_at", Kind.MOMENT, "when it was made"),
            Field("rows", Kind.INTEGER, "all addresses on it"),
            Field("areas", Kind.ARRAY, "what it is put together of, the most addresses first"),
            *AREA,
        ),
        policy="map",
    ),
    Endpoint(
        "/tiles.json",
        "Tiles of the map",
        "The map of all addresses as TileJSON.",
        tilejson,
        form=json_form(),
        result=(
            Field("tiles", Kind.ARRAY, "the archive's address, for programs that read PMTiles"),
            Field("vector_layers", Kind.ARRAY, "the layer and its attributes"),
        ),
        cache=Cache.POINTER,
        not_yet=True,
    ),
    Endpoint(
        "/runs/<number>/map/",
        "Map of a run",
        "The rows of one run, a dot each.",
        run,
        template="run_map.html",
        parameters=(NUMBER,),
        example="/runs/1/map/",
        policy="map",
    ),
    Endpoint(
        "/map/style.json",
        "Style of the maps",
        "How the maps are drawn, as MapLibre reads it.",
        nothing,
        form=text_form(lambda answer, asked: json_text(style()), JSON),
        cache=Cache.FIXED,
        listed=False,
    ),
    Endpoint(
        "/map/ground.geojson",
        "Ground of the maps",
        "Countries and states, coarsely.",
        nothing,
        form=text_form(lambda answer, asked: gzip.decompress(ground.packed()).decode(), GEOJSON),
        cache=Cache.FIXED,
        listed=False,
    ),
)
