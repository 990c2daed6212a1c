"""What may be done with the data, and whom to name: by licence, and as text that is ready to paste."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from ..catalogue import Standing
from ..endpoints import Answer, Asked, Cache, Endpoint, Field, Kind, Parameter
from ..facets import COUNTRY, LAYER, chosen, facet, holding
from ..forms import csv_form, json_form, text_form
from ..ordering import OTHER_PARTS, ordered_by, part_asked
from ..rendering import plain
from ..searching import folded
from ..software import software
from ..terms import TERMS, terms_of

LAST = "\U0010ffff"  # after every text
SORTED = 80  # characters of a text that decide its place
SITES = 3  # publishers' addresses that are named with one licence


@dataclass
class Terms:
    """One licence of one publisher, and what is under it."""

    licence: str
    attribution_name: str
    attribution_required: bool | None
    share_alike: bool | None
    data_sources: int = 0
    rows: int = 0
    websites: list[str] = field(default_factory=list)
    example: str = ""

    @property
    def kind(self) -> str:
        """One of TERMS."""
        return terms_of(self.licence, attribution_required=self.attribution_required, share_alike=self.share_alike)

    @property
    def words(self) -> str:
        """What a search looks through."""
        return folded(f"{self.licence}\t{self.attribution_name}")

    @property
    def name(self) -> str:
        """That tells it from all others and sorts it, and is short whatever the texts are."""
        whole = f"{self.licence}\0{self.attribution_name}\0{self.attribution_required}\0{self.share_alike}"
        digest = hashlib.sha256(whole.encode("utf-8", "replace")).hexdigest()
        texts = (self.licence.casefold()[:SORTED] or LAST, self.attribution_name.casefold()[:SORTED])
        return "\t".join((*texts, digest[:16]))


SORTS: Mapping[str, Callable[[Terms], object]] = {
    "name": attrgetter("name"),
    "publisher": lambda one: one.attribution_name.casefold()[:SORTED] or None,
    "sources": attrgetter("data_sources"),
    "rows": attrgetter("rows"),
}
NARROWING: Mapping[str, Callable[[Standing], str]] = {"country": attrgetter("area"), "layer": attrgetter("layer")}
KIND: Mapping[str, Callable[[Terms], str]] = {"kind": attrgetter("kind")}
FIELDS = (
    Field("licence", Kind.STRING, "as the sources state it; empty: they do not", "licences"),
    Field("kind", Kind.STRING, "; ".join(f"{kind}: {says}" for kind, says in TERMS.items()), "licences"),
    Field("attribution_name", Kind.STRING, "whom to name", "licences"),
    Field("attribution_required", Kind.BOOLEAN, "whether users must; null: not stated", "licences"),
    Field("share_alike", Kind.BOOLEAN, "whether derived data must have the same licence; null: not stated", "licences"),
    Field("data_sources", Kind.INTEGER, "published data sources under it", "licences"),
    Field("rows", Kind.INTEGER, "their rows", "licences"),
    Field("websites", Kind.ARRAY, "the publishers', at most three", "licences"),
    Field("example", Kind.STRING, "the key of one of them", "licences"),
)
COLUMNS = tuple(one.name for one in FIELDS)


def licences(asked: Asked) -> Answer:
    """The licences of what is published, as far as it is asked for."""
    rows = [one for one in asked.catalogue.rows if one.good_run_id is not None]
    every = by_terms(chosen(rows, NARROWING, asked.values))
    meant = holding(every, asked["q"])
    found = chosen(meant, KIND, asked.values)
    part = part_asked(asked, found, SORTS, attrgetter("name"))
    data = {
        "total": len(found),
        "of": len(every),
        "kinds": facet(meant, KIND, asked.values, "kind"),
        "licences": [{name: getattr(one, name) for name in COLUMNS} for one in part.rows],
    }
    return Answer(
        data,
        links=part.links(asked),
        only_page={
            "kinds": TERMS,
            "text": attribution(asked, found),
            "countries": facet(rows, NARROWING, asked.values, "country"),
            "layers": facet(rows, NARROWING, asked.values, "layer"),
        },
    )


def by_terms(rows: Sequence[Standing]) -> list[Terms]:
    """What these data sources are under, each once."""
    found: dict[tuple[str, str, bool | None, bool | None], Terms] = {}
    for one in rows:
        key = (one.licence or "", one.attribution_name or "", one.attribution_required, one.share_alike)
        terms = found.get(key)
        if terms is None:
            terms = found[key] = Terms(*key, example=one.key)
        terms.data_sources += 1
        terms.rows += one.rows or 0
        if one.website and len(terms.websites) < SITES and one.website not in terms.websites:
            terms.websites.append(one.website)
    return sorted(found.values(), key=attrgetter("name"))


def attribution(asked: Asked, found: Sequence[Terms]) -> str:
    """The text to paste: those who ask to be named, with their licence and address."""
    when = f", as of {asked.as_of:%Y-%m-%d}" if asked.as_of.year > 1970 else ""
    head = f"Data of OpenAddresses, {asked.site.url('/')}{when}.\n"
    named = [one for one in found if one.attribution_required or one.share_alike]
    if not named:
        return f"{head}None of these sources asks to be named.\n"
    return f"{head}It holds data of:\n" + "".join(_line(one) for one in named)


def _line(one: Terms) -> str:
    who = plain(one.attribution_name) or plain((one.websites or [one.example])[0])
    parts = [plain(one.licence) or "licence not stated", *(["share-alike"] if one.share_alike else [])]
    sites = [plain(site) for site in one.websites if plain(site) != who]
    return f"- {who}: {', '.join((*parts, *sites))}\n"


def _text(answer: Answer, asked: Asked) -> str:
    return str(answer.only_page["text"])


def of_software(asked: Asked) -> Answer:
    """What this site and the pipeline are made of."""
    return Answer({"packages": software()})


ENDPOINTS = (
    Endpoint(
        "/licences/",
        "Licences",
        "What may be done with the data, and whom to name: by licence, and as text that is ready to paste.",
        licences,
        template="licences.html",
        twins={"json": json_form(), "csv": csv_form("licences", COLUMNS), "txt": text_form(_text)},
        parameters=(
            Parameter("q", "words that the licence or the publisher's name must hold"),
            Parameter("kind", "one kind of licence", allowed=tuple(TERMS)),
            COUNTRY,
            LAYER,
            *ordered_by(SORTS, "name"),
        ),
        result=(
            Field("total", Kind.INTEGER, "licences that are asked for"),
            Field("of", Kind.INTEGER, "licences there are"),
            Field("kinds", Kind.OBJECT, "how many there are of each kind"),
            Field("licences", Kind.ARRAY, "this part of them"),
            *FIELDS,
            *OTHER_PARTS,
        ),
        example="/licences.txt?country=fr",
        of_catalogue=True,
    ),
    Endpoint(
        "/licences/software",
        "Licences of the software",
        "The libraries that this site and the pipeline use, with their licences.",
        of_software,
        template="software.html",
        twins={"json": json_form()},
        result=(
            Field("packages", Kind.ARRAY, "by name"),
            Field("name", Kind.STRING, "of the package", "packages"),
            Field("version", Kind.STRING, "that is installed; empty: it is not", "packages"),
            Field("licence", Kind.STRING, "as the package states it", "packages"),
            Field("url", Kind.STRING, "the package's", "packages"),
            Field("sent", Kind.BOOLEAN, "whether this site sends it to browsers", "packages"),
        ),
        cache=Cache.FIXED,
    ),
)
