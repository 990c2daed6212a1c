"""Sets: the runs over all sources, or a part of them. How far one at work is, and why data sources of each failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ...automation.progress import STEPS, time_left, trouble
from ...ledger import builds, heartbeats, members, sets, snapshot
from ...ledger.reading import Engine, Row
from ...ledger.sets import Tally
from ...ledger.tables import Outcome, SetStatus
from ..cures import CURES, ENDED
from ..endpoints import (
    LAST_NUMBER,
    Answer,
    Asked,
    BadRequest,
    Cache,
    Elsewhere,
    Endpoint,
    Field,
    Kind,
    Link,
    NotFound,
    Parameter,
)
from ..forms import json_form, text_form
from ..ordering import OTHER_PARTS, PAGE, PLACE, older
from ..state import COLUMNS, LAYER, state_text

PER = 25
PER_MEMBERS = 100
HOSTS = 20
SILENT = timedelta(seconds=60)  # after which nobody counts on a worker
RENDERED = {
    "render_world_url": "render-world.png",
    "render_europe_url": "render-europe.png",
    "render_usa_url": "render-usa.png",
    "render_geojson_url": "render-world.geojson",
}
OF_SET = (
    "status", "repository", "only", "force", "code_versions", "detail", "started_at", "deadline_at", "ended_at",
)  # fmt: skip
OUTCOMES: Mapping[str, str] = {
    Outcome.SUCCEEDED: "a new result was published",
    Outcome.UNCHANGED: "nothing has changed since the result that is published",
    Outcome.HELD: "the new result lost too much and waits for somebody to look",
    Outcome.FAILED: "the source or its publisher is at fault",
    Outcome.SKIPPED: "the source file says to skip it",
    Outcome.LOST: "its process went away, twice",
    Outcome.CANCELLED: "somebody stopped it",
    Outcome.REMOVED: "it left the source repository meanwhile",
}


class Standing(NamedTuple):
    """How a set stands: members by outcome and problem, hosts in trouble, rows by layer, and seconds to its end."""

    tally: Tally
    hosts: Sequence[Row]
    rows: Mapping[str, int]
    seconds_left: float | None = None


def listed(asked: Asked) -> Answer:
    """Sets, the newest first."""
    ledger = asked.site.ledger()
    found = sets.listed(ledger, before=asked["past"] or None, limit=PER + 1)
    shown, links = older(asked, found, PER)
    return Answer({"sets": [_brief(asked, one) for one in shown]}, links=links)


def _brief(asked: Asked, one: Row) -> dict[str, Any]:
    counts = one["counts"]
    tally = sets.tally(asked.site.ledger(), one["id"]).as_json() if one["status"] == SetStatus.OPEN else counts
    names = ("id", "status", "only", "commit_sha", "started_at", "ended_at")
    return {
        **{name: one[name] for name in names},
        "total": tally.get("members"),
        "ended": tally.get("ended"),
        "outcomes": {outcome: tally[outcome] for outcome in OUTCOMES if outcome in tally},
        "url": asked.site.url(f"/sets/{one['id']}/"),
    }


def one_set(asked: Asked) -> Answer:
    """One set: its counts, the causes of failures with their cures, and its data sources, some at a time."""
    ledger, number = asked.site.ledger(), asked["number"]
    found = sets.set_of(ledger, number)
    if found is None:
        raise NotFound(f"Set {number} does not exist", cure="/sets/ lists them all")
    running = found["status"] == SetStatus.OPEN
    stands = _standing(ledger, number) if running else _of_ended(ledger, number, asked.version.version)
    tally = stands.tally
    part, links = _part(asked, ledger, number)
    data = {
        "id": found["id"],
        "commit_sha": found["commit_sha"] or None,
        "datetime_start": _as_python_says(found["started_at"]),
        "datetime_end": _as_python_says(found["ended_at"]),
        **_rendered(asked, ledger, number),
        **{name: found[name] for name in OF_SET},
        "repository": "" if Path(found["repository"]).is_absolute() else found["repository"],
        "total": tally.members,
        "ended": tally.ended,
        "steps": dict(tally.steps) if running else {},
        "outcomes": {outcome: tally.outcomes[outcome] for outcome in OUTCOMES if tally.outcomes.get(outcome)},
        "problems": [
            {"problem": problem, "data_sources": count, "cure": CURES.get(problem, "")}
            for problem, count in tally.problems.items()
        ],
        "rows": dict(stands.rows),
        "hosts": [dict(host) for host in stands.hosts[:HOSTS]],
        "seconds_left": None if stands.seconds_left is None else round(stands.seconds_left),
        "data_sources": [_member(asked, each) for each in part],
    }
    names = {
        "running": running,
        "words": OUTCOMES,
        "cures": CURES,
        "steps": STEPS,
        "trouble": trouble(tally, stands.hosts),
    }
    return Answer(data, title=f"Set {number}", links=links, only_page=names)


def _standing(ledger: Engine, number: int) -> Standing:
    tally = sets.tally(ledger, number)
    left = time_left(tally, heartbeats.live_slots(ledger, SILENT))
    return Standing(tally, sets.hosts(ledger, number), {}, left)


@lru_cache(maxsize=64)
def _of_ended(ledger: Engine, number: int, version: str) -> Standing:
    """Of a set that has ended, for all its pages at this version: a held run may yet be let through."""
    return Standing(sets.tally(ledger, number), sets.hosts(ledger, number), members.rows_by_layer(ledger, number))


def _as_python_says(moment: datetime | None) -> str:
    """As programs have always read it: what str() makes of it."""
    return str(None if moment is None else moment.astimezone(UTC))


def _rendered(asked: Asked, ledger: Engine, number: int) -> dict[str, str | None]:
    """The addresses of its maps, which are made together; None before that."""
    keys = {name: f"sets/{number}/{file}" for name, file in RENDERED.items()}
    made = builds.artifact(ledger, keys["render_world_url"]) is not None
    return {name: asked.site.whole_object_url(key) if made else None for name, key in keys.items()}


def _part(asked: Asked, ledger: Engine, number: int) -> tuple[Sequence[Row], tuple[Link, ...]]:
    """The data sources that are asked for, and the links to those before and after them."""
    wanted = {name: asked[name] for name in ("outcome", "problem")}
    page = asked["page"] or ">"
    if page[0] not in "<>":
        raise BadRequest("page cannot be used", cure="page is what a link to a next or former part says; leave it out")
    before, after = (page[1:] if page[0] == direction else "" for direction in "<>")
    found = members.listed(ledger, number, **wanted, before=before, after=after, limit=PER_MEMBERS + 1)
    more = len(found) > PER_MEMBERS
    part = found[-PER_MEMBERS:] if before else found[:PER_MEMBERS]
    links = []
    if part and (after or (before and more)):
        links.append(Link("prev", asked.link(page=f"<{part[0]['key']}")))
    if part and (before or more):
        links.append(Link("next", asked.link(page=f">{part[-1]['key']}")))
    return part, tuple(links)


def _member(asked: Asked, found: Row) -> dict[str, Any]:
    """A data source of the set, with what was wrong and what can be done."""
    names = ("key", "step", "outcome", "host", "run_id", "rows", "moved_at")
    text = found["problem"]
    cure = found["cure"] or CURES.get(text or "", "") or ENDED.get(found["outcome"], "")
    bad = text is not None or found["outcome"] in ENDED
    problem = {"text": text or OUTCOMES.get(found["outcome"], ""), "detail": found["run_detail"] or found["detail"]}
    return {
        **{name: found[name] for name in names},
        "problem": {**problem, "cure": cure} if bad else None,
        "run_url": asked.site.url(f"/runs/{found['run_id']}/") if found["run_id"] else None,
    }


def state(asked: Asked) -> Answer:
    """How the data sources of a set ended in it."""
    ledger, number = asked.site.ledger(), asked["number"]
    if sets.set_of(ledger, number) is None:
        raise NotFound(f"Set {number} does not exist", cure="/sets/ lists them all")
    return Answer({}, only_page={"lines": snapshot.lines_of_set(ledger, number, LAYER)})


def _state(answer: Answer, asked: Asked) -> str:
    return state_text(asked, answer.only_page["lines"])


def picture(asked: Asked) -> Elsewhere:
    """Leads to a map of a set."""
    made = builds.artifact(asked.site.ledger(), f"sets/{asked['number']}/{asked['name']}")
    if made is None:
        raise NotFound(f"There is no {asked['name']} of set {asked['number']}", cure="it is made after the set's end")
    return Elsewhere(asked.site.object_url(made["key"]))


NUMBER = Parameter("number", "the set's number", Kind.INTEGER, least=1, most=LAST_NUMBER, in_path=True)
OF_MEMBER = tuple(
    Field(name, kind, says, "data_sources")
    for name, kind, says in (
        ("key", Kind.STRING, "names the data source"),
        ("step", Kind.STRING, f"{', '.join(STEPS)} or ended"),
        ("outcome", Kind.STRING, "; ".join(f"{outcome}: {says}" for outcome, says in OUTCOMES.items())),
        ("host", Kind.STRING, "the publisher's"),
        ("run_id", Kind.INTEGER, "the run that counts"),
        ("rows", Kind.INTEGER, "of that run"),
        ("moved_at", Kind.MOMENT, "when it came to this step"),
        ("problem", Kind.OBJECT, "text, detail and cure; null: none"),
        ("run_url", Kind.STRING, "the run's page"),
    )
)
ENDPOINTS = (
    Endpoint(
        "/sets/",
        "Sets",
        "The runs over all sources, or a part of them, the newest first.",
        listed,
        template="sets.html",
        twins={"json": json_form()},
        parameters=(
            Parameter("past", "sets before the one of this number", Kind.INTEGER, default=0, most=LAST_NUMBER),
            PLACE,
        ),
        result=(
            Field("sets", Kind.ARRAY, "this part of them: id, status, started_at, ended_at, total, outcomes, url"),
            Field("next", Kind.STRING, "older ones"),
        ),
        example="/sets.json",
        cache=Cache.LIVE,
    ),
    Endpoint(
        "/sets/<number>/",
        "A set",
        "How far a set is, how its data sources ended, and what is wrong with those that failed.",
        one_set,
        template="set.html",
        twins={"json": json_form()},
        parameters=(
            NUMBER,
            Parameter("outcome", "only data sources that ended so", allowed=tuple(OUTCOMES)),
            Parameter("problem", "only data sources with this problem"),
            PAGE,
        ),
        result=(
            Field("id", Kind.INTEGER, "its number"),
            Field("commit_sha", Kind.STRING, "of the source repository"),
            Field("datetime_start", Kind.STRING, "when it began, as Python writes it"),
            Field("datetime_end", Kind.STRING, "when it ended, as Python writes it; None: it is at work"),
            *(Field(name, Kind.STRING, f"{file}; null: there is none") for name, file in RENDERED.items()),
            Field("status", Kind.STRING, "open, complete, incomplete or cancelled"),
            Field("repository", Kind.STRING, "where the source files are from; empty: a folder of the operator's"),
            Field("only", Kind.STRING, "the pattern of keys that was asked for; empty: all"),
            Field("force", Kind.BOOLEAN, "whether unchanged data was converted, too"),
            Field("code_versions", Kind.ARRAY, "of its runs"),
            Field("detail", Kind.STRING, "why it is incomplete or was cancelled"),
            *(Field(name, Kind.MOMENT, f"when it {says}") for name, says in (
                ("started_at", "began"), ("deadline_at", "ends at the latest"), ("ended_at", "ended"))),
            Field("total", Kind.INTEGER, "data sources in it"),
            Field("ended", Kind.INTEGER, "those that are through"),
            Field("steps", Kind.OBJECT, "data sources by step, while it is at work"),
            Field("outcomes", Kind.OBJECT, "data sources by outcome"),
            Field("problems", Kind.ARRAY, "problem, data_sources, cure; the most frequent first"),
            Field("rows", Kind.OBJECT, "rows of its results by layer, once it has ended"),
            Field("hosts", Kind.ARRAY, "publishers with failures: host, ended, failed, problem; the worst first"),
            Field("seconds_left", Kind.INTEGER, "likely, while it is at work; null: nobody works on it"),
            Field("data_sources", Kind.ARRAY, "this part of them"),
            *OF_MEMBER,
            *OTHER_PARTS,
        ),
        example="/sets/1.json",
        cache=Cache.LIVE,
    ),
    Endpoint(
        "/sets/<number>/state.txt",
        "State of the sources in a set",
        "One line for each source: how it ended in the set. Tab separated.",
        state,
        form=text_form(_state),
        parameters=(NUMBER,),
        result=tuple(Field(name, Kind.STRING, "as it has always been") for name in COLUMNS),
        example="/sets/1/state.txt",
        fresh_seconds=60.0,
    ),
    Endpoint(
        "/sets/<number>/<name>",
        "Map of a set",
        "How the set went, as a picture or as GeoJSON.",
        picture,
        parameters=(NUMBER, Parameter("name", "the map", allowed=tuple(RENDERED.values()), in_path=True)),
        example="/sets/1/render-world.png",
        cache=Cache.POINTER,
    ),
)  # fmt: skip
