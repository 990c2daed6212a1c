"""The front page: what there is, how fresh it is, and where it is fetched; and `/index.json`, as programs know it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ...ledger import builds, changes, sets, snapshot
from ..catalogue import STATES, Standing
from ..endpoints import Answer, Asked, Cache, Endpoint, Field, Kind, Link
from ..forms import JSON, json_form, text_form
from ..state import COLUMNS, LAYER, state_text
from .changes import KINDS, change
from .collections import AREA_NAMES, RANKS, collection
from .collections import LICENCES as LICENCE_WORDS

LICENCES = {"": "Freely Shareable", "sa": "Share-Alike Required"}
SMALLEST = 1024  # bytes: a smaller zip holds nothing but a note
RECENT = 12
RENDERED = ("render_world", "render_europe", "render_usa")
PICTURE = "render-world.png"


def home(asked: Asked) -> Answer:
    """Totals by layer, the regional files, what has changed, the last results, and the set that is at work."""
    site = asked.site
    rows = asked.catalogue.rows
    ledger = site.ledger()
    newest_set = sets.newest(ledger)
    of_set = ("id", "status", "only", "started_at", "ended_at")
    ended = [one for one in rows if one.ended_at is not None]
    recent = sorted(ended, key=lambda one: (one.ended_at, one.run_id), reverse=True)[:RECENT]
    data = {
        "layers": layers(rows),
        "states": {state: count for state in STATES if (count := sum(one.state == state for one in rows))},
        "sources": len({one.source for one in rows}),
        "areas": len({one.area for one in rows}),
        "newest": max((one.good_at for one in rows if one.good_at), default=None),
        "collections": _zips(asked),
        "changes": [change(asked, one) for one in changes.changes(ledger, limit=RECENT).found],
        "recent": [{name: getattr(one, name) for name in ("key", "run_id", "state", "rows", "problem", "ended_at")}
                   for one in recent],
        "set": {name: newest_set[name] for name in of_set} if newest_set else None,
    }  # fmt: skip
    drawn = builds.artifact(ledger, PICTURE)
    picture = site.picture_url(drawn["key"]) if drawn is not None else ""
    words = {"kinds": KINDS, "licences": LICENCE_WORDS, "area_names": AREA_NAMES, "picture": picture}
    return Answer(data, only_page=words)


def layers(rows: Sequence[Standing]) -> list[dict[str, Any]]:
    """What there is of each layer: `layer`, `rows`, `data_sources`, and how many of them have a result."""
    counts, total, good = Counter[str](), Counter[str](), Counter[str]()
    for one in rows:
        counts[one.layer] += 1
        total[one.layer] += one.rows or 0
        good[one.layer] += one.good_run_id is not None
    return [
        {"layer": layer, "rows": total[layer], "data_sources": counts[layer], "with_result": good[layer]}
        for layer in sorted(counts, key=lambda layer: (layer != LAYER, layer))
    ]


def _zips(asked: Asked) -> list[dict[str, Any]]:
    """The regional zips, the whole world first."""
    found = [collection(asked, one) for one in builds.current_zips(asked.site.ledger()) if one["form"] == "zip"]
    return sorted(found, key=lambda one: (RANKS.get(one["area"], len(RANKS)), one["licence"]))


def state(asked: Asked) -> Answer:
    """How every data source stands: its latest good run, or its newest where there is no good one."""
    return Answer({}, only_page={"lines": snapshot.lines_to_date(asked.site.ledger(), LAYER)})


def _state(answer: Answer, asked: Asked) -> str:
    return state_text(asked, answer.only_page["lines"])


def index(asked: Asked) -> Answer:
    """Where programs find everything; the keys are as they have always been."""
    site, ledger = asked.site, asked.site.ledger()
    complete = sets.latest_complete(ledger)
    collections: dict[str, dict[str, Mapping[str, Any]]] = {}
    for one in builds.current_zips(ledger):
        if one["form"] == "zip" and one["layer"] == LAYER and one["size"] >= SMALLEST:
            collections.setdefault(one["area"], {})[one["licence"]] = {
                "url": site.whole_object_url(one["key"]),
                "content_length": one["size"],
                "license": LICENCES[one["licence"]],
            }
    return Answer(
        {
            "run_states_url": site.url("/state.txt"),
            "latest_run_processed_url": site.url("/latest/run/{source}.zip"),
            "tileindex_url": site.url("/tiles/{lon}/{lat}.zip"),
            "licenses_url": site.url("/latest/licenses.json"),
            "latest_set_url": site.url(f"/sets/{complete['id']}.json") if complete else None,
            **{f"{name}_url": site.whole_object_url(f"{name.replace('_', '-')}.png") for name in RENDERED},
            "render_geojson_url": site.whole_object_url("render-world.geojson"),
            "collections": collections,
        }
    )


ENDPOINTS = (
    Endpoint(
        "/",
        "Free address data",
        "What there is, how fresh it is, and where to get it.",
        home,
        template="home.html",
        alternates=(Link("alternate", "/index.json", JSON),),
        of_catalogue=True,
    ),
    Endpoint(
        "/index.json",
        "Index for programs",
        "Where everything is: templates of addresses, and the regional files.",
        index,
        form=json_form(),
        cache=Cache.PAGE,
        example="/index.json",
        result=(
            Field("run_states_url", Kind.STRING, "the state of every source as tab separated text"),
            Field(
                "latest_run_processed_url", Kind.STRING, "template: the latest result of a source, {source} its path"
            ),
            Field("tileindex_url", Kind.STRING, "template: addresses of one degree, {lon} and {lat} its corner"),
            Field("licenses_url", Kind.STRING, "licences and attributions"),
            Field("latest_set_url", Kind.STRING, "the newest set that has ended"),
            Field("render_world_url", Kind.STRING, "map of the world"),
            Field("render_europe_url", Kind.STRING, "map of Europe"),
            Field("render_usa_url", Kind.STRING, "map of the United States"),
            Field("render_geojson_url", Kind.STRING, "coverage as GeoJSON"),
            Field("collections", Kind.OBJECT, "by area, then by '' or 'sa': url, content_length, license"),
        ),
    ),
    Endpoint(
        "/state.txt",
        "State of all sources",
        "One line for each source: its latest good result. Tab separated.",
        state,
        form=text_form(_state),
        result=tuple(Field(name, Kind.STRING, "as it has always been") for name in COLUMNS),
        example="/state.txt",
        fresh_seconds=60.0,
    ),
)
