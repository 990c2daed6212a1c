"""What has become different: new, recovered, lost, held, renamed, and many more or fewer rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ...ledger import changes as ledger_changes
from ...ledger.changes import JUMP, Change
from ...ledger.reading import Row
from ..endpoints import LAST_NUMBER, Answer, Asked, Endpoint, Field, Kind, Link, Parameter
from ..facets import COUNTRY, LAYER, LAYERS
from ..forms import Entry, atom_form, json_form

PER = 100
FED = 50
# What each means, and how it is shown: a word that `status` knows.
KINDS: Mapping[str, tuple[str, str]] = {
    Change.NEW: ("its first result", "good"),
    Change.RECOVERED: ("a result again, after failures", "good"),
    Change.LOST: ("no result any more; what was published stays", "failing"),
    Change.HELD: ("it lost too much, and waits for somebody to look", "held"),
    Change.JUMP: (f"at least {JUMP:.0%} more or fewer rows than before", "stale"),
    Change.RENAMED: ("nothing but its key; its history goes on", "good"),
}
SAID: Mapping[str, str] = {
    Change.NEW: "new, {rows} rows",
    Change.RECOVERED: "recovered, {rows} rows",
    Change.LOST: "lost: {problem}",
    Change.HELD: "held: {problem}",
    Change.JUMP: "from {before} to {rows} rows",
    Change.RENAMED: "renamed from {former}",
}
FIELDS = (
    Field("run_id", Kind.INTEGER, "the run that brought it", "changes"),
    Field("key", Kind.STRING, "the data source", "changes"),
    Field("former_key", Kind.STRING, "the key of the run before, where that was another; else null", "changes"),
    Field("layer", Kind.STRING, "addresses, buildings, parcels or centerlines", "changes"),
    Field("kind", Kind.STRING, "; ".join(f"{kind}: {says}" for kind, (says, _) in KINDS.items()), "changes"),
    Field("rows", Kind.INTEGER, "rows of the run", "changes"),
    Field("rows_before", Kind.INTEGER, "rows of the good result before", "changes"),
    Field("problem", Kind.STRING, "why it gave no result, or is held", "changes"),
    Field("at", Kind.MOMENT, "when the run ended", "changes"),
    Field("url", Kind.STRING, "the page of the data source", "changes"),
)


def changes(asked: Asked) -> Answer:
    """The changes that are asked for, the newest first."""
    kept = ledger_changes.changes(
        asked.site.ledger(),
        before=asked["page"] or None,
        kind=asked["kind"],
        layer=asked["layer"],
        area=asked["country"],
        limit=asked["per"],
    )
    data = {"changes": [change(asked, one) for one in kept.found]}
    links = (Link("next", asked.link(page=kept.before)),) if kept.before else ()
    return Answer(data, links=links, only_page={"kinds": KINDS, "layers": LAYERS})


def change(asked: Asked, found: Row) -> dict[str, Any]:
    """A change in the words of the public, as in FIELDS."""
    same = ("key", "former_key", "layer", "kind", "rows", "rows_before")
    return {
        "run_id": found["id"],
        **{name: found[name] for name in same},
        "problem": "; ".join(found["held_because"] or ()) if found["kind"] == Change.HELD else found["problem"],
        "at": found["ended_at"],
        "url": asked.site.url(f"/sources/{quote(found['key'])}"),
    }


def sentence(one: Mapping[str, Any]) -> str:
    """What has become different with this one."""
    facts = {"rows": one["rows"], "before": one["rows_before"], "former": one["former_key"]}
    said = SAID[one["kind"]].format(problem=one["problem"] or "skipped", **facts)
    also = one["former_key"] and one["kind"] != Change.RENAMED
    return f"{said}; formerly {one['former_key']}" if also else said


def _entries(answer: Answer, asked: Asked) -> list[Entry]:
    return [
        Entry(
            f"change-{one['run_id']}",
            f"{one['key']}: {sentence(one)}",
            f"/runs/{one['run_id']}/",
            one["at"],
            KINDS[one["kind"]][0],
        )
        for one in answer.data["changes"][:FED]
    ]


ENDPOINTS = (
    Endpoint(
        "/changes/",
        "Changes",
        "What has become different: data sources that are new, recovered, lost, held or renamed, and jumps in rows.",
        changes,
        template="changes.html",
        twins={"json": json_form(), "atom": atom_form(_entries)},
        parameters=(
            Parameter("kind", "one kind of change", allowed=tuple(KINDS)),
            COUNTRY,
            LAYER,
            Parameter("per", "changes in one part", Kind.INTEGER, default=PER, least=1, most=500),
            Parameter("page", "changes before this run", Kind.INTEGER, default=0, most=LAST_NUMBER),
        ),
        result=(
            Field("changes", Kind.ARRAY, "the newest first"),
            *FIELDS,
            Field("next", Kind.STRING, "older ones"),
        ),
        example="/changes.json?kind=lost",
    ),
)
