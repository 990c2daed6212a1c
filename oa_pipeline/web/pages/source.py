"""One source file, or one data source of it: what is published, what is wrong, and what went before."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from ...ledger import history, queries
from ...ledger.reading import Row
from ...ledger.standing import standing
from ...orchestration.gate import filled
from ...publish.saved import plainly_saved, whose
from ...sources.keys import source_of, split_key
from ..catalogue import STATES, Standing, standings
from ..commands import commands
from ..cures import SUGGESTED, problem_of
from ..endpoints import LAST_NUMBER, Answer, Asked, Elsewhere, Endpoint, Field, Kind, Link, NotFound, Parameter
from ..forms import Entry, atom_form, json_form
from ..spelling import folder_spelt, source_spelt
from .runs import objects, preview

PER = 30
# The extension of the stable address, by the kind of output.
LATEST = {"csv": "zip", "geojson": "geojson.gz", "parquet": "parquet", "pmtiles": "pmtiles", "slippymap": "pmtiles"}
OF_RUN = (
    "id", "newest", "layer", "name", "status", "problem", "rows", "code_version", "commit_sha", "blob_sha",
    "content_hash", "copy_of", "confirmed", "confirmed_at", "started_at", "ended_at", "pull_request", "pruned_at",
)  # fmt: skip


def source(asked: Asked) -> Answer | Elsewhere:
    """What is known under a path or a key. Former names lead to today's, a folder to the list of its files."""
    what = asked["what"]
    ledger = asked.site.ledger()
    named = _standings(asked, what)
    mine = [one for one in named if one.key == what] or [one for one in named if one.source == what]
    if not mine:
        if what.endswith("/") and _standings(asked, what.rstrip("/")):
            return Elsewhere(f"/sources/{quote(what.rstrip('/'))}")
        key = history.key_named(ledger, what)
        if key is None:
            return _meant(asked, what)
        if key != what and any(one.key == key for one in _standings(asked, key)):
            return Elsewhere(f"/sources/{quote(key)}")
    past = history.source_history(ledger, what, before=asked["page"] or None, limit=PER + 1)
    one = _chosen(mine)
    data: dict[str, Any] = {
        "source": mine[0].source if mine else source_of(what),
        "key": one.key if one else None,
        "in_repository": bool(mine),
        "state": one.state if one else None,
        "data_sources": [_brief(each) for each in mine],
        **_details(asked, one),
        "runs": [_past(run) for run in past[:PER]],
    }
    links = (Link("next", asked.link(page=past[PER - 1]["newest"])),) if len(past) > PER else ()
    several = len({(run["layer"], run["name"]) for run in past}) > 1
    names = {"states": STATES, "suggested": SUGGESTED, "several": several, "one": one, "what": what}
    names["picture"] = (data["published"] or {}).get("preview")
    title = f"{what}: {one.place}" if one and one.place else what
    return Answer(data, title=title, links=links, only_page=names)


def _meant(asked: Asked, what: str) -> Elsewhere:
    """Where somebody is led who names a folder, or spells a name in another way. Raises NotFound for all others."""
    if location := _list_below(asked, what):
        return Elsewhere(location)
    name, rows = what.rstrip("/"), asked.catalogue.rows
    if found := source_spelt(rows, name) or folder_spelt(rows, name):
        return Elsewhere(f"/sources/{quote(found)}", for_good=True)
    raise NotFound(f"Source {what} does not exist", cure="/sources/ lists them all")


def _list_below(asked: Asked, what: str) -> str:
    """The address of the list of what lies below this part of a path; empty where nothing does."""
    folder = what.removesuffix("/")
    if not any(one.source.startswith(f"{folder}/") for one in asked.catalogue.rows):
        return ""
    return f"/sources/?{urlencode({'q': f'{folder}/'} if '/' in folder else {'country': folder})}"


def _standings(asked: Asked, what: str) -> Sequence[Standing]:
    """Those of the file that is named, or of the file of the data source that is."""
    ledger = asked.site.ledger()
    found = list(standing(ledger, source=what))
    with contextlib.suppress(ValueError):  # it is no key, then
        found += standing(ledger, source=split_key(what).source)
    return standings(found, asked.now)


def _chosen(mine: Sequence[Standing]) -> Standing | None:
    """The one that the page tells of in full: a path stands for the first addresses of its file."""
    if len(mine) == 1:
        return mine[0]
    return next((one for one in mine if one.layer == history.LAYER and one.first), None)


def _brief(one: Standing) -> dict[str, Any]:
    return {name: getattr(one, name) for name in ("key", "layer", "name", "state", "rows", "good_at", "good_run_id")}


def _past(run: Row) -> dict[str, Any]:
    return {name: run[name] for name in OF_RUN}


def _details(asked: Asked, one: Standing | None) -> dict[str, Any]:
    """The published result, and what was wrong with the newest run."""
    ledger = asked.site.ledger()
    good = queries.run(ledger, one.good_run_id) if one and one.good_run_id else None
    newest = good if one and one.run_id == one.good_run_id else None
    if newest is None and one and one.run_id:
        newest = queries.run(ledger, one.run_id)
    problem = problem_of(newest) if newest is not None else None
    told = good or newest
    return {
        "published": _published(asked, one.key, good) if one and good else None,
        "problem": {**problem, "run_id": newest["id"], "at": newest["ended_at"]} if problem and newest else None,
        "licence": licence_of(told) if told else None,
        "fields": fields_of(good) if good else [],
        "warnings": list(newest["warnings"])[:20] if newest else [],
    }


def licence_of(run: Row) -> dict[str, Any]:
    """What the source states about its use."""
    names = ("attribution_required", "attribution_name", "share_alike", "website")
    return {"text": run["licence"], **{name: run[name] for name in names}}


def fields_of(run: Row) -> list[dict[str, Any]]:
    """In how many rows each published field has text, as the run counted it."""
    return [{"field": name, "filled": count, "rows": run["rows"]} for name, count in filled(run["counters"]).items()]


def _published(asked: Asked, key: str, run: Row) -> dict[str, Any]:
    files = []
    mine = whose(run["source"], run["layer"], run["name"], run["pull_request"])
    for one in objects(asked, run):
        if extension := LATEST.get(one["kind"]):
            latest = asked.site.url(f"/latest/run/{quote(key)}.{extension}")
            name = plainly_saved(run["outputs"][one["kind"]]["key"], mine)
            files.append({**one, "latest": latest, "save_as": name, "commands": commands(latest, name)})
    names = ("rows", "ended_at", "started_at", "geometry_type", "bounds", "cache_size", "code_version", "commit_sha")
    told = {"run_id": run["id"], **{name: run[name] for name in names}}
    return {**told, "preview": preview(asked, run), "files": files}


def _entries(answer: Answer, asked: Asked) -> list[Entry]:
    return [
        Entry(
            f"run-{run['id']}",
            f"{answer.data['source']}: {run['problem'] or run['status']}",
            f"/runs/{run['id']}/",
            run["ended_at"],
            f"{run['rows']} rows" if run["rows"] is not None else run["problem"] or "",
        )
        for run in answer.data["runs"]
    ]


ENDPOINTS = (
    Endpoint(
        "/sources/<path:what>",
        "A data source",
        "What a source has published, in what it failed and how to mend it, and its history.",
        source,
        template="source.html",
        twins={"json": json_form(), "atom": atom_form(_entries)},
        spelt=True,
        parameters=(
            Parameter("what", "a source's path, or a data source's key", in_path=True, most=900),
            Parameter("page", "runs before this one", Kind.INTEGER, default=0, most=LAST_NUMBER),
        ),
        result=(
            Field("source", Kind.STRING, "path of the source file"),
            Field("key", Kind.STRING, "the data source that is told of in full"),
            Field("in_repository", Kind.BOOLEAN, "false: it has left the source repository"),
            Field("state", Kind.STRING, "; ".join(f"{state}: {says}" for state, says in STATES.items())),
            Field("data_sources", Kind.ARRAY, "those of the file"),
            Field(
                "published",
                Kind.OBJECT,
                "the published result: run_id, rows, bounds, a picture of where they are, and its files",
            ),
            Field("problem", Kind.OBJECT, "of the newest run: text, detail, cure, run_id, at"),
            Field("licence", Kind.OBJECT, "text, attribution_required, attribution_name, share_alike, website"),
            Field("fields", Kind.ARRAY, "field, and in how many of the rows it is filled"),
            Field("warnings", Kind.ARRAY, "what the newest run found odd"),
            Field("runs", Kind.ARRAY, "what went before, the newest first"),
            Field("next", Kind.STRING, "older runs"),
        ),
        example="/sources/us/ca/alameda",
    ),
)
