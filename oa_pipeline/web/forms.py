"""The ways in which an answer is written: JSON, CSV, Atom, GeoJSON, text."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from markupsafe import escape

from .endpoints import Answer, Asked, Form, Link, twin_path
from .rendering import iso

PARTS = frozenset({"next", "prev"})  # of links: those that lead through a table
JSON, GEOJSON, ATOM = "application/json", "application/geo+json", "application/atom+xml"
CSV, TEXT = "text/csv; charset=utf-8", "text/plain; charset=utf-8"
_LISTED = json.JSONEncoder(ensure_ascii=False)  # of what stands in one cell of a table
_AS_THEY_ARE = frozenset({str, int, type(None)})  # in JSON, and in a table
# What XML 1.0 cannot hold, however it is written.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What no table holds, and a terminal that shows one would obey.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_CONTROL_BYTES = bytes({*range(32), 0x7F} - {*b"\t\r\n"}) + b"\xc2"  # the last begins all those beyond ASCII


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a feed. `id` never changes; `path` is one of our addresses."""

    id: str
    title: str
    path: str
    updated: datetime
    text: str = ""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of a GeoJSON twin."""

    id: str
    geometry: Mapping[str, Any] | None
    properties: Mapping[str, Any]


def plainly(value: Any) -> Any:
    """The value as JSON knows it: moments as ISO 8601 in UTC, and no number that is none."""
    if type(value) in _AS_THEY_ARE:  # nearly all are, and the questions below cost more
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Mapping):
        return {str(name): plainly(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plainly(one) for one in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def json_text(value: Any) -> str:
    """JSON, one line."""
    how: dict[str, Any] = {"ensure_ascii": False, "allow_nan": False, "separators": (",", ":")}
    try:
        text = json.dumps(value, default=plainly, **how)
    except (ValueError, TypeError):  # a number that is none, or a name that is no text
        text = json.dumps(plainly(value), **how)
    return f"{text}\n"


def json_form() -> Form:
    """The answer's data, as it is."""

    def write(answer: Answer, asked: Asked) -> str:
        more = {link.rel: asked.site.url(_other(link, "json")) for link in answer.links if link.rel in PARTS}
        return json_text({**answer.data, **more})

    return Form(JSON, write)


def csv_form(table: str, columns: Sequence[str], *, fresh_seconds: float = 0.0) -> Form:
    """One of the answer's tables, with these columns; all of its rows unless a part is asked for."""

    def write(answer: Answer, asked: Asked) -> str:
        return separated(columns, [[row.get(name) for name in columns] for row in answer.data[table]])

    return Form(CSV, write, whole=True, fresh_seconds=fresh_seconds)


def separated(columns: Sequence[str], rows: Sequence[Sequence[Any]], dialect: str = "excel") -> str:
    """A table as comma separated text, or as `excel-tab`. Control characters in it are spaces."""
    out = io.StringIO()
    writer = csv.writer(out, dialect)
    writer.writerow(columns)
    writer.writerows([value if type(value) in _AS_THEY_ARE else _cell(value) for value in row] for row in rows)
    text = out.getvalue()
    told = text.encode("utf-8", "replace")
    return _CONTROL.sub(" ", text) if len(told.translate(None, _CONTROL_BYTES)) < len(told) else text


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return value
    plain = plainly(value)
    if isinstance(plain, bool):
        return str(plain).lower()
    return _LISTED.encode(plain) if isinstance(plain, dict | list) else "" if plain is None else plain


def atom_form(entries: Callable[[Answer, Asked], Sequence[Entry]]) -> Form:
    """A feed of these entries, the newest first."""

    def write(answer: Answer, asked: Asked) -> str:
        told = entries(answer, asked)
        page = asked.site.url(asked.link())
        lines = [
            '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">',
            xml("<title>{}</title>", answer.title or asked.endpoint.title),
            xml("<id>{}</id>", page),
            xml('<link rel="alternate" type="text/html" href="{}"/>', page),
            xml('<link rel="self" type="application/atom+xml" href="{}"/>', asked.site.url(asked.twin("atom"))),
            xml("<updated>{}</updated>", iso(max((e.updated for e in told), default=asked.as_of))),
            xml("<author><name>{}</name></author>", asked.site.settings.repository),
        ]
        lines += [_entry(one, asked) for one in told]
        return "\n".join([*lines, "</feed>\n"])

    return Form(f"{ATOM}; charset=utf-8", write)


def _entry(entry: Entry, asked: Asked) -> str:
    shape = (
        "<entry><title>{}</title><id>{}</id>"
        '<link href="{}"/><updated>{}</updated><summary type="text">{}</summary></entry>'
    )
    site = asked.site
    return xml(shape, entry.title, site.url(f"/#{entry.id}"), site.url(entry.path), iso(entry.updated), entry.text)


def xml(shape: str, *values: Any) -> str:
    """`shape` with the values escaped, without what XML cannot hold."""
    return shape.format(*(escape(_NOT_XML.sub(" ", str(value))) for value in values))


def geojson_form(features: Callable[[Answer, Asked], Sequence[Feature]], *, fresh_seconds: float = 0.0) -> Form:
    """A collection of these features; of all unless a part is asked for."""

    def write(answer: Answer, asked: Asked) -> str:
        made = [
            {"type": "Feature", "id": one.id, "geometry": one.geometry, "properties": one.properties}
            for one in features(answer, asked)
        ]
        return json_text({"type": "FeatureCollection", "features": made})

    return Form(GEOJSON, write, whole=True, fresh_seconds=fresh_seconds)


def text_form(write: Callable[[Answer, Asked], str], content_type: str = TEXT) -> Form:
    """Text."""
    return Form(content_type, write)


def page_form() -> Form:
    """The page itself, of the endpoint's template."""
    return Form("text/html; charset=utf-8", _page)


def _page(answer: Answer, asked: Asked) -> str:
    endpoint = asked.endpoint
    twins = tuple(
        Link("alternate", asked.twin(extension), form.content_type.partition(";")[0], form.whole)
        for extension, form in endpoint.twins.items()
    )
    return asked.site.templates.render(
        endpoint.template,
        **{
            **answer.only_page,
            "data": answer.data,
            "title": answer.title or endpoint.title,
            "asked": asked,
            "endpoint": endpoint,
            "site": asked.site,
            "as_of": asked.as_of,
            "now": asked.now,
            "links": {link.rel: link.href for link in answer.links},
            "twins": (*twins, *endpoint.alternates),
        },
    )


def _other(link: Link, extension: str) -> str:
    path, mark, query = link.href.partition("?")
    return (twin_path(path, extension) if extension else path) + mark + query


def link_header(answer: Answer, extension: str = "") -> str:
    """The value of the header Link: where the table goes on, in the form of this extension as well."""
    found = ((link.rel, _other(link, extension)) for link in answer.links if link.rel in PARTS)
    return ", ".join(f'<{href}>; rel="{rel}"' for rel, href in found)


__all__ = [
    "ATOM", "CSV", "GEOJSON", "JSON", "TEXT", "Entry", "Feature", "atom_form", "csv_form", "geojson_form", "json_form",
    "json_text", "link_header", "page_form", "plainly", "separated", "text_form", "xml",
]  # fmt: skip
