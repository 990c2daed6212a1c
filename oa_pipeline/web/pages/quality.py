"""What is wrong, by cause and with the cure, the worst and the longest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any
from urllib.parse import quote

from ...errors import Problem
from ...ledger.standing import reasons
from ..catalogue import STATES, Standing
from ..cures import CURES, ENDED, problem_of
from ..endpoints import Answer, Asked, Endpoint, Field, Kind, Parameter
from ..facets import COUNTRY, LAYER, SEARCH, chosen, facet, holding
from ..forms import Entry, atom_form, csv_form, json_form
from ..ordering import OTHER_PARTS, ordered_by, part_asked
from ..rendering import iso
from .sources import FRESH, KEY, RANKS

WELL = "good"
HOSTS = 15  # publishers that are named with how much of theirs is wrong
FED = 50  # entries of the feed
# Of what no run has said why: the cause, and what to do.
SILENT: Mapping[str, tuple[str, str]] = {
    "held": ("Held for a look", ENDED["held"]),
    "stale": (
        "No good run for more than 30 days",
        "See in its history why no run has come to a good end. One that finds the data unchanged counts, too.",
    ),
    "new": ("No run has ended yet", "Nothing: the next set takes it."),
    "skipped": (str(Problem.SKIPPED), CURES[Problem.SKIPPED]),
    WELL: ("", ""),
}
NAMED: Mapping[str, Callable[[Standing], str]] = {
    "country": attrgetter("area"),
    "layer": attrgetter("layer"),
    "state": attrgetter("state"),
    "host": attrgetter("host"),
    "cause": lambda one: cause_of(one),
}
SHOWN = ("country", "layer", "state")  # of which every value is offered
SORTS: Mapping[str, Callable[[Standing], object]] = {
    "worst": lambda one: f"{RANKS[one.state]} {iso(one.since)}",
    "name": KEY,
    "since": attrgetter("since"),
    "rows": attrgetter("rows"),
    "host": attrgetter("host"),
}
FIELDS = (
    Field("key", Kind.STRING, "names the data source", "data_sources"),
    Field("state", Kind.STRING, "; ".join(f"{state}: {says}" for state, says in STATES.items()), "data_sources"),
    Field("cause", Kind.STRING, "what is wrong, in words that many have in common", "data_sources"),
    Field("detail", Kind.STRING, "what is wrong with this one", "data_sources"),
    Field("cure", Kind.STRING, "what to do about it", "data_sources"),
    Field("since", Kind.MOMENT, "the last good result; where there is none, when the source came", "data_sources"),
    Field("good_at", Kind.MOMENT, "the last good result, which is published", "data_sources"),
    Field("rows", Kind.INTEGER, "published rows", "data_sources"),
    Field("host", Kind.STRING, "the publisher's", "data_sources"),
    Field("layer", Kind.STRING, "addresses, buildings, parcels or centerlines", "data_sources"),
    Field("run_id", Kind.INTEGER, "the newest run that has ended", "data_sources"),
    Field("ended_at", Kind.MOMENT, "when it ended", "data_sources"),
    Field("url", Kind.STRING, "its page", "data_sources"),
)
COLUMNS = tuple(field.name for field in FIELDS)


def quality(asked: Asked) -> Answer:
    """The data sources with which something is wrong, as far as they are asked for."""
    every = asked.catalogue.rows
    meant = holding(every, asked["q"])
    found = chosen(meant, NAMED, asked.values)
    if not asked["state"]:
        found = [one for one in found if one.state != WELL]
    part = part_asked(asked, found, SORTS, KEY)
    why = causes([one for one in chosen(meant, NAMED, asked.values, but="cause") if one.state != WELL])
    data = {
        "total": len(found),
        "of": len(every),
        "states": _states(chosen(meant, NAMED, asked.values, but="state")),
        "causes": why,
        "hosts": _hosts([one for one in chosen(meant, NAMED, asked.values, but="host") if one.state != WELL]),
        "facets": {name: facet(meant, NAMED, asked.values, name) for name in SHOWN},
        "data_sources": _told(asked, part.rows),
    }
    return Answer(data, links=part.links(asked), only_page={"states": STATES, "whys": by_cause(why)})


def cause_of(one: Standing) -> str:
    """Why it is as it is, in words that many have in common; empty where all is well."""
    if one.state in SILENT:
        return SILENT[one.state][0]
    return one.problem or f"The run was {one.status}"


def causes(found: Sequence[Standing]) -> list[dict[str, Any]]:
    """What is wrong, the worst and most frequent first: `cause`, `cure`, `state`, `data_sources`, and `since` when."""
    counts: Counter[tuple[str, str]] = Counter()
    oldest: dict[tuple[str, str], Standing] = {}
    for one in found:
        kind = (one.state, cause_of(one))
        counts[kind] += 1
        if kind not in oldest or one.since < oldest[kind].since:
            oldest[kind] = one
    order = sorted(counts, key=lambda kind: (RANKS[kind[0]], -counts[kind], kind[1]))
    return [
        {
            "state": state,
            "cause": cause,
            "cure": SILENT[state][1] if state in SILENT else CURES.get(cause, ENDED.get(cause.rpartition(" ")[2], "")),
            "data_sources": counts[state, cause],
            "since": oldest[state, cause].since,
        }
        for state, cause in order
    ]


def by_cause(found: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same, each cause once: its `number`, its `cure`, `since` when, and how many `data_sources` by `states`."""
    made: dict[str, dict[str, Any]] = {}
    for one in found:
        told = made.setdefault(one["cause"], {**one, "number": len(made) + 1, "states": {}})
        told["states"][one["state"]] = one["data_sources"]
        told["since"] = min(told["since"], one["since"])
    return made


def _states(found: Sequence[Standing]) -> dict[str, int]:
    counts = Counter(one.state for one in found)
    return {state: counts[state] for state in STATES if counts[state]}


def _hosts(found: Sequence[Standing]) -> list[dict[str, Any]]:
    counts = Counter(one.host for one in found if one.host)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:HOSTS]
    return [{"host": host, "data_sources": count} for host, count in ranked]


def _told(asked: Asked, part: Sequence[Standing]) -> list[dict[str, Any]]:
    """Those of this part in the words of the public, as in FIELDS, with what their runs said."""
    said = reasons(asked.site.ledger(), [one.run_id for one in part if one.run_id and one.state not in {WELL, "stale"}])
    return [_one(asked, one, problem_of(said[one.run_id]) if one.run_id in said else None) for one in part]


def _one(asked: Asked, one: Standing, problem: Mapping[str, str] | None) -> dict[str, Any]:
    same = ("key", "state", "since", "good_at", "rows", "host", "layer", "run_id", "ended_at")
    return {
        **{name: getattr(one, name) for name in same},
        "cause": cause_of(one),
        "detail": problem["detail"] if problem else "",
        "cure": (problem["cure"] if problem else "") or SILENT.get(one.state, ("", ""))[1],
        "url": asked.site.url(f"/sources/{quote(one.key)}"),
    }


def _entries(answer: Answer, asked: Asked) -> list[Entry]:
    ended = [one for one in answer.data["data_sources"] if one["ended_at"] is not None]
    newest = sorted(ended, key=lambda one: one["ended_at"], reverse=True)[:FED]
    return [
        Entry(
            f"quality-{one['run_id']}",
            f"{one['key']}: {one['cause'] or one['state']}",
            f"/sources/{quote(one['key'])}",
            one["ended_at"],
            " ".join(part for part in (one["detail"], one["cure"]) if part),
        )
        for one in newest
    ]


ENDPOINTS = (
    Endpoint(
        "/quality/",
        "Quality",
        "What is broken, held, out of date or never run: why, since when, and what to do about it.",
        quality,
        template="quality.html",
        twins={
            "json": json_form(),
            "csv": csv_form("data_sources", COLUMNS, fresh_seconds=FRESH),
            "atom": atom_form(_entries),
        },
        parameters=(
            SEARCH,
            COUNTRY,
            LAYER,
            Parameter("state", "one state; left out: all but good", allowed=tuple(STATES)),
            Parameter("host", "the publisher's host"),
            Parameter("cause", "one cause, in its words"),
            *ordered_by(SORTS, "worst"),
        ),
        result=(
            Field("total", Kind.INTEGER, "data sources that are asked for"),
            Field("of", Kind.INTEGER, "data sources there are"),
            Field("states", Kind.OBJECT, "how many there are of each state"),
            Field("causes", Kind.ARRAY, "what is wrong, the worst and most frequent first"),
            Field("state", Kind.STRING, "the state that follows", "causes"),
            Field("cause", Kind.STRING, "in words", "causes"),
            Field("cure", Kind.STRING, "what to do about it", "causes"),
            Field("data_sources", Kind.INTEGER, "how many have it", "causes"),
            Field("since", Kind.MOMENT, "of the one that has had it longest", "causes"),
            Field("hosts", Kind.ARRAY, "the publishers with most that is wrong"),
            Field("host", Kind.STRING, "the publisher's", "hosts"),
            Field("data_sources", Kind.INTEGER, "how many of theirs are not well", "hosts"),
            Field("facets", Kind.OBJECT, "how many there are by country, layer and state, with the other filters kept"),
            Field("data_sources", Kind.ARRAY, "this part of them"),
            *FIELDS,
            *OTHER_PARTS,
        ),
        example="/quality.json?country=us&state=failing",
        of_catalogue=True,
    ),
)
